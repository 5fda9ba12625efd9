/* split_lists.c — the parts as lists of names, one file a part: what a run was trained on is what it is judged on.
 *
 * A list names each picture as dataset_name does: a path inside the source, or "train/17" where all pixels lie in one
 * file. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/format.h"

enum { LIST_BYTES_MAX = 1 << 30, NAME_BYTES_MAX = 4096 };

static char *list_path(struct arena *arena, const char *folder, int part) {
    return arena_printf(arena, "%s/%s.txt", folder, data_part_name((enum data_part)part));
}

static sk_status write_list(const char *path, const struct dataset *dataset, enum data_part part) {
    struct text text = {0};
    char name[NAME_BYTES_MAX];
    for (uint32_t i = 0; i < dataset_count(dataset, part); i++)
        text_addf(&text, "%s\n", dataset_name(dataset, part, i, name, sizeof name));
    sk_status status = text_check(&text);
    if (status == SK_OK) status = file_replace(path, text.data ? text.data : "", text.length);
    text_free(&text);
    return status;
}

sk_status dataset_write_lists(const struct dataset *dataset, const char *folder) {
    struct arena arena = {0};
    sk_status status = folder_make(folder);
    for (int part = 0; part < DATA_PARTS && status == SK_OK; part++) {
        char *path = list_path(&arena, folder, part);
        if (dataset_count(dataset, (enum data_part)part) == 0) continue;
        status = path ? write_list(path, dataset, (enum data_part)part) : SK_EMEMORY;
    }
    arena_free(&arena);
    return status;
}

/* ---- reading ---- */

/* All names of the source's files, sorted, with where they are. */
struct place {
    const char *name;
    enum data_part source;
    uint32_t sample;
};

struct name_index {
    struct text names;
    struct place *place;
    size_t count;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

/* Names in one text first: it moves while it grows. */
static sk_status make_index(const struct dataset *dataset, struct arena *arena, struct name_index *index) {
    size_t all = 0;
    char name[NAME_BYTES_MAX];
    for (int part = 0; part < DATA_PARTS; part++)
        if (dataset->source[part].index) all += dataset->source[part].count;
    index->place = arena_array(arena, all + 1, sizeof *index->place);
    if (!index->place) return SK_EMEMORY;
    for (int part = 0; part < DATA_PARTS; part++)
        for (uint32_t i = 0; dataset->source[part].index && i < dataset->source[part].count; i++) {
            index_name(dataset->source[part].index, i, name, sizeof name);
            text_add_n(&index->names, name, strlen(name) + 1);
            index->place[index->count++] = (struct place){NULL, (enum data_part)part, i};
        }
    TRY(text_check(&index->names));
    const char *at = index->names.data;
    for (size_t i = 0; i < index->count; i++, at += strlen(at) + 1) index->place[i].name = at;
    qsort(index->place, index->count, sizeof *index->place, by_name);
    return SK_OK;
}

/* Where the picture of that name lies; false: nowhere. */
static bool find_place(const struct dataset *dataset, const struct name_index *index, const char *name,
                       struct place *place) {
    struct place key = {.name = name};
    const struct place *found = bsearch(&key, index->place, index->count, sizeof key, by_name);
    if (found) *place = *found;
    if (found || index->count > 0) return found;
    for (int part = 0; part < DATA_PARTS; part++) {
        const char *word = data_part_name((enum data_part)part);
        size_t length = strlen(word);
        int64_t number;
        if (strncmp(name, word, length) != 0 || name[length] != '/' || !parse_i64(name + length + 1, &number)) continue;
        *place = (struct place){name, (enum data_part)part, (uint32_t)number};
        return number >= 0 && number < dataset->source[part].count;
    }
    return false;
}

static sk_status take_names(struct dataset *dataset, const struct name_index *index, const char *path, char *text,
                            struct data_list *list) {
    size_t capacity = 0;
    for (char *line = text, *end; *line; line = end) {
        struct place place = {0};
        end = line + strcspn(line, "\n");
        if (*end) *end++ = 0;
        if (!*line) continue;
        FAIL_IF(!find_place(dataset, index, line, &place), SK_EDATA,
                "%s names %.200s, which is not in %s: the run began with it. Put it back, or begin a new run", path,
                line, dataset->path);
        FAIL_IF(list->count > 0 && place.source != list->source, SK_EDATA,
                "%s names pictures of %s and of %s of %s: a part comes from one of them", path,
                data_part_name(list->source), data_part_name(place.source), dataset->path);
        uint32_t *grown = arena_grow(&dataset->arena, list->samples, &capacity, list->count + 1, sizeof *grown);
        if (!grown) return SK_EMEMORY;
        list->samples = grown;
        list->samples[list->count++] = place.sample;
        list->source = place.source;
    }
    return SK_OK;
}

static sk_status read_lists(struct dataset *dataset, struct arena *arena, struct name_index *index,
                            const char *folder) {
    TRY(make_index(dataset, arena, index));
    for (int part = 0; part < DATA_PARTS; part++) {
        char *path = list_path(arena, folder, part);
        uint8_t *text;
        size_t size;
        if (!path) return SK_EMEMORY;
        dataset->list[part] = (struct data_list){.source = DATA_TRAIN};
        if (!file_exists(path)) continue;
        TRY(file_read(arena, path, LIST_BYTES_MAX, &text, &size));
        TRY(take_names(dataset, index, path, (char *)text, &dataset->list[part]));
    }
    FAIL_IF(dataset->list[DATA_TRAIN].count == 0, SK_EDATA, "%s holds no list of pictures to train on", folder);
    dataset->split = true;
    return SK_OK;
}

sk_status data_read_lists(struct dataset *dataset, const char *folder) {
    struct arena arena = {0};
    struct name_index index = {0};
    sk_status status = read_lists(dataset, &arena, &index, folder);
    text_free(&index.names);
    arena_free(&arena);
    return status;
}
