/* imagenet.c — ImageNet 2012 as it is downloaded: archives or folders, validation pictures in one heap, and the devkit.
 *
 *     train   train/WNID/…, ILSVRC2012_img_train/WNID/…, or ILSVRC2012_img_train.tar (a tar of one tar a class)
 *     val     val/WNID/…, val/ILSVRC2012_val_00000001.JPEG …, ILSVRC2012_img_val/…, or ILSVRC2012_img_val.tar
 *     truth   ILSVRC2012_devkit_t12/data/ or ILSVRC2012_devkit_t12.tar.gz: a number a picture, which meta.mat maps to a
 *             synset; needed where validation pictures lie in one heap
 * Classes are the devkit's synsets without children, or else train's folders, in byte-wise order: torchvision's order.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "data/folder.h"
#include "data/mat5.h"
#include "data/tar.h"

enum { KIT_BYTES_MAX = 256 << 20, TRUTH_MAX = 10000000 };
#define KIT "ILSVRC2012_devkit_t12"
static const char meta_name[] = "data/meta.mat", truth_name[] = "data/ILSVRC2012_validation_ground_truth.txt";

struct imagenet {
    struct dataset *dataset;
    struct index_build build;
    struct class_words words;
    const char *train_folder, *train_tar, *val_folder, *val_tar; /* below the root; NULL: there is none */
    int32_t *truth;                                              /* [picture - 1] its class; NULL: no devkit */
    size_t truths;
};

static char *below(struct imagenet *n, const char *name) {
    return path_join(&n->dataset->arena, n->dataset->path, name);
}

/* The first of the names that exists, as a folder or a file. */
static const char *find(struct imagenet *n, const char *const names[], bool folder) {
    for (int i = 0; names[i]; i++) {
        char *path = below(n, names[i]);
        if (path && (folder ? file_is_folder(path) : file_exists(path) && !file_is_folder(path))) return names[i];
    }
    return NULL;
}

static bool detect(const char *path) {
    static const char *const names[] = {"ILSVRC2012_img_train.tar", "ILSVRC2012_img_train", KIT, KIT ".tar.gz", NULL};
    for (int i = 0; names[i]; i++) {
        char file[FOLDER_PATH_MAX];
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        if (file_is_folder(path) && file_exists(file)) return true;
    }
    return false;
}

static sk_status stamp(struct imagenet *n, const char *name) {
    struct file_stamp found;
    char *path = name[0] ? below(n, name) : arena_strdup(&n->dataset->arena, n->dataset->path);
    if (!path) return SK_EMEMORY;
    TRY(file_stamp(path, &found));
    index_stamp_add(&n->build, name, (struct index_stamp){.size = found.size, .changed_ns = found.changed_ns});
    return SK_OK;
}

/* ---- the devkit ---- */

/* All of a gzipped file. */
static sk_status gunzip(struct arena *arena, const char *path, uint8_t **data, size_t *size) {
    struct file_bytes file;
    struct text out = {0};
    static const size_t piece = 1 << 16;
    TRY(file_map(path, &file));
    uint8_t *buffer = arena_alloc(arena, piece);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)file.data, .avail_in = (uInt)file.size};
    int result = buffer && file.size <= KIT_BYTES_MAX ? inflateInit2(&stream, 15 + 16) : Z_MEM_ERROR;
    bool begun = result == Z_OK;
    while (result == Z_OK && out.length <= KIT_BYTES_MAX && !out.failed) {
        stream.next_out = buffer;
        stream.avail_out = (uInt)piece;
        result = inflate(&stream, Z_NO_FLUSH);
        if (result == Z_OK || result == Z_STREAM_END) text_add_n(&out, (char *)buffer, piece - stream.avail_out);
        if (result == Z_BUF_ERROR || (result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) break;
    }
    if (begun) inflateEnd(&stream);
    file_unmap(&file);
    sk_status status = result == Z_STREAM_END ? text_check(&out)
                       : result == Z_MEM_ERROR
                           ? status_fail(SK_EMEMORY, "%s: too large, or no memory to unpack it", path)
                           : status_fail(SK_EFORMAT, "%s: broken, or cut short", path);
    *size = out.length;
    *data = status == SK_OK ? (uint8_t *)arena_strndup(arena, out.data ? out.data : "", out.length) : NULL;
    text_free(&out);
    return status == SK_OK && !*data ? SK_EMEMORY : status;
}

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* meta.mat and the ground truth, which ends in a zero. */
struct kit {
    uint8_t *meta, *truth;
    size_t meta_size, truth_size;
};

