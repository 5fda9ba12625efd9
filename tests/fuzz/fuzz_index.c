/* fuzz_index.c — an index of pictures, its sum set right, so that what it guards is reached.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/index_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t *copy = malloc(size + 8); /* aligned, as a mapped file is */
    struct index index;
    char name[256];
    if (!copy) return 0;
    memcpy(copy, data, size);
    index_parse((uint8_t *)copy, size, "fuzz", &index);
    if (size >= INDEX_HEAD) {
        uint64_t all = size;
        memcpy((uint8_t *)copy + 16, &all, sizeof all);
        index_seal((uint8_t *)copy, size);
    }
    if (index_parse((uint8_t *)copy, size, "fuzz", &index) == SK_OK) {
        size_t sum = strlen(index.key);
        for (uint32_t c = 0; c < index.class_count; c++) sum += strlen(index.text + index.class_name[c]);
        for (uint32_t s = 0; s < index.stamp_count; s++) sum += strlen(index.text + index.stamp[s].path);
        for (int p = 0; p < DATA_PARTS; p++)
            for (uint32_t i = 0; i < index.part[p].count; i++) {
                index_name(&index.part[p], i, name, sizeof name);
                sum += strlen(name) + (uint32_t)index.part[p].label[i];
                if (index.part[p].offset) sum += index.part[p].offset[i] + index.part[p].size[i];
            }
        if (sum == SIZE_MAX) __builtin_trap(); /* so that the reads are kept */
    }
    free(copy);
    return 0;
}
