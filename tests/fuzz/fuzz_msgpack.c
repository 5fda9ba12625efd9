/* fuzz_msgpack.c — any bytes as Flax's msgpack. What is accepted has countable tensors whose bytes are all there.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct weights w;
    status_clear();
    if (msgpack_parse(&arena, data, size, "input", &w) != SK_OK) {
        if (strncmp(sk_error(), "input: ", 7) != 0) abort();
    } else {
        size_t sum = 0;
        for (size_t i = 0; i < w.count; i++) {
            const uint8_t *bytes = w.tensors[i].data;
            size_t length = (size_t)shape_elements(&w.tensors[i].shape) * dtype_size(w.tensors[i].dtype);
            if ((uintptr_t)bytes % dtype_size(w.tensors[i].dtype) != 0) abort();
            for (size_t j = 0; j < length; j++) sum += bytes[j];
        }
        if (w.count == 0 || sum > 255 * size * (w.count + 1)) abort();
    }
    arena_free(&arena);
    return 0;
}