static sk_status kit_from_archive(struct imagenet *n, const char *path, struct kit *kit) {
    struct arena *arena = &n->dataset->arena;
    struct tar_walk tar = {.what = path};
    struct tar_file *file = arena_alloc(arena, sizeof *file);
    uint8_t *data;
    if (!file) return SK_EMEMORY;
    TRY(gunzip(arena, path, &data, &tar.size));
    tar.bytes = data;
    for (bool end = false;;) {
        TRY(tar_next(&tar, file, &end));
        if (end) return SK_OK;
        if (file->regular && ends_in(file->name, meta_name)) {
            kit->meta = data + file->offset;
            kit->meta_size = (size_t)file->size;
        } else if (file->regular && ends_in(file->name, truth_name)) {
            kit->truth = (uint8_t *)arena_strndup(arena, (char *)data + file->offset, (size_t)file->size);
            kit->truth_size = (size_t)file->size;
            if (!kit->truth) return SK_EMEMORY;
        }
    }
}

static sk_status open_kit(struct imagenet *n, struct kit *kit) {
    static const char *const folders[] = {KIT, NULL}, *const archives[] = {KIT ".tar.gz", NULL};
    struct arena *arena = &n->dataset->arena;
    const char *folder = find(n, folders, true), *archive = folder ? NULL : find(n, archives, false);
    *kit = (struct kit){0};
    if (!folder && !archive) return SK_OK;
    char *path = below(n, folder ? folder : archive);
    if (!path) return SK_EMEMORY;
    TRY(stamp(n, folder ? folder : archive));
    if (archive) {
        TRY(kit_from_archive(n, path, kit));
    } else {
        char *meta = path_join(arena, path, meta_name), *truth = path_join(arena, path, truth_name);
        if (!meta || !truth) return SK_EMEMORY;
        TRY(file_read(arena, meta, KIT_BYTES_MAX, &kit->meta, &kit->meta_size));
        TRY(file_read(arena, truth, KIT_BYTES_MAX, &kit->truth, &kit->truth_size));
    }
    FAIL_IF(!kit->meta || !kit->truth, SK_EDATA, "%s: %s is not in it", path, kit->meta ? truth_name : meta_name);
    return SK_OK;
}

static int by_wnid(const void *a, const void *b) {
    return strcmp(((const struct synset *)a)->wnid, ((const struct synset *)b)->wnid);
}

/* Classes, and each validation picture's, by the devkit's numbers. */
static sk_status read_kit(struct imagenet *n) {
    struct kit kit;
    struct synset *synset;
    size_t count, leaves = 0;
    struct arena *arena = &n->dataset->arena;
    TRY(open_kit(n, &kit));
    if (!kit.meta) return SK_OK;
    TRY(mat5_synsets(arena, kit.meta, kit.meta_size, "meta.mat", &synset, &count));
    for (size_t i = 0; i < count; i++)
        if (synset[i].children == 0) synset[leaves++] = synset[i];
    qsort(synset, leaves, sizeof *synset, by_wnid);
    int32_t *of_id = arena_array(arena, count + 1, sizeof *of_id), number; /* 1 + class; 0: none */
    if (!of_id) return SK_EMEMORY;
    for (size_t i = 0; i < leaves; i++) {
        FAIL_IF(synset[i].id < 1 || synset[i].id > (int64_t)count || of_id[synset[i].id], SK_EDATA,
                "meta.mat: ILSVRC2012_ID %lld of %s is none, or stands there twice", (long long)synset[i].id,
                synset[i].wnid);
        TRY(class_words_add(&n->words, synset[i].wnid, &number));
        FAIL_IF((size_t)number != i, SK_EDATA, "meta.mat: %s stands there twice", synset[i].wnid);
        of_id[synset[i].id] = number + 1;
    }
    char *line = (char *)kit.truth, *end;
    n->truth = arena_array(arena, kit.truth_size / 2 + 1, sizeof *n->truth);
    if (!n->truth) return SK_EMEMORY;
    for (; *line; line = end) {
        int64_t id;
        size_t length = strcspn(line, "\r\n");
        end = line + length + strspn(line + length, "\r\n");
        line[length] = 0;
        FAIL_IF(!parse_i64(line, &id) || id < 1 || id > (int64_t)count || !of_id[id] || n->truths >= TRUTH_MAX,
                SK_EDATA, "%s: line %zu, \"%.20s\": expected the number of a class", truth_name, n->truths + 1, line);
        n->truth[n->truths++] = of_id[id] - 1;
    }
    return SK_OK;
}

