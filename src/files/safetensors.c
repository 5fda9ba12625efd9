/* safetensors.c — the reader of .safetensors: everything the reference parser rejects, and duplicate keys.
 *
 * Entries are sorted by offset and must tile the data exactly, so that no byte is read twice or hidden.
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { HEADER_MAX = 100000000 };

static const char *const dtype_names[DTYPE_COUNT] = {
    [F32] = "F32", [F64] = "F64", [F16] = "F16", [BF16] = "BF16", [U8] = "U8",
    [S8] = "I8",   [S16] = "I16", [S32] = "I32", [I64] = "I64",   [BOOL8] = "BOOL",
};

const char *safetensors_dtype_name(enum dtype dtype) {
    return dtype_names[dtype];
}

enum dtype safetensors_dtype(const char *name) {
    int found = 0;
    while (found < DTYPE_COUNT && strcmp(name, dtype_names[found]) != 0) found++;
    return (enum dtype)found;
}

const struct tensor *weights_find(const struct weights *weights, const char *name) {
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->tensors[i].name, name) == 0) return &weights->tensors[i];
    return NULL;
}

const char *weights_metadata(const struct weights *weights, const char *key) {
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[i].key, key) == 0) return weights->metadata[i].value;
    return NULL;
}

struct entry {
    struct tensor tensor;
    uint64_t begin, end; /* relative to the first data byte */
};

static sk_status read_shape(const struct json *json, struct shape *shape) {
    const struct json *dims = json_get(json, "shape");
    FAIL_IF(!dims || dims->kind != JSON_ARRAY, SK_EFORMAT, "it has no \"shape\" list");
    FAIL_IF(dims->count > SHAPE_MAX, SK_EFORMAT, "its shape has %zu dimensions, but siskin holds at most %d",
            dims->count, SHAPE_MAX);
    *shape = (struct shape){.rank = 0};
    for (const struct json *dim = dims->child; dim; dim = dim->next) {
        FAIL_IF(dim->kind != JSON_NUMBER || !dim->is_integer || dim->integer < 0, SK_EFORMAT,
                "dimension %d of its shape is not a whole number of 0 or more", shape->rank);
        shape->dim[shape->rank++] = dim->integer;
    }
    return SK_OK;
}

static sk_status read_offsets(const struct json *json, struct entry *entry) {
    const struct json *pair = json_get(json, "data_offsets");
    FAIL_IF(!pair || pair->kind != JSON_ARRAY || pair->count != 2, SK_EFORMAT,
            "its \"data_offsets\" are not a list of two numbers");
    const struct json *begin = pair->child, *end = begin->next;
    FAIL_IF(begin->kind != JSON_NUMBER || !begin->is_integer || begin->integer < 0 || end->kind != JSON_NUMBER ||
                !end->is_integer || end->integer < 0,
            SK_EFORMAT, "its \"data_offsets\" are not whole numbers of 0 or more");
    entry->begin = (uint64_t)begin->integer;
    entry->end = (uint64_t)end->integer;
    FAIL_IF(entry->begin > entry->end, SK_EFORMAT, "its data begins at %" PRIu64 " and ends before that, at %" PRIu64,
            entry->begin, entry->end);
    return SK_OK;
}

static sk_status read_entry(const struct json *json, uint64_t data_size, struct entry *entry) {
    FAIL_IF(json->kind != JSON_OBJECT, SK_EFORMAT, "its header entry is not an object");
    const char *name = json_string(json, "dtype", NULL);
    FAIL_IF(!name, SK_EFORMAT, "it has no \"dtype\"");
    entry->tensor.name = json->key;
    entry->tensor.dtype = safetensors_dtype(name);
    if (entry->tensor.dtype == DTYPE_COUNT) {
        char shown[40];
        return status_fail(SK_EFORMAT,
                           "its dtype is '%s', but siskin holds BOOL, U8, I8, I16, I32, I64, F16, BF16, F32 and F64",
                           printable(name, strlen(name), shown, sizeof shown));
    }
    TRY(read_shape(json, &entry->tensor.shape));
    TRY(read_offsets(json, entry));
    FAIL_IF(entry->end > data_size, SK_EFORMAT,
            "its data ends at byte %" PRIu64 " of %" PRIu64 "; the file is cut short or damaged", entry->end,
            data_size);
    int64_t count, element = (int64_t)dtype_size(entry->tensor.dtype);
    TRY(shape_count(&entry->tensor.shape, &count));
    char shape[128];
    FAIL_IF(count > INT64_MAX / element || (uint64_t)(count * element) != entry->end - entry->begin, SK_EFORMAT,
            "its data takes %" PRIu64 " bytes, which is not what shape %s of %s needs", entry->end - entry->begin,
            shape_text(&entry->tensor.shape, shape, sizeof shape), name);
    return SK_OK;
}

