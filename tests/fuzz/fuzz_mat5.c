/* fuzz_mat5.c — ImageNet's meta.mat as it comes from anywhere. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/mat5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct synset *synsets;
    size_t count, sum = 0;
    if (mat5_synsets(&arena, data, size, "fuzz", &synsets, &count) == SK_OK)
        for (size_t i = 0; i < count; i++) sum += strlen(synsets[i].wnid);
    arena_free(&arena);
    if (sum == SIZE_MAX) __builtin_trap(); /* so that the reads are kept */
    return 0;
}
