/* tar.c — pictures in tar shards, named as WebDataset names them: KEY.jpg beside KEY.cls or KEY.json.
 *
 * Members of one key stand together; the key is the name up to the first dot behind the last slash. A class is the whole
 * number or the word in .cls, or "label", "cls" or "class" in .json; where neither is there, the folder of the name, or
 * the inner archive, as in ImageNet's own tar of tars. Members are listed once and read where they lie.
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/tar.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "data/folder.h"
#include "data/tar_walk.h"

enum { LABEL_BYTES_MAX = 4096, JSON_BYTES_MAX = 16 << 20 };

bool tar_is_name(const char *name) {
    return strcasecmp(path_extension(name), ".tar") == 0;
}

/* The file's name begins, for its folder and its extension, where the key ends. */
static size_t key_length(const char *name) {
    const char *base = path_base(name), *dot = strchr(base[0] == '.' ? base + 1 : base, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* ---- labels ---- */

static sk_status set_kind(struct tar_reader *reader, enum tar_label kind) {
    static const char *const words[] = {"", "a whole number", "a class's name", "a folder"};
    if (reader->kind == TAR_LABEL_NONE) reader->kind = kind;
    FAIL_IF(reader->kind != kind, SK_EDATA, "%s says its class by %s, and samples before by %s", reader->key,
            words[kind], words[reader->kind]);
    return SK_OK;
}

static sk_status label_number(struct tar_reader *reader, int64_t value) {
    TRY(set_kind(reader, TAR_LABEL_NUMBER));
    FAIL_IF(value < 0 || value >= DATA_CLASSES_MAX, SK_EDATA, "%s has the class %lld; expected 0 to %d", reader->key,
            (long long)value, DATA_CLASSES_MAX - 1);
    reader->label = (int32_t)value;
    if (reader->label >= reader->label_count) reader->label_count = reader->label + 1;
    return SK_OK;
}

static sk_status label_word(struct tar_reader *reader, enum tar_label kind, const char *word) {
    TRY(set_kind(reader, kind));
    sk_status status = class_words_add(&reader->words, word, &reader->label);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", reader->key);
}

static sk_status read_cls(struct tar_reader *reader, const uint8_t *bytes, uint64_t size) {
    char text[LABEL_BYTES_MAX + 1];
    int64_t value;
    FAIL_IF(size > LABEL_BYTES_MAX, SK_EDATA, "%s.cls has %llu bytes; expected a class", reader->key,
            (unsigned long long)size);
    memcpy(text, bytes, (size_t)size);
    while (size > 0 && isspace((unsigned char)text[size - 1])) size--;
    text[size] = 0;
    FAIL_IF(strlen(text) != size || size == 0, SK_EDATA, "%s.cls holds no class", reader->key);
    return parse_i64(text, &value) ? label_number(reader, value) : label_word(reader, TAR_LABEL_WORD, text);
}

static sk_status read_json(struct tar_reader *reader, const uint8_t *bytes, uint64_t size) {
    static const char *const keys[] = {"label", "cls", "class"};
    struct json *json;
    FAIL_IF(size > JSON_BYTES_MAX, SK_EDATA, "%s.json has %llu bytes", reader->key, (unsigned long long)size);
    arena_free(&reader->json);
    TRY(json_parse(&reader->json, (const char *)bytes, (size_t)size, reader->key, &json));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *label = json_get(json, keys[i]);
        if (label && label->kind == JSON_NUMBER && label->is_integer) return label_number(reader, label->integer);
        if (label && label->kind == JSON_STRING) return label_word(reader, TAR_LABEL_WORD, label->string);
    }
    return SK_OK;
}

static sk_status label_folder(struct tar_reader *reader) {
    char name[TAR_NAME_MAX];
    const char *slash = strrchr(reader->key, '/');
    FAIL_IF(!slash && !reader->inner, SK_EDATA,
            "%s: a picture without its class: expected %s.cls, %s.json with \"label\", or a folder in its name",
            reader->key, reader->key, reader->key);
    if (!slash) return label_word(reader, TAR_LABEL_FOLDER, reader->inner);
    const char *from = slash;
    while (from > reader->key && from[-1] != '/') from--;
    snprintf(name, sizeof name, "%.*s", (int)(slash - from), from);
    return label_word(reader, TAR_LABEL_FOLDER, name);
}

/* ---- samples ---- */

/* The key that ends here becomes a sample, if it has a picture. */
static sk_status end_sample(struct tar_reader *reader) {
    if (!reader->has_picture) return SK_OK;
    struct tar_reader *r = reader;
    r->has_picture = false;
    if (r->label < 0 && !r->no_labels) TRY(label_folder(r));
    FAIL_IF(r->picture.size > FOLDER_FILE_MAX, SK_EDATA, "%s has %llu bytes; at most %d are read", r->picture.name,
            (unsigned long long)r->picture.size, FOLDER_FILE_MAX);
    char name[2 * TAR_NAME_MAX];
    snprintf(name, sizeof name, "%s%s%s", r->inner ? r->inner : "", r->inner ? "/" : "", r->picture.name);
    if (!r->in_group) index_group(r->build, r->part, r->shard);
    r->in_group = true;
    index_add_at(r->build, r->part, name, r->label < 0 ? 0 : r->label, r->base + r->picture.offset,
                 (uint32_t)r->picture.size);
    return SK_OK;
}

static sk_status take_member(struct tar_reader *reader, const uint8_t *bytes, const struct tar_file *file) {
    size_t length = key_length(file->name);
    const char *extension = file->name + length;
    char shown[256];
    bool picture = folder_is_picture_name(file->name) && !strchr(extension + 1, '.'); /* not of "x.seg.png" */
    if (strlen(reader->key) != length || memcmp(reader->key, file->name, length) != 0) {
        TRY(end_sample(reader));
        memcpy(reader->key, file->name, length);
        reader->key[length] = 0;
        reader->label = -1;
    }
    FAIL_IF(file->link && picture, SK_EDATA, "%s is a link; pack the archive again with the pictures themselves",
            printable(file->name, strlen(file->name), shown, sizeof shown));
    if (!file->regular || folder_is_litter(path_base(file->name))) return SK_OK;
    if (strcasecmp(extension, ".cls") == 0) return read_cls(reader, bytes + file->offset, file->size);
    if (strcasecmp(extension, ".json") == 0 && reader->label < 0)
        return read_json(reader, bytes + file->offset, file->size);
    if (!picture) return SK_OK; /* other fields of the sample, which nobody asked for */
    FAIL_IF(reader->has_picture, SK_EDATA, "%s has two pictures, %s and %s", reader->key,
            path_extension(reader->picture.name), extension);
    reader->has_picture = true;
    reader->picture = *file;
    return SK_OK;
}

static sk_status read_archive(struct tar_reader *reader, const uint8_t *bytes, size_t size);

/* A tar in the tar: its name is the class of all in it. */
static sk_status take_inner(struct tar_reader *reader, const uint8_t *bytes, const struct tar_file *file) {
    char name[TAR_NAME_MAX];
    FAIL_IF(reader->inner, SK_EDATA, "%s: archives in archives in archives are not read", file->name);
    TRY(end_sample(reader));
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path_base(file->name), "."), path_base(file->name));
    reader->inner = name;
    reader->base += file->offset;
    sk_status status = read_archive(reader, bytes + file->offset, (size_t)file->size);
    reader->base -= file->offset;
    reader->inner = NULL;
    reader->key[0] = 0;
    reader->label = -1;
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", name);
}

