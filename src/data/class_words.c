/* class_words.c — classes that samples name: numbered as they come, sorted once all are known.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "data/folder.h"
#include "data/shards.h"

enum { FILE_BYTES_MAX = 64 << 20, FIRST_SLOTS = 4096 };

static size_t hash_of(const char *word) { /* FNV-1a */
    uint64_t hash = 14695981039346656037U;
    for (; *word; word++) hash = (hash ^ (uint8_t)*word) * 1099511628211U;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds the word, or the free one where it belongs. */
static size_t slot_of(const struct class_words *words, const char *word) {
    size_t at = hash_of(word) & (words->slots - 1);
    while (words->slot[at] && strcmp(words->word[words->slot[at] - 1], word) != 0) at = (at + 1) & (words->slots - 1);
    return at;
}

static sk_status grow(struct class_words *words) {
    size_t slots = words->slots ? words->slots * 2 : FIRST_SLOTS;
    words->slot = arena_array(words->arena, slots, sizeof *words->slot);
    if (!words->slot) return SK_EMEMORY;
    words->slots = slots;
    for (size_t i = 0; i < words->count; i++) words->slot[slot_of(words, words->word[i])] = (uint32_t)i + 1;
    return SK_OK;
}

int32_t class_words_find(const struct class_words *words, const char *word) {
    return words->slots ? (int32_t)words->slot[slot_of(words, word)] - 1 : -1;
}

sk_status class_words_add(struct class_words *words, const char *word, int32_t *number) {
    *number = class_words_find(words, word);
    if (*number >= 0) return SK_OK;
    char shown[256];
    FAIL_IF(!folder_is_class_name(word) || !word[0], SK_EDATA,
            "the class \"%s\" is empty, not UTF-8 or has control characters",
            printable(word, strlen(word), shown, sizeof shown));
    FAIL_IF(words->count >= DATA_CLASSES_MAX, SK_EDATA, "more than %d classes", DATA_CLASSES_MAX);
    if (2 * (words->count + 1) > words->slots) TRY(grow(words));
    char *copy = arena_strdup(words->arena, word);
    words->word =
        copy ? arena_grow(words->arena, words->word, &words->capacity, words->count + 1, sizeof *words->word) : NULL;
    if (!words->word) return SK_EMEMORY;
    size_t slot = slot_of(words, word);
    words->word[words->count++] = copy;
    words->slot[slot] = (uint32_t)words->count;
    *number = (int32_t)words->count - 1;
    return SK_OK;
}

struct ranked {
    char *word;
    int32_t number;
};

static int by_word(const void *a, const void *b) {
    return strcmp(((const struct ranked *)a)->word, ((const struct ranked *)b)->word);
}

sk_status class_words_sort(struct class_words *words, int32_t **rank) {
    struct ranked *ranked = arena_array(words->arena, words->count, sizeof *ranked);
    *rank = arena_array(words->arena, words->count, sizeof **rank);
    if (!ranked || !*rank) return SK_EMEMORY;
    for (size_t i = 0; i < words->count; i++) ranked[i] = (struct ranked){words->word[i], (int32_t)i};
    qsort(ranked, words->count, sizeof *ranked, by_word);
    for (size_t i = 0; i < words->count; i++) {
        (*rank)[ranked[i].number] = (int32_t)i;
        words->word[i] = ranked[i].word;
    }
    words->slots = 0; /* numbers are places now: what was found by the old ones is not asked any more */
    return SK_OK;
}

sk_status class_words_read(struct class_words *words, const char *path, bool *found) {
    uint8_t *text;
    size_t size;
    *found = file_exists(path);
    if (!*found) return SK_OK;
    TRY(file_read(words->arena, path, FILE_BYTES_MAX, &text, &size));
    FAIL_IF(strlen((char *)text) != size, SK_EFORMAT, "%s: a zero byte among the names of classes", path);
    for (char *line = (char *)text, *end; *line; line = end) {
        size_t before = words->count, length = strcspn(line, "\n");
        int32_t number;
        end = line + length + (line[length] == '\n');
        line[length] = 0;
        if (length && line[length - 1] == '\r') line[length - 1] = 0;
        sk_status status = class_words_add(words, line, &number);
        if (status == SK_OK && words->count == before)
            status = status_fail(SK_EDATA, "the class \"%.100s\" stands there twice", line);
        if (status != SK_OK) return status_prefix(status, "%s: line %zu", path, before + 1);
    }
    FAIL_IF(words->count == 0, SK_EDATA, "%s: names no class", path);
    return SK_OK;
}

sk_status shards_relabel(struct index_build *build, const int32_t *rank) {
    for (int part = 0; part < DATA_PARTS; part++) {
        struct text *labels = &build->part[part][INDEX_LABEL];
        for (uint32_t i = 0; i < index_build_count(build, (enum data_part)part); i++) {
            int32_t label;
            memcpy(&label, labels->data + (size_t)i * 4, sizeof label);
            index_relabel(build, (enum data_part)part, i, rank[label]);
        }
    }
    return SK_OK;
}
