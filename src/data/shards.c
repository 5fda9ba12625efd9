/* shards.c — finds the shards of a SPEC, knows a kept index of them, and reads what it places.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/shards.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/folder.h"

/* ---- patterns ---- */

struct paths {
    char **item;
    size_t count, capacity;
};

static sk_status paths_add(struct arena *arena, struct paths *paths, char *path) {
    FAIL_IF(paths->count >= SHARDS_MAX, SK_EUSAGE, "more than %d shards", SHARDS_MAX);
    paths->item = path ? arena_grow(arena, paths->item, &paths->capacity, paths->count + 1, sizeof *paths->item) : NULL;
    if (!paths->item) return SK_EMEMORY;
    paths->item[paths->count++] = path;
    return SK_OK;
}

/* "a..b" with the zeros of a; false where it is no such range. */
static bool parse_range(const char *text, size_t length, int64_t *from, int64_t *to, int *width) {
    char copy[48];
    if (length >= sizeof copy) return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    char *dots = strstr(copy, "..");
    if (!dots) return false;
    *dots = 0;
    *width = (int)strlen(copy);
    return isdigit((unsigned char)copy[0]) && isdigit((unsigned char)dots[2]) && parse_i64(copy, from) &&
           parse_i64(dots + 2, to);
}

/* The brace that closes the one at `open`; NULL where none does. */
static const char *closing(const char *open) {
    int depth = 0;
    for (const char *at = open; *at; at++) {
        depth += (*at == '{') - (*at == '}');
        if (depth == 0) return at;
    }
    return NULL;
}

/* Up to the next comma or the end, over pairs of braces. */
static size_t word_length(const char *word, const char *end) {
    const char *at = word;
    for (int depth = 0; at < end && (depth > 0 || *at != ','); at++) depth += (*at == '{') - (*at == '}');
    return (size_t)(at - word);
}

/* The first pair of braces of `path` written out, appended to `out`; no braces: the path itself. */
static sk_status expand_first(struct arena *arena, const char *path, struct paths *out) {
    const char *open = strchr(path, '{'), *close = open ? closing(open) : NULL;
    if (!open) return paths_add(arena, out, arena_strdup(arena, path));
    FAIL_IF(!close, SK_EUSAGE, "%s: a { without its }", path);
    int before = (int)(open - path), width;
    int64_t from, to;
    if (parse_range(open + 1, (size_t)(close - open - 1), &from, &to, &width)) {
        FAIL_IF(to < from || to - from >= SHARDS_MAX, SK_EUSAGE, "%s: %lld..%lld names no shards, or more than %d",
                path, (long long)from, (long long)to, SHARDS_MAX);
        for (int64_t i = from; i <= to; i++)
            TRY(paths_add(arena, out,
                          arena_printf(arena, "%.*s%0*lld%s", before, path, width, (long long)i, close + 1)));
        return SK_OK;
    }
    for (const char *word = open + 1; word <= close;) {
        size_t length = word_length(word, close);
        TRY(paths_add(arena, out, arena_printf(arena, "%.*s%.*s%s", before, path, (int)length, word, close + 1)));
        word += length + 1;
    }
    return SK_OK;
}

static sk_status expand_one(struct arena *arena, const char *pattern, struct paths *all) {
    struct paths paths = {0};
    TRY(paths_add(arena, &paths, arena_strdup(arena, pattern)));
    for (bool open = true; open;) { /* each round takes a pair of braces out of every path */
        struct paths next = {0};
        open = false;
        for (size_t i = 0; i < paths.count; i++) {
            open = open || strchr(paths.item[i], '{');
            TRY(expand_first(arena, paths.item[i], &next));
        }
        paths = next;
    }
    for (size_t i = 0; i < paths.count; i++) TRY(paths_add(arena, all, paths.item[i]));
    return SK_OK;
}

sk_status shards_expand(struct arena *arena, const char *pattern, char ***paths, size_t *count) {
    struct paths all = {0};
    for (const char *at = pattern; at;) {
        const char *end = strstr(at, "::");
        char *one = end ? arena_strndup(arena, at, (size_t)(end - at)) : arena_strdup(arena, at);
        if (!one) return SK_EMEMORY;
        TRY(expand_one(arena, one, &all));
        at = end ? end + 2 : NULL;
    }
    *paths = all.item;
    *count = all.count;
    return SK_OK;
}

/* ---- finding ---- */