static sk_status read_archive(struct tar_reader *reader, const uint8_t *bytes, size_t size) {
    struct tar_walk tar = {.bytes = bytes, .size = size, .what = "tar"};
    struct tar_file file;
    reader->key[0] = 0;
    reader->label = -1;
    for (bool end = false;;) {
        TRY(tar_next(&tar, &file, &end));
        if (end) break;
        if (file.regular && tar_is_name(file.name))
            TRY(take_inner(reader, bytes, &file));
        else
            TRY(take_member(reader, bytes, &file));
    }
    return end_sample(reader);
}

sk_status tar_read_shard(struct tar_reader *reader, const char *path, const char *shard, enum data_part part) {
    struct file_bytes bytes;
    TRY(file_map(path, &bytes));
    file_jumps(&bytes);
    reader->shard = shard;
    reader->part = part;
    reader->base = 0;
    reader->in_group = reader->has_picture = false;
    sk_status status = read_archive(reader, bytes.data, bytes.size);
    file_unmap(&bytes);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", path);
}

void tar_reader_free(struct tar_reader *reader) {
    arena_free(&reader->json);
}

/* ---- the format ---- */

static bool detect(const char *path) {
    return shards_detect(path, tar_is_name);
}

/* Names of classes: those of classes.txt, or what the samples say, or numbers. */
static sk_status name_classes(struct tar_reader *reader, bool given) {
    struct class_words *words = &reader->words;
    char number[16];
    FAIL_IF(reader->clash && reader->kind == TAR_LABEL_NUMBER, SK_EDATA, "%s", reader->clash);
    FAIL_IF(given && reader->kind == TAR_LABEL_NUMBER && (size_t)reader->label_count > words->count, SK_EDATA,
            "a sample has the class %d, but " SHARDS_CLASSES " names %zu of them", reader->label_count - 1,
            words->count);
    FAIL_IF(given && words->count > reader->given, SK_EDATA, "the class \"%s\" of a sample is not in " SHARDS_CLASSES,
            words->word[reader->given]);
    if (!given && reader->kind == TAR_LABEL_NUMBER) {
        for (int32_t c = 0; c < reader->label_count; c++) {
            snprintf(number, sizeof number, "%d", c);
            index_class(reader->build, number);
        }
        return SK_OK;
    }
    if (!given) {
        int32_t *rank;
        TRY(class_words_sort(words, &rank));
        TRY(shards_relabel(reader->build, rank));
    }
    for (size_t c = 0; c < words->count; c++) index_class(reader->build, words->word[c]);
    return SK_OK;
}

