/* fuzz_keras_h5.c — any bytes as the stream that the helper siskin-h5 hands on: names of layers, lists of weights.
 *
 * The numbers are checked by the reader of safetensors; here the attributes are hostile. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/keras_h5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct weights w;
    status_clear();
    if (safetensors_parse(&arena, data, size, "input", &w) == SK_OK && keras_h5_name(&arena, &w) == SK_OK) {
        if (w.count == 0) abort();
        for (size_t i = 0; i < w.count; i++)
            if (!strchr(w.tensors[i].name, '/')) abort();
    } else if (sk_error()[0] == '\0') {
        abort();
    }
    arena_free(&arena);
    return 0;
}