enum data_part shards_part(const char *name) {
    static const struct {
        const char *word;
        enum data_part part;
    } words[] = {{"train", DATA_TRAIN}, {"training", DATA_TRAIN}, {"val", DATA_VAL},
                 {"valid", DATA_VAL},   {"validation", DATA_VAL}, {"test", DATA_TEST}};
    for (const char *at = name; *at;) {
        size_t length = 0;
        while (isalpha((unsigned char)at[length])) length++;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (length == strlen(words[i].word) && strncmp(at, words[i].word, length) == 0) return words[i].part;
        at += length ? length : 1;
    }
    return DATA_TRAIN;
}

static sk_status list_add(struct arena *arena, struct shard_list *list, char *path, enum data_part part) {
    FAIL_IF(list->count >= SHARDS_MAX, SK_EUSAGE, "more than %d shards", SHARDS_MAX);
    list->item = path ? arena_grow(arena, list->item, &list->capacity, list->count + 1, sizeof *list->item) : NULL;
    if (!list->item) return SK_EMEMORY;
    struct shard *shard = &list->item[list->count++];
    *shard = (struct shard){.path = path, .part = part};
    char *whole = shards_path(arena, list, path);
    return whole ? file_stamp(whole, &shard->stamp) : SK_EMEMORY;
}

char *shards_path(struct arena *arena, const struct shard_list *list, const char *path) {
    return path_join(arena, list->root, path);
}

/* Shards in one folder; its name says the part where theirs do not. */
static sk_status find_in(struct arena *arena, struct shard_list *list, const char *below, int part,
                         shard_name *is_shard) {
    char **names, *folder = below[0] ? path_join(arena, list->root, below) : arena_strdup(arena, list->root);
    size_t count;
    if (!folder) return SK_EMEMORY;
    TRY(folder_list(arena, folder, LIST_FILES, &names, &count));
    for (size_t i = 0; i < count; i++) {
        if (folder_is_litter(names[i]) || !is_shard(names[i])) continue;
        TRY(list_add(arena, list, path_join(arena, below, names[i]),
                     part < 0 ? shards_part(names[i]) : (enum data_part)part));
    }
    return SK_OK;
}

static sk_status find_below(struct arena *arena, struct shard_list *list, shard_name *is_shard) {
    static const char *const folders[] = {"train", "val", "validation", "test"};
    TRY(find_in(arena, list, "", -1, is_shard));
    for (int i = 0; i < 4 && list->count == 0; i++) {
        for (; i < 4; i++) {
            char *path = path_join(arena, list->root, folders[i]);
            if (!path) return SK_EMEMORY;
            if (file_is_folder(path)) TRY(find_in(arena, list, folders[i], shards_part(folders[i]), is_shard));
        }
    }
    return SK_OK;
}

static int by_part(const void *a, const void *b) {
    const struct shard *x = a, *y = b;
    if (x->part != y->part) return x->part < y->part ? -1 : 1;
    return strcmp(x->path, y->path);
}

sk_status shards_find(struct arena *arena, const char *path, shard_name *is_shard, struct shard_list *list) {
    *list = (struct shard_list){.root = ""};
    if (file_is_folder(path)) {
        list->root = path;
        TRY(find_below(arena, list, is_shard));
        FAIL_IF(list->count == 0, SK_EDATA, "%s: no shards in it, nor in its folders train and val", path);
    } else {
        char **paths;
        size_t count;
        TRY(shards_expand(arena, path, &paths, &count));
        for (size_t i = 0; i < count; i++) {
            const char *slash = strrchr(paths[i], '/');
            enum data_part part = shards_part(path_base(paths[i]));
            if (part == DATA_TRAIN && slash && !strstr(path_base(paths[i]), "train")) { /* …/val/000001.tar */
                const char *before = slash;
                while (before > paths[i] && before[-1] != '/') before--;
                char *folder = arena_strndup(arena, before, (size_t)(slash - before));
                if (!folder) return SK_EMEMORY;
                part = shards_part(folder);
            }
            TRY(list_add(arena, list, paths[i], part));
        }
    }
    qsort(list->item, list->count, sizeof *list->item, by_part);
    return SK_OK;
}

static bool any_named(const char *path, shard_name *is_shard) {
    struct arena arena = {0};
    char **names;
    size_t count = 0;
    bool any = false;
    if (file_is_folder(path) && folder_list(&arena, path, LIST_FILES, &names, &count) == SK_OK)
        for (size_t i = 0; i < count && !any; i++) any = !folder_is_litter(names[i]) && is_shard(names[i]);
    arena_free(&arena);
    return any;
}

