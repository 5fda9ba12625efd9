/* tfrecord.c — pictures in TFRecord shards: as TFDS stores them, and as the classic ImageNet shards do.
 *
 * TFDS: NAME-train.tfrecord-00000-of-01024, features image, label (from 0), file_name; classes in label.labels.txt, their
 * number in features.json. Classic: train-00000-of-01024, image/encoded, image/class/label (from 1, 0 is background),
 * image/class/synset. Records are listed once (the sums of their lengths checked) and read where they lie, with the sum
 * of their data checked each time. Gzipped shards are refused: nothing can be read where it lies in them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "data/folder.h"
#include "data/shards.h"
#include "data/tf_example.h"

enum { SENTENCE_NAME = 4200, JSON_BYTES_MAX = 1 << 24, NAME_BYTES_MAX = 1024 };
static const char labels_file[] = "label.labels.txt", features_file[] = "features.json";

/* "…-00007-of-01024": the numbers. */
static bool of_numbers(const char *name, int *index, int *count) {
    size_t length = strlen(name);
    if (length < 15) return false;
    const char *at = name + length - 15;
    if (at[0] != '-' || strncmp(at + 6, "-of-", 4) != 0) return false;
    for (int i = 0; i < 5; i++)
        if (!isdigit((unsigned char)at[1 + i]) || !isdigit((unsigned char)at[10 + i])) return false;
    *index = atoi(at + 1);
    *count = atoi(at + 10);
    return true;
}

static bool is_name(const char *name) {
    int index, count;
    const char *extension = path_extension(name);
    if (strcmp(extension, ".tfrecord") == 0 || strcmp(extension, ".tfrecords") == 0 || strcmp(extension, ".tfrec") == 0)
        return true;
    const char *brace = strchr(name, '{');
    if (brace && (strstr(name, ".tfrec") || strstr(name, "-of-"))) return true;
    return of_numbers(name, &index, &count);
}

static bool detect(const char *path) {
    return shards_detect(path, is_name);
}

/* A name that says "of 1024" asks for the others. */
static sk_status check_complete(const struct shard_list *list) {
    for (size_t i = 0; i < list->count;) {
        int index, count;
        const char *path = list->item[i].path;
        size_t length = strlen(path), found = 0;
        if (!list->root[0] || !of_numbers(path, &index, &count)) {
            i++;
            continue;
        }
        for (int wanted = 0; i < list->count && of_numbers(list->item[i].path, &index, &count); i++, wanted++) {
            if (strlen(list->item[i].path) != length || strncmp(list->item[i].path, path, length - 15) != 0) break;
            FAIL_IF(index != wanted, SK_EDATA,
                    "%s/%.*s-%05d-of-%05d is missing; name the shards by a pattern to do without", list->root,
                    (int)(length - 15), path, wanted, count);
            found++;
        }
        of_numbers(path, &index, &count);
        FAIL_IF(found < (size_t)count, SK_EDATA,
                "%s/%.*s: %zu shards of %d; name them by a pattern to do without the others", list->root,
                (int)(length - 15), path, found, count);
    }
    return SK_OK;
}

/* ---- listing ---- */

struct listing {
    struct index_build *build;
    struct arena *arena;
    struct class_words words; /* names given beside the shards, or labels that are words */
    size_t given;
    const char *clash; /* what to say where numbers mean two classes, or NULL */
    char **synset;     /* [label] of classic shards, or NULL */
    size_t synsets;
    int64_t least, most; /* labels */
    bool any, classic, by_word;
};

static sk_status note_synset(struct listing *l, const struct tf_example *example, const char *what) {
    size_t label = (size_t)example->label;
    if (!example->synset.bytes || !example->classic) return SK_OK;
    l->synset = arena_grow(l->arena, l->synset, &l->synsets, label + 1, sizeof *l->synset);
    if (!l->synset) return SK_EMEMORY;
    const char *text = (const char *)example->synset.bytes;
    size_t size = example->synset.size;
    if (!l->synset[label]) {
        l->synset[label] = arena_strndup(l->arena, text, size);
        if (!l->synset[label]) return SK_EMEMORY;
        FAIL_IF(!folder_is_class_name(l->synset[label]), SK_EDATA, "%s: its synset is no name", what);
    }
    FAIL_IF(strlen(l->synset[label]) != size || memcmp(l->synset[label], text, size) != 0, SK_EDATA,
            "%s: label %zu is the synset %.*s here, and %.40s before", what, label, (int)(size < 40 ? size : 40), text,
            l->synset[label]);
    return SK_OK;
}