static sk_status read_metadata(struct arena *arena, const struct json *json, struct weights *out) {
    FAIL_IF(json->kind != JSON_OBJECT, SK_EFORMAT, "__metadata__ is not an object of strings");
    out->metadata = arena_array(arena, json->count, sizeof *out->metadata);
    if (!out->metadata) return SK_EMEMORY;
    for (const struct json *pair = json->child; pair; pair = pair->next) {
        char shown[80];
        FAIL_IF(pair->kind != JSON_STRING, SK_EFORMAT,
                "__metadata__ '%s' is not a string, but only strings may stand there",
                printable(pair->key, strlen(pair->key), shown, sizeof shown));
        out->metadata[out->metadata_count++] = (struct weights_pair){pair->key, pair->string};
    }
    return SK_OK;
}

static int by_offset(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Check that the sorted entries tile data[size] and hand out their bytes. */
static sk_status place(struct arena *arena, struct entry *entries, const uint8_t *data, uint64_t size,
                       struct weights *out) {
    uint64_t at = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct entry *entry = &entries[i];
        char shown[80];
        printable(entry->tensor.name, strlen(entry->tensor.name), shown, sizeof shown);
        FAIL_IF(entry->begin != at, SK_EFORMAT,
                "tensor '%s' begins at data byte %" PRIu64 ", but the one before it ends at %" PRIu64
                "; tensors may neither overlap nor leave holes",
                shown, entry->begin, at);
        at = entry->end;
        const uint8_t *bytes = data + entry->begin;
        size_t length = (size_t)(entry->end - entry->begin);
        entry->tensor.data = (void *)(uintptr_t)bytes;
        if ((uintptr_t)bytes % dtype_size(entry->tensor.dtype) != 0) {
            entry->tensor.data = arena_alloc(arena, length);
            if (!entry->tensor.data) return SK_EMEMORY;
            memcpy(entry->tensor.data, bytes, length);
        }
        out->tensors[i] = entry->tensor;
    }
    FAIL_IF(at != size, SK_EFORMAT,
            "the tensors take %" PRIu64 " bytes, but %" PRIu64 " follow the header; the file has bytes of no tensor",
            at, size);
    return SK_OK;
}

static sk_status read_header(struct arena *arena, const uint8_t *bytes, size_t size, struct json **header,
                             size_t *data_at) {
    FAIL_IF(size < 8, SK_EFORMAT, "its %zu bytes are too few: a safetensors file starts with an 8-byte header length",
            size);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes[i];
    FAIL_IF(length < 2, SK_EFORMAT, "its header length is %" PRIu64 ", but the smallest header {} has 2 bytes", length);
    FAIL_IF(length > HEADER_MAX, SK_EFORMAT, "its header length is %" PRIu64 ", more than the format's limit of %d",
            length, HEADER_MAX);
    FAIL_IF(length > size - 8, SK_EFORMAT,
            "its header should have %" PRIu64 " bytes, but only %zu follow; the file is cut short or damaged", length,
            size - 8);
    TRY(json_parse(arena, (const char *)bytes + 8, (size_t)length, "header", header));
    FAIL_IF((*header)->kind != JSON_OBJECT, SK_EFORMAT, "its header is not a JSON object");
    *data_at = 8 + (size_t)length;
    return SK_OK;
}

static sk_status read_all(struct arena *arena, const uint8_t *bytes, size_t size, struct weights *out) {
    struct json *header = NULL;
    size_t data_at = 0;
    TRY(read_header(arena, bytes, size, &header, &data_at));
    struct entry *entries = arena_array(arena, header->count, sizeof *entries);
    if (!entries) return SK_EMEMORY;
    for (const struct json *json = header->child; json; json = json->next) {
        if (strcmp(json->key, "__metadata__") == 0) {
            TRY(read_metadata(arena, json, out));
            continue;
        }
        sk_status status = read_entry(json, size - data_at, &entries[out->count++]);
        char shown[80];
        if (status != SK_OK)
            return status_prefix(status, "tensor '%s'", printable(json->key, strlen(json->key), shown, sizeof shown));
    }
    qsort(entries, out->count, sizeof *entries, by_offset);
    out->tensors = arena_array(arena, out->count, sizeof *out->tensors);
    if (!out->tensors) return SK_EMEMORY;
    return place(arena, entries, bytes + data_at, size - data_at, out);
}

sk_status safetensors_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                            struct weights *out) {
    *out = (struct weights){.format = WEIGHTS_SAFETENSORS, .key = ""};
    sk_status status = read_all(arena, bytes, size, out);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", what);
}
