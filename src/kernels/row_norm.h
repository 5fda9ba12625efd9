/* row_norm.h — mean and variance over the channels of a pixel.
 *
 * Here lanes are added up, which elsewhere they never are: a row's sums have ROW_LANES lanes whatever a vector holds,
 * added by one tree, so that all levels give equal bits. The variance is of x - mean, formed in a second walk over a
 * row that lies in L1. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_ROW_NORM_H
#define SK_KERNELS_ROW_NORM_H

#include "kernels/depthwise_core.h"

enum { ROW_LANES = 32, ROW_PARTS = ROW_LANES / VL };

struct row_sum {
    vf part[ROW_PARTS];
};

DW_INLINE struct row_sum row_zero(void) {
    struct row_sum sum;
    DW_UNROLL for (int i = 0; i < ROW_PARTS; i++) sum.part[i] = vzero();
    return sum;
}

static inline float row_total(const struct row_sum *sum) {
    float lane[ROW_LANES];
    for (int i = 0; i < ROW_PARTS; i++) vstore(lane + i * VL, sum->part[i]);
    for (int half = ROW_LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

/* What a row is normalised by. */
struct row_norm {
    float mean, invstd;
};

/* Lanes of part i where `left` channels are left. */
DW_INLINE int part_lanes(int64_t left, int i) {
    int64_t lanes = left - i * VL;
    return lanes <= 0 ? 0 : dw_lanes(lanes);
}

/* The mean in the first `lanes` lanes, zero in the others: so that x - mean is zero beyond the last channel. */
DW_INLINE vf mean_lanes(float mean, int lanes) {
    float all[VL];
    for (int i = 0; i < VL; i++) all[i] = mean;
    return vload_lanes(all, lanes);
}

DW_INLINE struct row_norm row_norm_of(const void *x, bool bf16, int64_t at, int64_t c, float eps) {
    struct row_sum sum = row_zero(), squares = row_zero();
    int64_t j = 0;
    for (; j + ROW_LANES <= c; j += ROW_LANES)
        DW_UNROLL for (int i = 0; i < ROW_PARTS; i++) sum.part[i] = vadd(sum.part[i], stored_load(x, bf16, at + j + i * VL, VL));
    for (int i = 0; i < ROW_PARTS && part_lanes(c - j, i); i++)
        sum.part[i] = vadd(sum.part[i], stored_load(x, bf16, at + j + i * VL, part_lanes(c - j, i)));
    float mean = row_total(&sum) / (float)c;
    vf all = vset(mean);
    for (j = 0; j + ROW_LANES <= c; j += ROW_LANES) DW_UNROLL for (int i = 0; i < ROW_PARTS; i++) {
            vf d = vsub(stored_load(x, bf16, at + j + i * VL, VL), all);
            squares.part[i] = vfma(d, d, squares.part[i]);
        }
    for (int i = 0; i < ROW_PARTS && part_lanes(c - j, i); i++) {
        int lanes = part_lanes(c - j, i);
        vf d = vsub(stored_load(x, bf16, at + j + i * VL, lanes), mean_lanes(mean, lanes));
        squares.part[i] = vfma(d, d, squares.part[i]);
    }
    return (struct row_norm){mean, 1.0f / sqrtf(row_total(&squares) / (float)c + eps)};
}

static inline struct row_norm row_norm(const void *x, bool bf16, int64_t at, int64_t c, float eps) {
    return bf16 ? row_norm_of(x, true, at, c, eps) : row_norm_of(x, false, at, c, eps);
}

#endif
