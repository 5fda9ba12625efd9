/* folder.c — pictures in folders: train/<class>/… and val/<class>/… (or test/), or <class>/… alone.
 *
 * Classes are the sub-folders' names in byte-wise order; a class's pictures are found at any depth, in the
 * order of torchvision's ImageFolder (folders sorted as whole paths, names within each). Pictures are
 * decoded when read. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "data/decode.h"
#include "data/folder.h"
#include "data/format.h"
#include "data/signature.h"

static const char *const part_names[DATA_PARTS] = {"train", "val", "test"};

bool folder_is_picture_name(const char *name) {
    static const char *const known[] = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"};
    const char *extension = path_extension(name);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(extension, known[i]) == 0) return true;
    }
    return false;
}

bool folder_is_litter(const char *name) {
    return name[0] == '.' || strcasecmp(name, "Thumbs.db") == 0 || strcasecmp(name, "desktop.ini") == 0;
}

/* Names without those that begin with a dot. */
static sk_status list_visible(struct arena *arena, const char *path, int what, char ***names, size_t *count) {
    size_t all;
    TRY(folder_list(arena, path, what, names, &all));
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        if (!folder_is_litter((*names)[i])) (*names)[(*count)++] = (*names)[i];
    }
    return SK_OK;
}

static bool detect(const char *path) {
    struct arena arena = {0};
    char **names;
    size_t count = 0;
    bool found = list_visible(&arena, path, LIST_FOLDERS, &names, &count) == SK_OK && count > 0;
    arena_free(&arena);
    return found;
}

/* What one opening works with; the arena is of one class and emptied behind it. */
struct folder_walk {
    struct dataset *dataset;
    struct index_build *build;
    struct arena arena;
};

/* A growing list of strings. */
struct names {
    char **item;
    size_t count, capacity;
};

