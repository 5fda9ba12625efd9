/* dispatch_run.c — the kernels of a level that inference needs, and the grids that depend on the shape alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/level_tables.h"

LEVEL_TABLES(kernels_run_table);

const struct kernels *kernels_run_of(enum isa isa) {
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

bool winograd_takes(const struct conv_shape *s) {
    return s->r == 3 && s->s == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 && s->dilation_w == 1 &&
           s->groups == 1;
}

bool block_takes(const struct conv_shape *dense) {
    return dense->groups == 1 && dense->k % 16 == 0 && dense->p * dense->q > BLOCK_SMALL_MAP;
}

bool pixel_mlp_takes(int64_t rows, int64_t c, int64_t hidden) {
    return rows >= 196 && c % 512 && hidden % PIXEL_MLP_ALIGN == 0;
}
