/* channel_sums.c — merging the partial sums that norms, biases and scales are made of.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/channel_sums.h"

struct channel_sums channel_sums(const float *parts, int64_t blocks, int64_t channels, int64_t tile) {
    struct channel_sums of = {.first = tile * CHANNELS_A_TILE};
    int64_t left = channels - of.first;
    of.count = left < CHANNELS_A_TILE ? left : CHANNELS_A_TILE;
    for (int64_t b = 0; b < blocks; b++) {
        const float *block = parts + b * 2 * channels + of.first;
        for (int64_t j = 0; j < of.count; j++) of.sum[0][j] += block[j];
        for (int64_t j = 0; j < of.count; j++) of.sum[1][j] += block[channels + j];
    }
    return of;
}
