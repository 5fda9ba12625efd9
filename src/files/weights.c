/* weights.c — opens a file of named tensors by its content and saves one by its extension.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "files/keras_h5.h"
#include "files/msgpack.h"
#include "files/pth.h"

static const char HDF5_MAGIC[] = "\x89HDF";

static bool starts_with(const uint8_t *bytes, size_t size, const char *magic, size_t length) {
    return size >= length && memcmp(bytes, magic, length) == 0;
}

/* A header length that a file may have, then the header's first byte. Asked before the other magic bytes, with
 * which a length may begin: 640 is 80 02. */
static bool looks_like_safetensors(const uint8_t *bytes, size_t size) {
    return size > 8 && (bytes[4] | bytes[5] | bytes[6] | bytes[7]) == 0 &&
           (bytes[8] == '{' || bytes[8] == ' ' || bytes[8] == '\t' || bytes[8] == '\n');
}

sk_status weights_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                        const struct weights_options *options, struct weights *weights) {
    *weights = (struct weights){.key = ""};
    FAIL_IF(size == 0, SK_EFORMAT, "%s: the file is empty", what);
    if (looks_like_safetensors(bytes, size)) return safetensors_parse(arena, bytes, size, what, weights);
    if (starts_with(bytes, size, "PK", 2) || starts_with(bytes, size, "\x80\x02", 2))
        return pth_parse(arena, bytes, size, what, options, weights);
    FAIL_IF(starts_with(bytes, size, "\x93NUMPY", 6), SK_EFORMAT,
            "%s: this is a single array (.npy), but a file of named weights is needed (.safetensors or .pth)", what);
    FAIL_IF(starts_with(bytes, size, HDF5_MAGIC, 4), SK_EFORMAT,
            "%s: this is an HDF5 file (Keras .h5), which is read from a file alone, not from memory", what);
    if (msgpack_begins(bytes, size)) return msgpack_parse(arena, bytes, size, what, weights);
    FAIL_IF(bytes[0] == 0x80, SK_EFORMAT,
            "%s: this is a pickle of protocol %d, not a weight file; save it with torch.save", what,
            size > 1 ? bytes[1] : 0);
    return status_fail(SK_EFORMAT,
                       "%s: this is neither a .safetensors nor a .pth, .h5 or msgpack file (its first bytes fit none)",
                       what);
}

sk_status weights_open(struct arena *arena, const char *path, const struct weights_options *options,
                       struct weights *weights) {
    *weights = (struct weights){.key = ""};
    struct file_bytes file;
    TRY(file_map(path, &file));
    if (starts_with(file.data, file.size, HDF5_MAGIC, 4)) {
        file_unmap(&file);
        return keras_h5_open(arena, path, weights);
    }
    sk_status status = weights_parse(arena, file.data, file.size, path, options, weights);
    weights->bytes = file;
    if (status != SK_OK || weights->format != WEIGHTS_SAFETENSORS) weights_close(weights);
    return status;
}

void weights_close(struct weights *weights) {
    if (weights->bytes.data) file_unmap(&weights->bytes);
    weights->bytes = (struct file_bytes){0};
}

sk_status weights_save(const char *path, const struct weights *weights) {
    const char *extension = path_extension(path);
    if (strcmp(extension, ".safetensors") == 0) return safetensors_save(path, weights);
    if (strcmp(extension, ".pth") == 0 || strcmp(extension, ".pt") == 0) return pth_save(path, weights);
    return status_fail(SK_EUSAGE, "%s: weights are saved as .safetensors or .pth, but the name ends in '%s'", path,
                       extension);
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

sk_status weights_check(const struct weights *weights) {
    struct arena scratch = {0};
    const char **names = arena_array(&scratch, weights->count, sizeof *names);
    sk_status status = names ? SK_OK : SK_EMEMORY;
    for (size_t i = 0; status == SK_OK && i < weights->count; i++) {
        const struct tensor *tensor = &weights->tensors[i];
        names[i] = tensor->name;
        int64_t count = 0;
        if (!tensor->name || !utf8_valid(tensor->name, strlen(tensor->name)))
            status = status_fail(SK_EFORMAT, "the name of tensor %zu is not valid UTF-8", i);
        else if ((status = shape_count(&tensor->shape, &count)) != SK_OK)
            status_prefix(status, "tensor '%s'", tensor->name);
        else if (count > INT64_MAX / 8 || (!tensor->data && count > 0))
            status = status_fail(SK_EINTERNAL, "tensor '%s' has no data or too much of it", tensor->name);
    }
    if (status == SK_OK) qsort(names, weights->count, sizeof *names, by_name);
    for (size_t i = 1; status == SK_OK && i < weights->count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = status_fail(SK_EFORMAT, "two tensors are called '%s'", names[i]);
    arena_free(&scratch);
    return status;
}