/* The provisional label of a record. */
static sk_status label_of(struct listing *l, const struct tf_example *e, enum data_part part, const char *what,
                          int32_t *label) {
    bool by_word = !e->has_label && e->word.bytes;
    FAIL_IF(!e->has_label && !by_word, SK_EDATA,
            "%s: no class in it: expected a feature \"label\" or \"image/class/label\"", what);
    FAIL_IF(l->any && (l->classic != e->classic || l->by_word != by_word), SK_EDATA,
            "%s says its class otherwise than records before", what);
    l->classic = e->classic;
    l->by_word = by_word;
    if (by_word) {
        char *word = arena_strndup(l->arena, (const char *)e->word.bytes, e->word.size < 4096 ? e->word.size : 4096);
        l->any = true;
        if (!word) return SK_EMEMORY;
        sk_status status = class_words_add(&l->words, word, label);
        return status == SK_OK ? SK_OK : status_prefix(status, "%s", what);
    }
    FAIL_IF(e->label < 0 || e->label > DATA_CLASSES_MAX, SK_EDATA, "%s has the class %lld%s", what, (long long)e->label,
            e->label == -1 && part == DATA_TEST ? ": a test part without classes; name train and val by a pattern"
                                                : "");
    *label = (int32_t)e->label;
    if (!l->any || e->label < l->least) l->least = e->label;
    if (!l->any || e->label > l->most) l->most = e->label;
    l->any = true;
    return note_synset(l, e, what);
}

static sk_status add_record(struct listing *l, const struct shard *shard, const uint8_t *data, size_t size,
                            const size_t place[2], const char *what) {
    struct tf_example example;
    int32_t label;
    char name[NAME_BYTES_MAX];
    TRY(tf_example_parse(data, size, what, &example));
    TRY(label_of(l, &example, shard->part, what, &label));
    size_t length = example.name.size < sizeof name ? example.name.size : sizeof name - 1;
    if (example.name.bytes && length && utf8_valid((const char *)example.name.bytes, length))
        printable((const char *)example.name.bytes, length, name, sizeof name);
    else
        snprintf(name, sizeof name, "%zu", place[0]);
    FAIL_IF(size > FOLDER_FILE_MAX, SK_EDATA, "%s has %zu bytes; at most %d are read", what, size, FOLDER_FILE_MAX);
    index_add_at(l->build, shard->part, name, label, place[1], (uint32_t)(size + RECORD_HEAD + RECORD_TAIL));
    return SK_OK;
}

static sk_status list_records(struct listing *l, const struct shard *shard, const struct file_bytes *bytes,
                              const char *path) {
    char what[SENTENCE_NAME];
    size_t place[2] = {0, 0}; /* number, offset */
    FAIL_IF(bytes->size >= 2 && bytes->data[0] == 0x1f && bytes->data[1] == 0x8b, SK_EFORMAT,
            "%s is gzipped: unpack it; records are read where they lie", path);
    if (bytes->size > 0) index_group(l->build, shard->part, shard->path);
    while (place[1] < bytes->size) {
        size_t left = bytes->size - place[1];
        uint64_t length;
        snprintf(what, sizeof what, "%s: record %zu", path, place[0]);
        FAIL_IF(left < RECORD_HEAD + RECORD_TAIL, SK_EFORMAT, "%s: the file ends within its head: cut short", what);
        TRY(record_length(bytes->data + place[1], what, &length));
        FAIL_IF(length > left - RECORD_HEAD - RECORD_TAIL, SK_EFORMAT,
                "%s has %llu bytes, and the file ends before: cut short", what, (unsigned long long)length);
        TRY(add_record(l, shard, bytes->data + place[1] + RECORD_HEAD, (size_t)length, place, what));
        place[0]++;
        place[1] += RECORD_HEAD + (size_t)length + RECORD_TAIL;
    }
    return SK_OK;
}

static sk_status list_shards(struct listing *l, const struct shard_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        struct file_bytes bytes;
        char *path = shards_path(l->arena, list, list->item[i].path);
        if (!path) return SK_EMEMORY;
        TRY(file_map(path, &bytes));
        file_jumps(&bytes);
        sk_status status = list_records(l, &list->item[i], &bytes, path);
        file_unmap(&bytes);
        TRY(status);
    }
    return index_build_check(l->build, list->item[0].path);
}

/* ---- classes ---- */

/* From 1 in classic shards, where no record is of class 0, the background. */
static sk_status shift_labels(struct listing *l) {
    if (!l->classic || l->by_word || l->least < 1) return SK_OK;
    int32_t *rank = arena_array(l->arena, (size_t)l->most + 1, sizeof *rank);
    if (!rank) return SK_EMEMORY;
    for (int64_t i = 1; i <= l->most; i++) rank[i] = (int32_t)i - 1;
    for (size_t i = 1; i < l->synsets; i++) l->synset[i - 1] = l->synset[i];
    if (l->synsets) l->synset[l->synsets - 1] = NULL;
    l->most--;
    return shards_relabel(l->build, rank);
}

