/* dispatch.c — which levels this build has, and the grids that depend on the shape alone.
 *
 * The build defines SISKIN_HAVE_<LEVEL> as 1 for each level it compiled. BUILT(x) is 1 where x is defined as 1,
 * else 0, so that a table that was not built is never referred to and no #if is needed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

#define BUILT_MARK_1                     0,
#define BUILT_SECOND(first, second, ...) second
#define BUILT_EXPAND(...)                BUILT_SECOND(__VA_ARGS__)
#define BUILT_PASTE(value)               BUILT_EXPAND(BUILT_MARK_##value 1, 0, 0)
#define BUILT(flag)                      BUILT_PASTE(flag)

extern const struct kernels kernels_table_plain, kernels_table_neon, kernels_table_avx2, kernels_table_avx512;

static const struct kernels *const tables[ISA_COUNT] = {
    [ISA_PLAIN] = &kernels_table_plain,
    [ISA_NEON] = BUILT(SISKIN_HAVE_NEON) ? &kernels_table_neon : NULL,
    [ISA_AVX2] = BUILT(SISKIN_HAVE_AVX2) ? &kernels_table_avx2 : NULL,
    [ISA_AVX512] = BUILT(SISKIN_HAVE_AVX512) ? &kernels_table_avx512 : NULL,
};

const struct kernels *kernels_of(enum isa isa) {
    return isa >= 0 && isa < ISA_COUNT ? tables[isa] : NULL;
}

int64_t conv_blocks(int64_t rows) {
    return (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

int64_t conv_chunks(int64_t rows) {
    int64_t blocks = conv_blocks(rows), chunks = rows / 784;
    chunks = chunks < 2 ? 2 : chunks > 16 ? 16 : chunks;
    return chunks < blocks ? chunks : blocks;
}

bool block_takes(const struct conv_shape *dense) {
    return dense->groups == 1 && dense->k % 16 == 0 && dense->p * dense->q > BLOCK_SMALL_MAP;
}
