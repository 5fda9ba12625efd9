/* pth_write.c — writes a state_dict as torch.save does: zip form, OrderedDict, _rebuild_tensor_v2, protocol 2.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "files/chunks.h"
#include "files/pth.h"
#include "files/stored_zip.h"

static const char *const storages[DTYPE_COUNT] = {
    [F32] = "FloatStorage", [F64] = "DoubleStorage", [F16] = "HalfStorage",  [BF16] = "BFloat16Storage",
    [U8] = "ByteStorage",   [S8] = "CharStorage",    [S16] = "ShortStorage", [S32] = "IntStorage",
    [I64] = "LongStorage",  [BOOL8] = "BoolStorage",
};

static void put_bytes(struct text *pickle, uint64_t value, int count) {
    char bytes[8];
    for (int i = 0; i < count; i++) bytes[i] = (char)(value >> (8 * i) & 0xff);
    text_add_n(pickle, bytes, (size_t)count);
}

static void put_string(struct text *pickle, const char *string) {
    text_add(pickle, "X");
    put_bytes(pickle, strlen(string), 4);
    text_add(pickle, string);
}

/* BININT1, BININT or LONG1 of 8 bytes; value >= 0. */
static void put_integer(struct text *pickle, int64_t value) {
    if (value < 256) {
        text_add(pickle, "K");
        put_bytes(pickle, (uint64_t)value, 1);
    } else if (value <= INT32_MAX) {
        text_add(pickle, "J");
        put_bytes(pickle, (uint64_t)value, 4);
    } else {
        text_add(pickle, "\x8a\x08");
        put_bytes(pickle, (uint64_t)value, 8);
    }
}

static void put_tensor(struct text *pickle, const struct tensor *tensor, const char *key) {
    int64_t stride[SHAPE_MAX], next = 1;
    for (int d = tensor->shape.rank - 1; d >= 0; d--) {
        stride[d] = next;
        next *= tensor->shape.dim[d] > 0 ? tensor->shape.dim[d] : 1;
    }
    put_string(pickle, tensor->name);
    text_add(pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_string(pickle, "storage");
    text_addf(pickle, "ctorch\n%s\n", storages[tensor->dtype]);
    put_string(pickle, key);
    put_string(pickle, "cpu");
    put_integer(pickle, shape_elements(&tensor->shape));
    text_add(pickle, "tQ");
    put_integer(pickle, 0);
    text_add(pickle, "(");
    for (int d = 0; d < tensor->shape.rank; d++) put_integer(pickle, tensor->shape.dim[d]);
    text_add(pickle, "t(");
    for (int d = 0; d < tensor->shape.rank; d++) put_integer(pickle, stride[d]);
    text_add(pickle, "t\x89" /* needs no gradient, has no hooks */
                     "ccollections\nOrderedDict\n)RtR");
}

/* data.pkl, and the name of each storage's entry. */
static sk_status describe(struct arena *arena, const struct weights *weights, const char **entries,
                          struct text *pickle) {
    text_add(pickle, "\x80\x02"
                     "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < weights->count; i++) {
        char *key = arena_printf(arena, "%zu", i);
        entries[i] = key ? arena_printf(arena, "archive/data/%s", key) : NULL;
        if (!entries[i]) return SK_EMEMORY;
        put_tensor(pickle, &weights->tensors[i], key);
    }
    text_add(pickle, "u.");
    return text_check(pickle);
}

/* The entries in torch's own order. */
static sk_status pack(struct stored_zip_writer *zip, const struct weights *weights, const char *const *entries,
                      const void *pickle, size_t length) {
    TRY(stored_zip_add(zip, "archive/data.pkl", pickle, length));
    TRY(stored_zip_add(zip, "archive/byteorder", "little", 6));
    for (size_t i = 0; i < weights->count; i++) {
        const struct tensor *tensor = &weights->tensors[i];
        size_t size = (size_t)shape_elements(&tensor->shape) * dtype_size(tensor->dtype);
        TRY(stored_zip_add(zip, entries[i], tensor->data, size));
    }
    TRY(stored_zip_add(zip, "archive/version", "3\n", 2));
    return stored_zip_finish(zip);
}

static sk_status layout(struct arena *arena, const void *what, struct chunks *file) {
    const struct weights *weights = what;
    struct stored_zip_writer zip = {.arena = arena};
    TRY(weights_check(weights));
    const char **entries = arena_array(arena, weights->count, sizeof *entries);
    if (!entries) return SK_EMEMORY;
    struct text pickle = {0};
    sk_status status = describe(arena, weights, entries, &pickle);
    char *copy = status == SK_OK ? arena_strndup(arena, pickle.data, pickle.length) : NULL;
    size_t length = pickle.length;
    text_free(&pickle);
    if (!copy) return status != SK_OK ? status : SK_EMEMORY;
    TRY(pack(&zip, weights, entries, copy, length));
    *file = zip.file;
    return SK_OK;
}

sk_status pth_encode(struct arena *arena, const struct weights *weights, uint8_t **bytes, size_t *size) {
    return chunks_encode(layout, weights, arena, bytes, size);
}

sk_status pth_save(const char *path, const struct weights *weights) {
    return chunks_write(layout, weights, path);
}
