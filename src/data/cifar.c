/* cifar.c — reads CIFAR's binary version into memory, planes turned into pixels.
 *
 * Krizhevsky, "Learning multiple layers of features from tiny images", 2009; the layout is described at
 * https://www.cs.toronto.edu/~kriz/cifar.html. SPDX-License-Identifier: Apache-2.0 */
#include "data/cifar.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"

enum { NAMES_BYTES_MAX = 1 << 16 };

/* The folder itself, or what the archive unpacked to inside it; NULL where neither has the test file. */
static const char *find_folder(struct arena *arena, const char *path, const struct cifar_layout *layout) {
    const char *candidates[] = {path, path_join(arena, path, layout->folder)};
    for (int i = 0; i < 2; i++) {
        const char *test = candidates[i] ? path_join(arena, candidates[i], layout->test) : NULL;
        const char *train = candidates[i] ? path_join(arena, candidates[i], layout->train[0]) : NULL;
        if (test && train && (file_exists(test) || file_exists(train))) return candidates[i];
    }
    return NULL;
}

bool cifar_detect(const char *path, const struct cifar_layout *layout) {
    struct arena arena = {0};
    bool found = find_folder(&arena, path, layout) != NULL;
    arena_free(&arena);
    return found;
}

static sk_status check_size(const char *path, const struct cifar_layout *layout, uint32_t *records) {
    uint64_t size, record = (uint64_t)layout->label_bytes + 3 * CIFAR_PLANE;
    TRY(file_size(path, &size));
    FAIL_IF(size == 0 || size % record != 0, SK_EFORMAT,
            "%s: %llu bytes are no whole number of CIFAR records of %llu bytes; get the file again", path,
            (unsigned long long)size, (unsigned long long)record);
    FAIL_IF(size / record > DATA_SAMPLES_MAX / CIFAR_FILES_MAX, SK_EFORMAT, "%s: too many records", path);
    *records = (uint32_t)(size / record);
    return SK_OK;
}

/* One file's records to labels and pixels (N,32,32,3). */
static sk_status read_file(const char *path, const struct cifar_layout *layout, uint32_t records, int32_t *labels,
                           uint8_t *pixels) {
    size_t record = (size_t)layout->label_bytes + 3 * CIFAR_PLANE;
    struct file_bytes bytes;
    TRY(file_map(path, &bytes));
    if (bytes.size != records * record) {
        file_unmap(&bytes);
        return status_fail(SK_EFORMAT, "%s: its size changed while it was read", path);
    }
    const uint8_t *in = bytes.data;
    for (uint32_t i = 0; i < records; i++, in += record, pixels += (size_t)3 * CIFAR_PLANE) {
        labels[i] = in[layout->label_bytes - 1];
        const uint8_t *planes = in + layout->label_bytes;
        for (size_t p = 0; p < CIFAR_PLANE; p++) {
            for (size_t c = 0; c < 3; c++) pixels[3 * p + c] = planes[c * CIFAR_PLANE + p];
        }
    }
    file_unmap(&bytes);
    return SK_OK;
}

static sk_status open_source(struct dataset *dataset, const char *folder, const char *const *files, int count,
                             const struct cifar_layout *layout, struct data_source *source) {
    uint32_t records[CIFAR_FILES_MAX];
    for (int i = 0; i < count; i++) {
        const char *path = path_join(&dataset->arena, folder, files[i]);
        if (!path) return SK_EMEMORY;
        TRY(check_size(path, layout, &records[i]));
        source->count += records[i];
    }
    source->labels = arena_array(&dataset->arena, source->count, sizeof *source->labels);
    if (!source->labels) return SK_EMEMORY;
    TRY(region_new(&source->memory, (size_t)source->count * 3 * CIFAR_PLANE));
    source->pixels = source->memory.data;
    uint32_t done = 0;
    for (int i = 0; i < count; i++) {
        const char *path = path_join(&dataset->arena, folder, files[i]);
        if (!path) return SK_EMEMORY;
        uint8_t *pixels = (uint8_t *)source->memory.data + (size_t)done * 3 * CIFAR_PLANE;
        TRY(read_file(path, layout, records[i], source->labels + done, pixels));
        done += records[i];
    }
    return SK_OK;
}

/* Class names, one a line; without the file they are numbers. */
static sk_status open_names(struct dataset *dataset, const char *folder, const struct cifar_layout *layout) {
    const char *path = path_join(&dataset->arena, folder, layout->names);
    if (!path) return SK_EMEMORY;
    if (!file_exists(path)) return data_name_classes(dataset, NULL, layout->classes);
    uint8_t *data;
    size_t size;
    TRY(file_read(&dataset->arena, path, NAMES_BYTES_MAX, &data, &size));
    const char **names = arena_array(&dataset->arena, (size_t)layout->classes, sizeof *names);
    if (!names) return SK_EMEMORY;
    int count = 0;
    for (char *line = (char *)data, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        size_t length = strcspn(line, "\r");
        if (length == 0) continue;
        FAIL_IF(count == layout->classes, SK_EFORMAT, "%s: more than %d class names", path, layout->classes);
        FAIL_IF(!utf8_valid(line, length), SK_EFORMAT, "%s: class name %d is not UTF-8", path, count);
        char *name = arena_alloc(&dataset->arena, length + 1);
        if (!name) return SK_EMEMORY;
        names[count++] = printable(line, length, name, length + 1);
    }
    FAIL_IF(count != layout->classes, SK_EFORMAT, "%s: %d class names; expected %d", path, count, layout->classes);
    return data_name_classes(dataset, names, count);
}

sk_status cifar_open(struct dataset *dataset, const char *path, const struct cifar_layout *layout) {
    const char *folder = find_folder(&dataset->arena, path, layout);
    FAIL_IF(!folder, SK_EDATA, "%s: neither %s nor %s is there: expected CIFAR's binary version", path,
            layout->train[0], layout->test);
    dataset->height = dataset->width = CIFAR_SIDE;
    dataset->channels = 3;
    int count = 0;
    while (count < CIFAR_FILES_MAX && layout->train[count]) count++;
    const char *first = path_join(&dataset->arena, folder, layout->train[0]);
    const char *test = path_join(&dataset->arena, folder, layout->test);
    if (!first || !test) return SK_EMEMORY;
    if (file_exists(first)) {
        TRY(open_source(dataset, folder, layout->train, count, layout, &dataset->source[DATA_TRAIN]));
    }
    if (file_exists(test)) TRY(open_source(dataset, folder, &layout->test, 1, layout, &dataset->source[DATA_TEST]));
    return open_names(dataset, folder, layout);
}
