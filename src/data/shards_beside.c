/* shards_beside.c — files beside shards that name their classes, and whether all of them say the same.
 *
 * Train and val packed apart have a list each. Where labels are numbers and the lists differ, a number means one class in
 * training and another in validation: accuracy near chance, and no other sign of it. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "data/shards.h"

/* The first of the names that lies in the folder, unless the folder was asked before. */
static sk_status look_in(struct arena *arena, struct shard_list *list, const char *folder, const char *const names[],
                         size_t count) {
    for (size_t i = 0; i < list->beside_count; i++) {
        const char *known = list->beside[i], *base = path_base(known);
        size_t length = (size_t)(base - known);
        if (length == strlen(folder) + (folder[0] != 0) && strncmp(known, folder, strlen(folder)) == 0) return SK_OK;
    }
    for (size_t i = 0; i < count; i++) {
        char *path = folder[0] ? path_join(arena, folder, names[i]) : arena_strdup(arena, names[i]);
        char *whole = path ? shards_path(arena, list, path) : NULL;
        if (!whole) return SK_EMEMORY;
        if (!file_exists(whole)) continue;
        list->beside =
            arena_grow(arena, list->beside, &list->beside_capacity, list->beside_count + 1, sizeof *list->beside);
        if (!list->beside) return SK_EMEMORY;
        list->beside[list->beside_count++] = path;
        return SK_OK;
    }
    return SK_OK;
}

sk_status shards_beside(struct arena *arena, struct shard_list *list, const char *const names[], size_t count) {
    const char *before = NULL;
    size_t before_length = 0;
    if (list->root[0]) TRY(look_in(arena, list, "", names, count));
    for (size_t i = 0; i < list->count; i++) {
        const char *path = list->item[i].path, *base = path_base(path);
        size_t length = base > path ? (size_t)(base - path) - 1 : 0;
        if (before && before_length == length && strncmp(before, path, length) == 0) continue;
        before = path, before_length = length;
        char *folder = arena_strndup(arena, path, length);
        if (!folder) return SK_EMEMORY;
        TRY(look_in(arena, list, folder, names, count));
    }
    return SK_OK;
}

const char *shards_beside_named(const struct shard_list *list, const char *name) {
    for (size_t i = 0; i < list->beside_count; i++)
        if (strcmp(path_base(list->beside[i]), name) == 0) return list->beside[i];
    return NULL;
}

static const char *word_at(const struct class_words *words, size_t i) {
    return i < words->count ? words->word[i] : "nothing";
}

sk_status shards_class_words(struct class_words *words, const struct shard_list *list, const char *name,
                             const char **clash) {
    const char *first = NULL;
    *clash = NULL;
    for (size_t i = 0; i < list->beside_count; i++) {
        struct class_words others = {.arena = words->arena};
        bool found;
        if (strcmp(path_base(list->beside[i]), name) != 0) continue;
        char *path = shards_path(words->arena, list, list->beside[i]);
        if (!path) return SK_EMEMORY;
        TRY(class_words_read(first ? &others : words, path, &found));
        if (!first) {
            first = path;
            continue;
        }
        size_t at = 0;
        while (at < words->count && at < others.count && strcmp(words->word[at], others.word[at]) == 0) at++;
        if (*clash || (at == words->count && at == others.count)) continue;
        *clash = arena_printf(
            words->arena,
            "class %zu is \"%.100s\" in %.300s, but \"%.100s\" in %.300s, and the labels are numbers: the same "
            "number would mean two classes; pack both parts with one list of classes",
            at, word_at(words, at), first, word_at(&others, at), path);
        if (!*clash) return SK_EMEMORY;
    }
    return SK_OK;
}
