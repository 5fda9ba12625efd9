/* fuzz_pth.c — any bytes as .pth (or whatever the first bytes say), with checksums ignored to get further in.
 *
 * What is accepted must survive writing and reading again. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/pth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct weights w, again;
    const struct weights_options options = {.ignore_checksum = true};
    uint8_t *bytes = NULL;
    size_t written = 0;
    status_clear();
    if (weights_parse(&arena, data, size, "input", &options, &w) != SK_OK) {
        if (strncmp(sk_error(), "input: ", 7) != 0) abort();
    } else if (w.format != WEIGHTS_SAFETENSORS) {
        if (pth_encode(&arena, &w, &bytes, &written) != SK_OK) abort();
        if (pth_parse(&arena, bytes, written, "again", NULL, &again) != SK_OK || again.count != w.count) abort();
        for (size_t i = 0; i < w.count; i++) {
            const struct tensor *a = &w.tensors[i], *b = &again.tensors[i];
            if (strcmp(a->name, b->name) != 0 || !shape_equal(&a->shape, &b->shape) || a->dtype != b->dtype) abort();
            size_t length = (size_t)shape_elements(&a->shape) * dtype_size(a->dtype);
            if (length > 0 && memcmp(a->data, b->data, length) != 0) abort();
        }
    }
    arena_free(&arena);
    return 0;
}