static sk_status names_add(struct arena *arena, struct names *names, char *name) {
    if (!name) return SK_EMEMORY;
    names->item = arena_grow(arena, names->item, &names->capacity, names->count + 1, sizeof *names->item);
    if (!names->item) return SK_EMEMORY;
    names->item[names->count++] = name;
    return SK_OK;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static sk_status stamp_folder(struct folder_walk *walk, const char *folder) {
    struct file_stamp stamp;
    char *path = path_join(&walk->arena, walk->dataset->path, folder);
    if (!path) return SK_EMEMORY;
    TRY(file_stamp(path, &stamp));
    index_stamp_add(walk->build, folder, (struct index_stamp){.size = stamp.size, .changed_ns = stamp.changed_ns});
    return SK_OK;
}

/* The class's folder and all below it, breadth first; the depth is capped, which also ends loops of links. */
static sk_status find_folders(struct folder_walk *walk, const char *folder, struct names *found) {
    struct arena *arena = &walk->arena;
    size_t level = found->count;
    TRY(names_add(arena, found, arena_strdup(arena, folder)));
    for (int depth = 0; level < found->count; depth++) {
        size_t end = found->count;
        for (; level < end; level++) {
            char **names;
            size_t count;
            char *path = path_join(arena, walk->dataset->path, found->item[level]);
            if (!path) return SK_EMEMORY;
            TRY(stamp_folder(walk, found->item[level]));
            TRY(list_visible(arena, path, LIST_FOLDERS, &names, &count));
            FAIL_IF(count > 0 && depth == FOLDER_DEPTH_MAX, SK_EDATA,
                    "%s: folders more than %d deep; is there a link to a folder above?", path, FOLDER_DEPTH_MAX);
            for (size_t i = 0; i < count; i++) {
                TRY(names_add(arena, found, path_join(arena, found->item[level], names[i])));
            }
        }
    }
    qsort(found->item, found->count, sizeof *found->item, by_bytes);
    return SK_OK;
}

/* A file that is no picture by its name; for a known format that is not read, how to convert it. */
static sk_status refuse_file(struct arena *arena, const char *folder, const char *name) {
    const struct signature *signature = signature_unread(name);
    char *path = path_join(arena, folder, name);
    if (!path) return SK_EMEMORY;
    if (signature) return signature_refuse(signature, path);
    return status_fail(
        SK_EDATA, "%s: not a picture by its name (.jpg, .jpeg, .png, .webp); move it out of the class's folder", path);
}

/* Append the pictures of one class of one part. */
static sk_status find_pictures(struct folder_walk *walk, enum data_part part, const char *folder, int class_index) {
    struct names folders = {0};
    TRY(find_folders(walk, folder, &folders));
    uint32_t before = index_build_count(walk->build, part);
    for (size_t f = 0; f < folders.count; f++) {
        char **names;
        size_t count;
        char *path = path_join(&walk->arena, walk->dataset->path, folders.item[f]);
        if (!path) return SK_EMEMORY;
        TRY(list_visible(&walk->arena, path, LIST_FILES, &names, &count));
        if (count > 0) index_group(walk->build, part, folders.item[f]);
        for (size_t i = 0; i < count; i++) {
            if (!folder_is_picture_name(names[i])) return refuse_file(&walk->arena, path, names[i]);
            index_add(walk->build, part, names[i], class_index);
        }
    }
    TRY(index_build_check(walk->build, walk->dataset->path));
    FAIL_IF(index_build_count(walk->build, part) == before, SK_EDATA,
            "%s/%s: this class has no pictures; add some or remove the folder", walk->dataset->path, folder);
    return SK_OK;
}

/* One part, whose class folders lie in dataset->path/prefix (prefix = "" for the folder itself). */
static sk_status open_part(struct folder_walk *walk, const char *prefix, enum data_part part) {
    const struct dataset *dataset = walk->dataset;
    for (int c = 0; c < dataset->class_count; c++) {
        arena_free(&walk->arena);
        char *folder = path_join(&walk->arena, prefix, dataset->class_names[c]);
        if (!folder) return SK_EMEMORY;
        TRY(find_pictures(walk, part, folder, c));
    }
    return SK_OK;
}

/* A class's name goes into model files and onto terminals. */
bool folder_is_class_name(const char *name) {
    size_t length = strlen(name);
    bool clean = utf8_valid(name, length);
    for (size_t i = 0; i < length; i++) clean = clean && (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
    return clean;
}

static sk_status check_name(const char *path, const char *name) {
    char shown[256];
    FAIL_IF(!folder_is_class_name(name), SK_EDATA,
            "%s: the folder name \"%s\" is not UTF-8 or has control characters: rename it", path,
            printable(name, strlen(name), shown, sizeof shown));
    return SK_OK;
}

/* The class folders of one part must be those of the first part. */
static sk_status check_classes(struct dataset *dataset, const char *part) {
    char **names;
    size_t count;
    char *path = path_join(&dataset->arena, dataset->path, part);
    if (!path) return SK_EMEMORY;
    TRY(list_visible(&dataset->arena, path, LIST_FOLDERS, &names, &count));
    FAIL_IF(count == 0, SK_EDATA, "%s: no class folders in it", path);
    for (size_t i = 0; i < count; i++) TRY(check_name(path, names[i]));
    if (!dataset->class_names) {
        FAIL_IF(count > DATA_CLASSES_MAX, SK_EDATA, "%s: %zu classes; at most %d are accepted", path, count,
                DATA_CLASSES_MAX);
        return data_name_classes(dataset, (const char *const *)names, (int)count);
    }
    size_t classes = (size_t)dataset->class_count;
    for (size_t i = 0; i < classes || i < count; i++) {
        int order = i >= classes ? -1 : i >= count ? 1 : strcmp(names[i], dataset->class_names[i]);
        FAIL_IF(order < 0, SK_EDATA, "%s/%s: this class is not among those of the first part", path, names[i]);
        FAIL_IF(order > 0, SK_EDATA, "%s: there is no folder for class \"%s\"", path, dataset->class_names[i]);
    }
    return SK_OK;
}

/* A part's folder name where it exists ("train", …). torchvision's names only; NULL otherwise. */
static const char *part_folder(struct dataset *dataset, int part) {
    char *path = path_join(&dataset->arena, dataset->path, part_names[part]);
    return path && file_is_folder(path) ? part_names[part] : NULL;
}

static sk_status walk_parts(struct folder_walk *walk) {
    struct dataset *dataset = walk->dataset;
    TRY(stamp_folder(walk, ""));
    if (!part_folder(dataset, DATA_TRAIN) && !part_folder(dataset, DATA_VAL)) {
        TRY(check_classes(dataset, ""));
        TRY(open_part(walk, "", DATA_TRAIN));
    } else {
        for (int part = 0; part < DATA_PARTS; part++) {
            const char *folder = part_folder(dataset, part);
            if (!folder) continue;
            TRY(stamp_folder(walk, folder));
            TRY(check_classes(dataset, folder));
            TRY(open_part(walk, folder, (enum data_part)part));
        }
    }
    FAIL_IF(dataset->class_count < 2, SK_EDATA, "%s: only one class folder (\"%s\"); at least 2 are needed",
            dataset->path, dataset->class_names[0]);
    for (int c = 0; c < dataset->class_count; c++) index_class(walk->build, dataset->class_names[c]);
    return SK_OK;
}

static sk_status open_folder(struct dataset *dataset, const char *path) {
    struct index_place place;
    struct index index;
    bool found;
    dataset->channels = 3;
    TRY(index_place(&dataset->arena, dataset->options.index_cache, "folder", path, &place));
    TRY(index_load(&place, path, &index, &found));
    if (found) return data_take_index(dataset, &index);
    struct index_build build = {0};
    struct folder_walk walk = {.dataset = dataset, .build = &build};
    sk_status status = walk_parts(&walk);
    arena_free(&walk.arena);
    return data_take_build(dataset, &build, &place, status);
}

sk_status folder_add_part(struct dataset *dataset, struct index_build *build, const char *prefix, enum data_part part) {
    struct folder_walk walk = {.dataset = dataset, .build = build};
    sk_status status = stamp_folder(&walk, prefix);
    if (status == SK_OK) status = open_part(&walk, prefix, part);
    arena_free(&walk.arena);
    return status;
}

/* A picture that is a file of its own. */
sk_status folder_fetch(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded) {
    char name[FOLDER_PATH_MAX];
    index_name(dataset->source[source].index, sample, name, sizeof name);
    int length = snprintf(encoded->what, FOLDER_PATH_MAX, "%s/%s", dataset->root, name);
    FAIL_IF(length < 0 || length >= FOLDER_PATH_MAX, SK_EIO, "%.200s…: the path is longer than %d bytes", encoded->what,
            FOLDER_PATH_MAX);
    uint8_t *bytes = scratch->slot[SCRATCH_FILE].data;
    sk_status status =
        file_read_block(encoded->what, FOLDER_FILE_MAX, &bytes, &scratch->slot[SCRATCH_FILE].capacity, &encoded->size);
    scratch->slot[SCRATCH_FILE].data = bytes;
    encoded->bytes = bytes;
    return status;
}

const struct data_format data_format_folder = {
    .what = "folders of pictures", .detect = detect, .open = open_folder, .fetch = folder_fetch};
