/* channel_sums.h — partial sums of blocks, (blocks,2,C), merged in index order in double, some channels a tile.
 *
 * Sums in f32 over a whole 112x112 batch put a variance off by up to 7e-3, blocks of 112 rows merged so by 3e-6.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_CHANNEL_SUMS_H
#define SK_OPS_CHANNEL_SUMS_H

#include <stdint.h>

enum { CHANNELS_A_TILE = 32 };

struct channel_sums {
    int64_t first, count; /* channels of the tile */
    double sum[2][CHANNELS_A_TILE];
};

static inline int64_t channel_tiles(int64_t channels) {
    return (channels + CHANNELS_A_TILE - 1) / CHANNELS_A_TILE;
}
/* Tile `tile` of both sums over `blocks` blocks; parts may be NULL where there are none. */
struct channel_sums channel_sums(const float *parts, int64_t blocks, int64_t channels, int64_t tile);

#endif
