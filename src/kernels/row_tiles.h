/* row_tiles.h — tiles of elementwise kernels: whole blocks of BLOCK_ROWS rows of C channels.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_ROW_TILES_H
#define SK_KERNELS_ROW_TILES_H

#include "kernels/depthwise_core.h"

enum { ROW_TILE_FLOATS = 1 << 16 };

/* Rows of a tile: whole blocks. */
static inline int64_t tile_rows(int64_t c) {
    return dw_max(1, ROW_TILE_FLOATS / (BLOCK_ROWS * dw_max(c, 1))) * BLOCK_ROWS;
}
static inline int64_t tile_count(int64_t rows, int64_t c) {
    return (rows + tile_rows(c) - 1) / tile_rows(c);
}

struct range {
    int64_t from, to;
};
static inline struct range tile_range(int64_t rows, int64_t c, int64_t tile) {
    struct range r = {tile * tile_rows(c), dw_min(rows, (tile + 1) * tile_rows(c))};
    return r;
}
static inline struct range block_range(struct range tile, int64_t from) {
    struct range r = {from, dw_min(tile.to, from + BLOCK_ROWS)};
    return r;
}

#endif