/* Folders beside shards would be classes. */
static bool has_folders(const char *path) {
    struct arena arena = {0};
    char **names;
    size_t count = 0;
    bool any = false;
    if (folder_list(&arena, path, LIST_FOLDERS, &names, &count) == SK_OK)
        for (size_t i = 0; i < count && !any; i++) any = !folder_is_litter(names[i]);
    arena_free(&arena);
    return any;
}

bool shards_detect(const char *path, shard_name *is_shard) {
    char below[FOLDER_PATH_MAX];
    if (!file_is_folder(path)) return (file_exists(path) || strpbrk(path, "{:")) && is_shard(path_base(path));
    if (any_named(path, is_shard)) return !has_folders(path);
    snprintf(below, sizeof below, "%s/train", path);
    return any_named(below, is_shard);
}

/* ---- the kept index ---- */

static bool is_same_list(const struct index *index, const struct shard_list *list) {
    if (index->stamp_count != list->count + list->beside_count) return false;
    for (size_t i = 0; i < index->stamp_count; i++) {
        const char *path = i < list->count ? list->item[i].path : list->beside[i - list->count];
        if (strcmp(index->text + index->stamp[i].path, path) != 0) return false;
    }
    return true;
}

static sk_status load_from(struct dataset *dataset, const struct shard_list *list, const struct index_place *place,
                           bool *found) {
    struct index index;
    TRY(index_load(place, list->root, &index, found));
    if (!*found) return SK_OK;
    *found = is_same_list(&index, list);
    if (*found) return data_take_index(dataset, &index);
    index_free(&index);
    return SK_OK;
}

sk_status shards_load(struct dataset *dataset, const struct shard_list *list, const struct index_place *place,
                      bool *found) {
    struct index_place packed = {0}; /* of any key: the folder may have moved */
    *found = false;
    if (list->root[0]) {
        packed.file = path_join(&dataset->arena, list->root, SHARDS_INDEX);
        if (!packed.file) return SK_EMEMORY;
        TRY(load_from(dataset, list, &packed, found));
    }
    return *found ? SK_OK : load_from(dataset, list, place, found);
}

sk_status shards_stamp(struct index_build *build, struct arena *arena, const struct shard_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const struct file_stamp *stamp = &list->item[i].stamp;
        index_stamp_add(build, list->item[i].path,
                        (struct index_stamp){.size = stamp->size, .changed_ns = stamp->changed_ns});
    }
    for (size_t i = 0; i < list->beside_count; i++) {
        struct file_stamp stamp;
        char *path = shards_path(arena, list, list->beside[i]);
        if (!path) return SK_EMEMORY;
        TRY(file_stamp(path, &stamp));
        index_stamp_add(build, list->beside[i],
                        (struct index_stamp){.size = stamp.size, .changed_ns = stamp.changed_ns});
    }
    return SK_OK;
}

/* ---- reading ---- */

sk_status shards_fetch(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded) {
    const struct index_part *part = dataset->source[source].index;
    const char *group = part->text + part->group[index_group_of(part, sample)], *root = dataset->root;
    char path[FOLDER_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s%s", root, root[0] ? "/" : "", group);
    FAIL_IF(length < 0 || (size_t)length >= sizeof path, SK_EIO, "%.200s…: the path is longer than %d bytes", path,
            FOLDER_PATH_MAX);
    snprintf(encoded->what, sizeof encoded->what, "%s: %s", path, part->text + part->name[sample]);
    uint8_t *bytes = scratch->slot[SCRATCH_FILE].data;
    encoded->size = part->size[sample];
    sk_status status = file_read_at(path, part->offset[sample], encoded->size, dataset->options.read_ahead, &bytes,
                                    &scratch->slot[SCRATCH_FILE].capacity);
    scratch->slot[SCRATCH_FILE].data = bytes;
    encoded->bytes = bytes;
    return status == SK_EFORMAT ? status_prefix(status, "%s", part->text + part->name[sample]) : status;
}

/* ---- opening ---- */

sk_status shards_open(struct dataset *dataset, const char *path, const struct shard_source *source) {
    struct shard_list list;
    struct index_place place;
    struct index_build build = {0};
    size_t names = 0;
    bool found;
    while (source->beside[names]) names++;
    dataset->channels = 3;
    TRY(shards_find(&dataset->arena, path, source->is_shard, &list));
    if (source->check) TRY(source->check(&list));
    TRY(shards_beside(&dataset->arena, &list, source->beside, names));
    dataset->root = list.root;
    TRY(index_place(&dataset->arena, dataset->options.index_cache, source->format, path, &place));
    TRY(shards_load(dataset, &list, &place, &found));
    if (found) return SK_OK;
    sk_status status = source->build(dataset, &list, &build);
    return data_take_build(dataset, &build, &place, status);
}