/* ---- parts ---- */

static sk_status name_from_train(struct imagenet *n) {
    char **names, *path = below(n, n->train_folder);
    size_t count;
    int32_t number;
    if (!path) return SK_EMEMORY;
    TRY(folder_list(&n->dataset->arena, path, LIST_FOLDERS, &names, &count));
    for (size_t i = 0; i < count; i++)
        if (!folder_is_litter(names[i])) TRY(class_words_add(&n->words, names[i], &number));
    return SK_OK;
}

/* The class of "ILSVRC2012_val_00000001.JPEG". */
static sk_status truth_of(const struct imagenet *n, const char *name, int32_t *label) {
    static const char prefix[] = "ILSVRC2012_val_";
    const char *base = path_base(name);
    char digits[16];
    int64_t number = 0;
    size_t length = strncmp(base, prefix, strlen(prefix)) == 0 ? strcspn(base + strlen(prefix), ".") : 0;
    snprintf(digits, sizeof digits, "%.*s", (int)(length < 15 ? length : 15), base + (length ? strlen(prefix) : 0));
    FAIL_IF(length == 0 || !parse_i64(digits, &number) || number < 1 || (size_t)number > n->truths, SK_EDATA,
            "%.200s: not one of the %zu validation pictures that the devkit knows", name, n->truths);
    *label = n->truth[number - 1];
    return SK_OK;
}

static sk_status need_truth(const struct imagenet *n, const char *name) {
    FAIL_IF(!n->truth, SK_EDATA,
            "%s/%s: whose class is which picture is said by the devkit: put " KIT ".tar.gz beside it", n->dataset->path,
            name);
    return SK_OK;
}

static sk_status add_flat(struct imagenet *n) {
    char **names, *path = below(n, n->val_folder);
    size_t count;
    if (!path) return SK_EMEMORY;
    TRY(need_truth(n, n->val_folder));
    TRY(stamp(n, n->val_folder));
    TRY(folder_list(&n->dataset->arena, path, LIST_FILES, &names, &count));
    index_group(&n->build, DATA_VAL, n->val_folder);
    for (size_t i = 0; i < count; i++) {
        int32_t label;
        if (folder_is_litter(names[i])) continue;
        TRY(truth_of(n, names[i], &label));
        index_add(&n->build, DATA_VAL, names[i], label);
    }
    return SK_OK;
}

static sk_status walk_val(struct imagenet *n, const struct file_bytes *bytes, const char *path, struct tar_file *file) {
    struct tar_walk tar = {.bytes = bytes->data, .size = bytes->size, .what = path};
    index_group(&n->build, DATA_VAL, n->val_tar);
    for (bool end = false;;) {
        int32_t label;
        TRY(tar_next(&tar, file, &end));
        if (end) return SK_OK;
        if (!file->regular || folder_is_litter(path_base(file->name))) continue;
        FAIL_IF(file->size > FOLDER_FILE_MAX, SK_EDATA, "%s: %.200s is too large for a picture", path, file->name);
        TRY(truth_of(n, file->name, &label));
        index_add_at(&n->build, DATA_VAL, file->name, label, file->offset, (uint32_t)file->size);
    }
}

static sk_status add_val_tar(struct imagenet *n) {
    struct file_bytes bytes;
    struct tar_file *file = arena_alloc(&n->dataset->arena, sizeof *file);
    char *path = below(n, n->val_tar);
    if (!path || !file) return SK_EMEMORY;
    TRY(need_truth(n, n->val_tar));
    TRY(stamp(n, n->val_tar));
    TRY(file_map(path, &bytes));
    file_jumps(&bytes);
    sk_status status = walk_val(n, &bytes, path, file);
    file_unmap(&bytes);
    return status;
}