static sk_status declared_classes(const struct listing *l, const char *path, int64_t *count) {
    uint8_t *text;
    size_t size;
    struct json *json;
    *count = 0;
    if (!path) return SK_OK;
    TRY(file_read(l->arena, path, JSON_BYTES_MAX, &text, &size));
    TRY(json_parse(l->arena, (const char *)text, size, path, &json));
    const struct json *label = json_get(json_get(json_get(json, "featuresDict"), "features"), "label");
    const char *number = json_string(json_get(label, "classLabel"), "numClasses", "0");
    if (!parse_i64(number, count)) *count = 0;
    return SK_OK;
}

static sk_status name_numbers(struct listing *l, int64_t declared) {
    FAIL_IF(declared && l->most >= declared, SK_EDATA, "a record has the class %lld, but %s says that there are %lld",
            (long long)l->most, features_file, (long long)declared);
    FAIL_IF(declared > DATA_CLASSES_MAX, SK_EDATA, "%s: %lld classes", features_file, (long long)declared);
    for (int64_t c = 0; c < (declared ? declared : l->most + 1); c++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)c);
        bool known = (size_t)c < l->synsets && l->synset[c];
        index_class(l->build, known ? l->synset[c] : number);
    }
    return SK_OK;
}

static sk_status name_classes(struct listing *l, const char *features) {
    int64_t declared;
    if (l->by_word && !l->given) {
        int32_t *rank;
        TRY(class_words_sort(&l->words, &rank));
        TRY(shards_relabel(l->build, rank));
    }
    FAIL_IF(l->by_word && l->given && l->words.count > l->given, SK_EDATA, "the class \"%s\" of a record is not in %s",
            l->words.word[l->given], labels_file);
    FAIL_IF(!l->by_word && l->clash, SK_EDATA, "%s", l->clash);
    TRY(shift_labels(l));
    FAIL_IF(!l->by_word && l->given && l->most >= (int64_t)l->given, SK_EDATA,
            "a record has the class %lld, but %s names %zu", (long long)l->most, labels_file, l->given);
    if (!l->by_word && !l->given) {
        TRY(declared_classes(l, features, &declared));
        return name_numbers(l, declared);
    }
    for (size_t c = 0; c < l->words.count; c++) index_class(l->build, l->words.word[c]);
    return SK_OK;
}

/* ---- the format ---- */

static sk_status build_index(struct dataset *dataset, const struct shard_list *list, struct index_build *build) {
    struct listing l = {.build = build, .arena = &dataset->arena, .words = {.arena = &dataset->arena}};
    const char *features = shards_beside_named(list, features_file);
    if (features && !(features = shards_path(&dataset->arena, list, features))) return SK_EMEMORY;
    TRY(shards_class_words(&l.words, list, labels_file, &l.clash));
    l.given = l.words.count;
    TRY(shards_stamp(build, &dataset->arena, list));
    TRY(list_shards(&l, list));
    FAIL_IF(!l.any, SK_EDATA, "%s: no records in it", dataset->path);
    return name_classes(&l, features);
}

static sk_status open_tfrecord(struct dataset *dataset, const char *path) {
    static const struct shard_source source = {.format = "tfrecord",
                                               .is_shard = is_name,
                                               .beside = {labels_file, features_file},
                                               .check = check_complete,
                                               .build = build_index};
    return shards_open(dataset, path, &source);
}

static sk_status fetch(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded) {
    struct tf_example example;
    uint64_t length;
    TRY(shards_fetch(dataset, source, sample, scratch, encoded));
    FAIL_IF(encoded->size < RECORD_HEAD + RECORD_TAIL, SK_EFORMAT, "%s: no record", encoded->what);
    TRY(record_length(encoded->bytes, encoded->what, &length));
    FAIL_IF(length != encoded->size - RECORD_HEAD - RECORD_TAIL, SK_EFORMAT,
            "%s: another record lies there than when it was listed", encoded->what);
    TRY(record_check(encoded->bytes + RECORD_HEAD, (size_t)length, encoded->what));
    TRY(tf_example_parse(encoded->bytes + RECORD_HEAD, (size_t)length, encoded->what, &example));
    encoded->bytes = example.image.bytes;
    encoded->size = example.image.size;
    return SK_OK;
}

const struct data_format data_format_tfrecord = {
    .what = "TFRecord shards", .detect = detect, .open = open_tfrecord, .fetch = fetch, .patterns = true};
