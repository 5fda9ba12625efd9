/* check_walk.c — lists all below a dataset's folder: pictures with their part and class, and what else is there.
 *
 * The same rules as folder.c, which training opens the folder by, but nothing ends the walk.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/check.h"
#include "data/folder.h"
#include "data/format.h"

static struct check_file *add_file(struct check *check, const char *path, enum check_kind kind) {
    struct check_file *files =
        arena_grow(&check->arena, check->files, &check->file_capacity, check->file_count + 1, sizeof *files);
    if (!files || !path) return NULL;
    check->files = files;
    struct check_file *file = &files[check->file_count];
    *file = (struct check_file){.path = path, .kind = kind, .class_index = -1, .traits = {.orientation = 1}};
    file->twin = file->near = (uint32_t)check->file_count++;
    return file;
}

/* ---- sets without files ---- */

static sk_status list_dataset(struct check *check) {
    const struct dataset *dataset = check->dataset;
    check->class_count = dataset_classes(dataset);
    check->classes = arena_array(&check->arena, (size_t)check->class_count, sizeof *check->classes);
    if (!check->classes) return SK_EMEMORY;
    for (int part = 0; part < DATA_PARTS; part++) {
        uint32_t count = dataset_count(dataset, (enum data_part)part);
        check->part[part] = count > 0;
        for (int c = 0; c < check->class_count; c++) {
            check->classes[c].name = dataset_class_name(dataset, c);
            check->classes[c].there[part] = count > 0;
        }
        for (uint32_t i = 0; i < count; i++) {
            char name[4096];
            dataset_name(dataset, (enum data_part)part, i, name, sizeof name);
            struct check_file *file = add_file(check, arena_strdup(&check->arena, name), CHECK_PICTURE);
            if (!file) return SK_EMEMORY;
            file->part = (enum data_part)part;
            file->class_index = dataset_label(dataset, file->part, i);
            file->bytes = i; /* its number within the part, until it is examined */
            check->classes[file->class_index].count[part]++;
        }
    }
    check->parts_named = true;
    return SK_OK;
}

/* ---- folders ---- */

/* A name or folder that cannot be listed becomes a file that cannot be read. */
static sk_status cannot_list(struct check *check, const char *folder, sk_status status) {
    if (status == SK_EMEMORY) return status;
    struct check_file *file = add_file(check, folder, CHECK_PICTURE);
    if (!file) return SK_EMEMORY;
    file->folder = true;
    file->status = status;
    file->sentence = arena_strdup(&check->arena, sk_error());
    return file->sentence ? SK_OK : SK_EMEMORY;
}

static sk_status list(struct check *check, const char *folder, int what, char ***names, size_t *count) {
    const char *path = folder[0] ? path_join(&check->arena, check->path, folder) : check->path;
    *count = 0;
    if (!path) return SK_EMEMORY;
    sk_status status = folder_list(&check->arena, path, what, names, count);
    return status == SK_OK ? SK_OK : cannot_list(check, folder, status);
}

static const char *join(struct check *check, const char *folder, const char *name) {
    return folder[0] ? path_join(&check->arena, folder, name) : name;
}

/* One folder of a class: its files, and its folders to the end of the queue. */
struct queue {
    const char **folder;
    size_t count, capacity;
};

static sk_status queue_add(struct check *check, struct queue *queue, const char *folder) {
    queue->folder = arena_grow(&check->arena, queue->folder, &queue->capacity, queue->count + 1, sizeof *queue->folder);
    if (!queue->folder || !folder) return SK_EMEMORY;
    queue->folder[queue->count++] = folder;
    return SK_OK;
}

static sk_status list_files(struct check *check, const char *folder, enum data_part part, int class_index) {
    char **names;
    size_t count;
    TRY(list(check, folder, LIST_FILES, &names, &count));
    for (size_t i = 0; i < count; i++) {
        enum check_kind kind = folder_is_litter(names[i])         ? CHECK_HIDDEN
                               : folder_is_picture_name(names[i]) ? CHECK_PICTURE
                                                                  : CHECK_FOREIGN;
        struct check_file *file = add_file(check, join(check, folder, names[i]), kind);
        if (!file) return SK_EMEMORY;
        file->part = part;
        file->class_index = class_index;
        if (kind == CHECK_PICTURE) check->classes[class_index].count[part]++;
    }
    return SK_OK;
}

/* What is neither file nor folder: training passes it over, and reading a pipe would wait for ever. */
static sk_status list_others(struct check *check, const char *folder) {
    char **names;
    size_t count;
    TRY(list(check, folder, LIST_OTHERS, &names, &count));
    for (size_t i = 0; i < count; i++) {
        status_fail(SK_EIO, "a link to nothing, a pipe, a socket or a device");
        TRY(cannot_list(check, join(check, folder, names[i]), SK_EIO));
    }
    return SK_OK;
}

