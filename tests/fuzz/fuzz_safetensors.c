/* fuzz_safetensors.c — any bytes as .safetensors; what is accepted must survive writing and reading again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct weights w, again;
    uint8_t *bytes = NULL;
    size_t written = 0;
    status_clear();
    if (safetensors_parse(&arena, data, size, "input", &w) != SK_OK) {
        if (strncmp(sk_error(), "input: ", 7) != 0) abort();
    } else {
        if (safetensors_encode(&arena, &w, &bytes, &written) != SK_OK) abort();
        if (safetensors_parse(&arena, bytes, written, "again", &again) != SK_OK) abort();
        if (again.count != w.count || again.metadata_count != w.metadata_count) abort();
        for (size_t i = 0; i < w.count; i++) {
            const struct tensor *a = &w.tensors[i], *b = weights_find(&again, a->name);
            if (!b || !shape_equal(&a->shape, &b->shape) || a->dtype != b->dtype) abort();
            size_t length = (size_t)shape_elements(&a->shape) * dtype_size(a->dtype);
            if (length > size || (length > 0 && memcmp(a->data, b->data, length) != 0)) abort();
        }
    }
    arena_free(&arena);
    return 0;
}
