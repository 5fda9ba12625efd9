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

/* A growing list of strings in the dataset's arena. */
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

/* The class's folder and all below it, breadth first; the depth is capped, which also ends loops of links. */
static sk_status find_folders(struct dataset *dataset, const char *folder, struct names *found) {
    struct arena *arena = &dataset->arena;
    size_t level = found->count;
    TRY(names_add(arena, found, arena_strdup(arena, folder)));
    for (int depth = 0; level < found->count; depth++) {
        size_t end = found->count;
        for (; level < end; level++) {
            char **names;
            size_t count;
            char *path = path_join(arena, dataset->path, found->item[level]);
            if (!path) return SK_EMEMORY;
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
static sk_status find_pictures(struct dataset *dataset, const char *folder, struct names *pictures) {
    struct arena *arena = &dataset->arena;
    struct names folders = {0};
    TRY(find_folders(dataset, folder, &folders));
    size_t before = pictures->count;
    for (size_t f = 0; f < folders.count; f++) {
        char **names;
        size_t count;
        char *path = path_join(arena, dataset->path, folders.item[f]);
        if (!path) return SK_EMEMORY;
        TRY(list_visible(arena, path, LIST_FILES, &names, &count));
        for (size_t i = 0; i < count; i++) {
            if (!folder_is_picture_name(names[i])) return refuse_file(arena, path, names[i]);
            TRY(names_add(arena, pictures, path_join(arena, folders.item[f], names[i])));
        }
        FAIL_IF(pictures->count > DATA_SAMPLES_MAX, SK_EDATA, "%s: more than %u pictures", path, DATA_SAMPLES_MAX);
    }
    FAIL_IF(pictures->count == before, SK_EDATA, "%s/%s: this class has no pictures; add some or remove the folder",
            dataset->path, folder);
    return SK_OK;
}

/* One part, whose class folders lie in dataset->path/prefix (prefix = "" for the folder itself). */
static sk_status open_part(struct dataset *dataset, const char *prefix, struct data_source *source) {
    struct arena *arena = &dataset->arena;
    struct names pictures = {0};
    struct {
        size_t end;
    } *class_end = arena_array(arena, (size_t)dataset->class_count, sizeof *class_end);
    if (!class_end) return SK_EMEMORY;
    for (int c = 0; c < dataset->class_count; c++) {
        char *folder = prefix[0] ? path_join(arena, prefix, dataset->class_names[c])
                                 : arena_strdup(arena, dataset->class_names[c]);
        if (!folder) return SK_EMEMORY;
        TRY(find_pictures(dataset, folder, &pictures));
        class_end[c].end = pictures.count;
    }
    source->count = (uint32_t)pictures.count;
    source->names = pictures.item;
    source->labels = arena_array(arena, pictures.count, sizeof *source->labels);
    if (!source->labels) return SK_EMEMORY;
    size_t at = 0;
    for (int c = 0; c < dataset->class_count; c++) {
        while (at < class_end[c].end) source->labels[at++] = c;
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

static sk_status open_folder(struct dataset *dataset, const char *path) {
    dataset->channels = 3;
    if (!part_folder(dataset, DATA_TRAIN) && !part_folder(dataset, DATA_VAL)) {
        TRY(check_classes(dataset, ""));
        TRY(open_part(dataset, "", &dataset->source[DATA_TRAIN]));
    } else {
        for (int part = 0; part < DATA_PARTS; part++) {
            const char *folder = part_folder(dataset, part);
            if (!folder) continue;
            TRY(check_classes(dataset, folder));
            TRY(open_part(dataset, folder, &dataset->source[part]));
        }
    }
    FAIL_IF(dataset->class_count < 2, SK_EDATA, "%s: only one class folder (\"%s\"); at least 2 are needed", path,
            dataset->class_names[0]);
    return SK_OK;
}

static sk_status read_picture(const struct dataset *dataset, enum data_part source, uint32_t sample,
                              struct scratch *scratch, struct picture *picture) {
    char path[FOLDER_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", dataset->path, dataset->source[source].names[sample]);
    FAIL_IF(length < 0 || (size_t)length >= sizeof path, SK_EIO, "%.200s…: the path is longer than %d bytes", path,
            FOLDER_PATH_MAX);
    uint8_t *bytes = scratch->slot[SCRATCH_FILE].data;
    size_t size;
    sk_status status = file_read_block(path, FOLDER_FILE_MAX, &bytes, &scratch->slot[SCRATCH_FILE].capacity, &size);
    scratch->slot[SCRATCH_FILE].data = bytes;
    TRY(status);
    struct decode_options options = {.exif = dataset->options.exif};
    return decode_picture(bytes, size, path, &options, scratch, picture);
}

const struct data_format data_format_folder = {
    .what = "folders of pictures", .detect = detect, .open = open_folder, .read = read_picture};
