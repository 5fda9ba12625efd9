/* run_folder.c — making and reading the folder of a run.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/run_folder.h"

#include <string.h>

#include "base/file.h"

static sk_status check_empty(struct arena *arena, const char *run) {
    char **names;
    size_t count;
    if (!file_exists(run)) return SK_OK;
    FAIL_IF(!file_is_folder(run), SK_EUSAGE, "%s is a file; name a new folder with --out", run);
    TRY(folder_list(arena, run, LIST_FILES | LIST_FOLDERS, &names, &count));
    FAIL_IF(count > 0, SK_EUSAGE,
            "%s already holds a run or other files; go on with `siskin resume %s`, or name another "
            "folder with --out",
            run, run);
    return SK_OK;
}

sk_status run_folder_check(const char *run) {
    struct arena arena = {0};
    sk_status status = check_empty(&arena, run);
    arena_free(&arena);
    return status;
}

static sk_status make(struct arena *arena, const char *run) {
    TRY(check_empty(arena, run));
    char *checkpoints = path_join(arena, run, "checkpoints");
    return checkpoints ? folder_make(checkpoints) : SK_EMEMORY;
}

sk_status run_folder_make(const char *run) {
    struct arena arena = {0};
    sk_status status = make(&arena, run);
    arena_free(&arena);
    return status;
}

sk_status run_folder_begin(const char *run, const struct recipe *recipe) {
    struct arena arena = {0};
    struct text text = {0};
    char *path = path_join(&arena, run, "recipe.yaml");
    sk_status status = path ? recipe_write(recipe, &text) : SK_EMEMORY;
    if (status == SK_OK) status = file_replace(path, text.data, text.length);
    text_free(&text);
    arena_free(&arena);
    return status;
}

sk_status run_folder_split(const char *run, const struct dataset *dataset) {
    if (!dataset_was_split(dataset)) return SK_OK;
    struct arena arena = {0};
    char *folder = path_join(&arena, run, "split");
    sk_status status = folder ? dataset_write_lists(dataset, folder) : SK_EMEMORY;
    arena_free(&arena);
    return status;
}

sk_status run_folder_lists(const char *run, struct arena *arena, const char **lists) {
    char *folder = path_join(arena, run, "split");
    if (!folder) return SK_EMEMORY;
    *lists = file_is_folder(folder) ? folder : NULL;
    return SK_OK;
}

sk_status run_folder_open(const char *run, struct arena *arena, struct recipe *recipe) {
    char *path = path_join(arena, run, "recipe.yaml");
    if (!path) return SK_EMEMORY;
    FAIL_IF(!file_is_folder(run), SK_EIO, "there is no run %s", run);
    FAIL_IF(!file_exists(path), SK_EDATA, "%s is no run: it has no recipe.yaml", run);
    return recipe_load(recipe, arena, path);
}

const char *run_folder_best(const struct recipe *recipe) {
    bool of_ema = recipe->ema_form != CHOICE_EMA_NONE && recipe->ema_best == CHOICE_EMA_BEST_EMA;
    return of_ema ? "best_ema.safetensors" : "best.safetensors";
}