static sk_status read_all(struct tar_reader *reader, const struct shard_list *list, bool given) {
    reader->given = reader->words.count;
    for (size_t i = 0; i < list->count; i++) {
        char *path = shards_path(reader->words.arena, list, list->item[i].path);
        if (!path) return SK_EMEMORY;
        TRY(tar_read_shard(reader, path, list->item[i].path, list->item[i].part));
    }
    TRY(index_build_check(reader->build, list->item[0].path));
    return name_classes(reader, given);
}

static sk_status build_index(struct dataset *dataset, const struct shard_list *list, struct index_build *build) {
    struct tar_reader *reader = block_new(sizeof *reader);
    if (!reader) return SK_EMEMORY;
    *reader = (struct tar_reader){.build = build, .words = {.arena = &dataset->arena}};
    bool given = list->beside_count > 0;
    sk_status status = shards_class_words(&reader->words, list, SHARDS_CLASSES, &reader->clash);
    if (status == SK_OK) status = shards_stamp(build, &dataset->arena, list);
    if (status == SK_OK) status = read_all(reader, list, given);
    if (status == SK_OK && reader->label_count < 2 && reader->words.count < 2)
        status = status_fail(SK_EDATA, "%s: pictures of %s; at least 2 classes are needed", dataset->path,
                             reader->kind == TAR_LABEL_NONE ? "no class" : "one class");
    tar_reader_free(reader);
    block_free(reader);
    return status;
}

static sk_status open_tar(struct dataset *dataset, const char *path) {
    static const struct shard_source source = {
        .format = "tar", .is_shard = tar_is_name, .beside = {SHARDS_CLASSES}, .build = build_index};
    return shards_open(dataset, path, &source);
}

const struct data_format data_format_tar = {
    .what = "tar shards", .detect = detect, .open = open_tar, .fetch = shards_fetch, .patterns = true};