static sk_status list_class(struct check *check, enum data_part part, int class_index) {
    struct queue queue = {0};
    size_t level = 0;
    TRY(queue_add(check, &queue, check_class_path(check, part, class_index)));
    for (int depth = 0; level < queue.count && depth <= FOLDER_DEPTH_MAX; depth++) {
        for (size_t end = queue.count; level < end; level++) {
            char **names;
            size_t count;
            TRY(list_files(check, queue.folder[level], part, class_index));
            TRY(list_others(check, queue.folder[level]));
            TRY(list(check, queue.folder[level], LIST_FOLDERS, &names, &count));
            for (size_t i = 0; i < count; i++) {
                const char *folder = join(check, queue.folder[level], names[i]);
                if (!folder_is_litter(names[i])) {
                    TRY(queue_add(check, &queue, folder));
                } else if (!add_file(check, folder, CHECK_HIDDEN)) {
                    return SK_EMEMORY;
                }
            }
        }
    }
    if (level == queue.count) return SK_OK;
    status_fail(SK_EDATA, "folders more than %d deep; is there a link to a folder above?", FOLDER_DEPTH_MAX);
    return cannot_list(check, queue.folder[level], SK_EDATA);
}

/* Pictures that lie beside the class folders. */
static sk_status list_strays(struct check *check, const char *folder) {
    char **names;
    size_t count;
    TRY(list(check, folder, LIST_FILES, &names, &count));
    for (size_t i = 0; i < count; i++)
        if (!folder_is_litter(names[i]) && folder_is_picture_name(names[i]) &&
            !add_file(check, join(check, folder, names[i]), CHECK_OUTSIDE))
            return SK_EMEMORY;
    return SK_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The class folders of all parts, each once, in byte-wise order. */
static sk_status find_classes(struct check *check, char **names[DATA_PARTS], const size_t counts[DATA_PARTS]) {
    size_t total = counts[0] + counts[1] + counts[2], filled = 0;
    char **all = arena_array(&check->arena, total + 1, sizeof *all);
    check->classes = arena_array(&check->arena, total + 1, sizeof *check->classes);
    if (!all || !check->classes) return SK_EMEMORY;
    for (int part = 0; part < DATA_PARTS; part++)
        for (size_t i = 0; i < counts[part]; i++)
            if (!folder_is_litter(names[part][i])) all[filled++] = names[part][i];
    qsort(all, filled, sizeof *all, by_name);
    for (size_t i = 0; i < filled; i++)
        if (i == 0 || strcmp(all[i], all[i - 1]) != 0) check->classes[check->class_count++].name = all[i];
    for (int part = 0; part < DATA_PARTS; part++) { /* both lists are in order */
        int c = 0;
        for (size_t i = 0; i < counts[part]; i++) {
            if (folder_is_litter(names[part][i])) continue;
            while (strcmp(check->classes[c].name, names[part][i]) != 0) c++;
            check->classes[c].there[part] = true;
        }
    }
    return SK_OK;
}

/* Folders beside train, val and test are read by nobody. */
static sk_status list_other_folders(struct check *check) {
    char **names;
    size_t count;
    TRY(list(check, "", LIST_FOLDERS, &names, &count));
    for (size_t i = 0; i < count; i++) {
        bool known = folder_is_litter(names[i]);
        for (int part = 0; part < DATA_PARTS; part++)
            known = known || strcmp(names[i], data_part_name((enum data_part)part)) == 0;
        struct check_file *file = known ? NULL : add_file(check, names[i], CHECK_OUTSIDE);
        if (!known && !file) return SK_EMEMORY;
        if (file) file->folder = true;
    }
    return SK_OK;
}

static sk_status list_folder(struct check *check) {
    char **names[DATA_PARTS];
    size_t counts[DATA_PARTS] = {0};
    for (int part = 0; part < DATA_PARTS; part++) {
        char *path = path_join(&check->arena, check->path, data_part_name((enum data_part)part));
        if (!path) return SK_EMEMORY;
        check->part[part] = file_is_folder(path);
    }
    check->parts_named = check->part[DATA_TRAIN] || check->part[DATA_VAL];
    if (!check->parts_named) memcpy(check->part, (bool[DATA_PARTS]){true}, sizeof check->part);
    for (int part = 0; part < DATA_PARTS; part++) {
        const char *folder = check->parts_named ? data_part_name((enum data_part)part) : "";
        if (!check->part[part]) continue;
        TRY(list(check, folder, LIST_FOLDERS, &names[part], &counts[part]));
        TRY(list_strays(check, folder));
    }
    if (check->parts_named) {
        TRY(list_strays(check, ""));
        TRY(list_other_folders(check));
    }
    TRY(find_classes(check, names, counts));
    for (int part = 0; part < DATA_PARTS; part++)
        for (int c = 0; c < check->class_count; c++)
            if (check->classes[c].there[part]) TRY(list_class(check, (enum data_part)part, c));
    return SK_OK;
}

sk_status check_walk(struct check *check) {
    return check->dataset ? list_dataset(check) : list_folder(check);
}
