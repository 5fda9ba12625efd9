/* recipe_arg.c — finding recipes by name.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/recipe_arg.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

const char *recipe_folder(struct arena *arena) {
    const char *set = getenv("SISKIN_RECIPES");
    if (set && set[0]) return file_is_folder(set) ? set : NULL;
    if (file_is_folder("recipes")) return "recipes";
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) return NULL;
    self[length] = '\0';
    self[path_base(self) - self] = '\0'; /* PREFIX/bin/ as installed, build/release/ in the source tree */
    static const char *const beside[] = {"../share/siskin/recipes", "../../recipes"};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        char *path = path_join(arena, self, beside[i]);
        if (path && file_is_folder(path)) return path;
    }
    return NULL;
}

static const char *const extension = ".yaml";

/* RECIPES/GROUP/NAME.yaml */
static sk_status add_group(struct arena *arena, const char *folder, const char *group, const char ***names,
                           size_t *count, size_t *capacity) {
    char **files;
    size_t found;
    char *path = path_join(arena, folder, group);
    if (!path) return SK_EMEMORY;
    TRY(folder_list(arena, path, LIST_FILES, &files, &found));
    for (size_t i = 0; i < found; i++) {
        /* _NAME.yaml is what others begin with */
        if (strcmp(path_extension(files[i]), extension) != 0 || files[i][0] == '_') continue;
        *names = arena_grow(arena, *names, capacity, *count + 1, sizeof **names);
        char *name = arena_printf(arena, "%s/%.*s", group, (int)(strlen(files[i]) - strlen(extension)), files[i]);
        if (!*names || !name) return SK_EMEMORY;
        (*names)[(*count)++] = name;
    }
    return SK_OK;
}

sk_status recipe_names(struct arena *arena, const char ***names, size_t *count) {
    const char *folder = recipe_folder(arena);
    *names = NULL;
    *count = 0;
    FAIL_IF(!folder, SK_EIO, "there is no folder of recipes: set SISKIN_RECIPES to it, or give a recipe's file");
    char **groups;
    size_t found, capacity = 0;
    TRY(folder_list(arena, folder, LIST_FOLDERS, &groups, &found));
    for (size_t i = 0; i < found; i++) TRY(add_group(arena, folder, groups[i], names, count, &capacity));
    return SK_OK;
}

static char *named_path(struct arena *arena, const char *name) {
    const char *folder = recipe_folder(arena);
    char *path = folder ? arena_printf(arena, "%s/%s%s", folder, name, extension) : NULL;
    return path && file_exists(path) ? path : NULL;
}

bool recipe_is_argument(struct arena *arena, const char *argument) {
    const char *dot = path_extension(argument);
    return strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || named_path(arena, argument);
}

static sk_status unknown_recipe(struct arena *arena, const char *argument) {
    const char **names = NULL;
    size_t count = 0;
    if (recipe_names(arena, &names, &count) != SK_OK) count = 0;
    return status_fail(SK_EUSAGE,
                       "there is no recipe %s%s; `siskin recipe list` names them, and a file's name ends in .yaml",
                       argument, near_hint(argument, names, count, "").text);
}

sk_status recipe_open(const struct call *call, struct arena *arena, const char *argument, struct recipe *recipe) {
    const char *path = file_exists(argument) && !file_is_folder(argument) ? argument : named_path(arena, argument);
    if (!path && strcmp(path_extension(argument), ".yaml") != 0 && strcmp(path_extension(argument), ".yml") != 0)
        return unknown_recipe(arena, argument);
    TRY(recipe_load(recipe, arena, path ? path : argument));
    TRY(call_overrides(call, recipe));
    return SK_OK;
}
