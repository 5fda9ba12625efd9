/* safetensors_write.c — the writer of .safetensors: as the reference writes it, so that files compare.
 *
 * Tensors stand by descending element size, which keeps each aligned without padding between them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "files/chunks.h"
#include "files/safetensors.h"
#include "files/weights.h"

static void write_entry(struct json_writer *json, const struct tensor *tensor, uint64_t begin, uint64_t end) {
    jw_object(json, tensor->name);
    jw_string(json, "dtype", safetensors_dtype_name(tensor->dtype));
    jw_array(json, "shape");
    for (int d = 0; d < tensor->shape.rank; d++) jw_integer(json, NULL, tensor->shape.dim[d]);
    jw_end_array(json);
    jw_array(json, "data_offsets");
    jw_integer(json, NULL, (int64_t)begin);
    jw_integer(json, NULL, (int64_t)end);
    jw_end_array(json);
    jw_end_object(json);
}

static void write_metadata(struct json_writer *json, const struct weights *weights) {
    if (weights->metadata_count == 0) return;
    jw_object(json, "__metadata__");
    for (size_t i = 0; i < weights->metadata_count; i++)
        jw_string(json, weights->metadata[i].key, weights->metadata[i].value);
    jw_end_object(json);
}

static sk_status check_metadata(const struct weights *weights) {
    for (size_t i = 0; i < weights->metadata_count; i++) {
        const struct weights_pair *pair = &weights->metadata[i];
        FAIL_IF(!utf8_valid(pair->key, strlen(pair->key)) || !utf8_valid(pair->value, strlen(pair->value)), SK_EFORMAT,
                "metadata entry %zu is not valid UTF-8", i);
        for (size_t j = 0; j < i; j++)
            FAIL_IF(strcmp(pair->key, weights->metadata[j].key) == 0, SK_EFORMAT, "metadata '%s' is given twice",
                    pair->key);
    }
    return SK_OK;
}

/* The JSON text and, into `data`, the tensors' bytes in the order in which the header places them. */
static sk_status build(struct arena *arena, const struct weights *weights, struct json_writer *json,
                       struct chunks *data) {
    jw_object(json, NULL);
    write_metadata(json, weights);
    for (size_t element = 8; element > 0; element /= 2)
        for (size_t i = 0; i < weights->count; i++) {
            const struct tensor *tensor = &weights->tensors[i];
            if (dtype_size(tensor->dtype) != element) continue;
            uint64_t begin = data->total;
            TRY(chunks_add(arena, data, tensor->data, (size_t)shape_elements(&tensor->shape) * element));
            write_entry(json, tensor, begin, data->total);
        }
    jw_end_object(json);
    while (json->text.length % 8 != 0 && !json->text.failed) text_add(&json->text, " ");
    return text_check(&json->text);
}

static sk_status layout(struct arena *arena, const void *what, struct chunks *file) {
    const struct weights *weights = what;
    TRY(weights_check(weights));
    for (size_t i = 0; i < weights->count; i++)
        FAIL_IF(strcmp(weights->tensors[i].name, "__metadata__") == 0, SK_EFORMAT,
                "a tensor may not be called '__metadata__' in a safetensors file");
    TRY(check_metadata(weights));
    struct json_writer json = {0};
    struct chunks data = {0};
    sk_status status = build(arena, weights, &json, &data);
    size_t length = json.text.length;
    uint8_t *header = status == SK_OK ? arena_alloc(arena, 8 + length) : NULL;
    if (header) {
        for (int i = 0; i < 8; i++) header[i] = (uint8_t)((uint64_t)length >> (8 * i));
        memcpy(header + 8, json.text.data, length);
    }
    text_free(&json.text);
    if (!header) return status != SK_OK ? status : SK_EMEMORY;
    TRY(chunks_add(arena, file, header, 8 + length));
    for (size_t i = 0; i < data.count; i++) TRY(chunks_add(arena, file, data.list[i].bytes, data.list[i].size));
    return SK_OK;
}

sk_status safetensors_encode(struct arena *arena, const struct weights *weights, uint8_t **bytes, size_t *size) {
    return chunks_encode(layout, weights, arena, bytes, size);
}

sk_status safetensors_save(const char *path, const struct weights *weights) {
    return chunks_write(layout, weights, path);
}