static sk_status add_train_tar(struct imagenet *n) {
    char *path = below(n, n->train_tar);
    struct tar_reader *reader = path ? block_new(sizeof *reader) : NULL;
    if (!reader) return SK_EMEMORY;
    *reader = (struct tar_reader){.build = &n->build, .words = n->words};
    size_t known = n->words.count;
    sk_status status = stamp(n, n->train_tar);
    if (status == SK_OK) status = tar_read_shard(reader, path, n->train_tar, DATA_TRAIN);
    n->words = reader->words;
    tar_reader_free(reader);
    block_free(reader);
    TRY(status);
    FAIL_IF(known && n->words.count > known, SK_EDATA, "%s: %s is no class of the devkit", path, n->words.word[known]);
    int32_t *rank;
    if (known) return SK_OK;
    TRY(class_words_sort(&n->words, &rank));
    return shards_relabel(&n->build, rank);
}

static bool has_folders(struct imagenet *n, const char *name) {
    char **names, *path = below(n, name);
    size_t count;
    return path && folder_list(&n->dataset->arena, path, LIST_FOLDERS, &names, &count) == SK_OK && count > 0;
}

static sk_status find_parts(struct imagenet *n) {
    static const char *const train[] = {"train", "ILSVRC2012_img_train", NULL}, *const val[] = {
                                                                                    "val", "ILSVRC2012_img_val", NULL};
    static const char *const train_tar[] = {"ILSVRC2012_img_train.tar", NULL}, *const val_tar[] = {
                                                                                   "ILSVRC2012_img_val.tar", NULL};
    n->train_folder = find(n, train, true);
    n->train_tar = n->train_folder ? NULL : find(n, train_tar, false);
    n->val_folder = find(n, val, true);
    n->val_tar = n->val_folder ? NULL : find(n, val_tar, false);
    FAIL_IF(!n->train_folder && !n->train_tar && !n->val_folder && !n->val_tar, SK_EDATA,
            "%s: neither ILSVRC2012_img_train.tar or train/ nor ILSVRC2012_img_val.tar or val/", n->dataset->path);
    return SK_OK;
}

static sk_status name_classes(struct imagenet *n) {
    FAIL_IF(n->words.count < 2, SK_EDATA, "%s: fewer than two classes", n->dataset->path);
    return data_name_classes(n->dataset, (const char *const *)n->words.word, (int)n->words.count);
}

static sk_status build_index(struct imagenet *n) {
    TRY(find_parts(n));
    TRY(stamp(n, ""));
    TRY(read_kit(n));
    if (n->words.count == 0 && n->train_folder) TRY(name_from_train(n));
    if (n->train_tar) TRY(add_train_tar(n));
    TRY(name_classes(n));
    if (n->train_folder) TRY(folder_add_part(n->dataset, &n->build, n->train_folder, DATA_TRAIN));
    if (n->val_folder && has_folders(n, n->val_folder))
        TRY(folder_add_part(n->dataset, &n->build, n->val_folder, DATA_VAL));
    else if (n->val_folder)
        TRY(add_flat(n));
    if (n->val_tar) TRY(add_val_tar(n));
    for (size_t c = 0; c < n->words.count; c++) index_class(&n->build, n->words.word[c]);
    return index_build_check(&n->build, n->dataset->path);
}

static sk_status open_imagenet(struct dataset *dataset, const char *path) {
    struct imagenet n = {.dataset = dataset, .words = {.arena = &dataset->arena}};
    struct index_place place;
    struct index index;
    bool found;
    dataset->channels = 3;
    TRY(index_place(&dataset->arena, dataset->options.index_cache, "imagenet", path, &place));
    TRY(index_load(&place, path, &index, &found));
    if (found) return data_take_index(dataset, &index);
    sk_status status = build_index(&n);
    return data_take_build(dataset, &n.build, &place, status);
}

static sk_status fetch(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded) {
    bool in_tar = dataset->source[source].index->offset != NULL;
    return in_tar ? shards_fetch(dataset, source, sample, scratch, encoded)
                  : folder_fetch(dataset, source, sample, scratch, encoded);
}

const struct data_format data_format_imagenet = {
    .what = "ImageNet's files", .detect = detect, .open = open_imagenet, .fetch = fetch};
