/* fuzz_idx.c — IDX files, plain and gzipped, as they come from anywhere. SPDX-License-Identifier: Apache-2.0 */
#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct idx idx;
    if (idx_parse(data, size, "fuzz", &idx) == SK_OK) {
        size_t count = 1, last = 0;
        for (int i = 0; i < idx.rank; i++) count *= idx.dim[i];
        for (size_t i = 0; i < count; i += 4096) last += idx.data[i];
        last += idx.data[count - 1];
        if (last == SIZE_MAX) __builtin_trap(); /* so that the reads are kept */
    }
    region_free(&idx.memory);
    return 0;
}
