/* fuzz_npy.c — any bytes as .npy; what is accepted must survive writing and reading again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct tensor a, b;
    uint8_t *bytes = NULL;
    size_t written = 0;
    status_clear();
    if (npy_parse(&arena, data, size, "input", &a) != SK_OK) {
        if (strncmp(sk_error(), "input: ", 7) != 0) abort();
    } else {
        if (npy_encode(&arena, &a, &bytes, &written) != SK_OK) abort();
        if (npy_parse(&arena, bytes, written, "again", &b) != SK_OK) abort();
        size_t length = (size_t)shape_elements(&a.shape) * dtype_size(a.dtype);
        if (!shape_equal(&a.shape, &b.shape) || length > size) abort();
        if (length > 0 && memcmp(a.data, b.data, length) != 0) abort();
    }
    arena_free(&arena);
    return 0;
}
