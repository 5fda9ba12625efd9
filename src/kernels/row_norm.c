/* row_norm.c — layer norm over the channels of each pixel, forward and backward (per-ISA: compiled once per level).
 *
 * Here lanes are added up, which elsewhere they never are: a row's sums have ROW_LANES lanes whatever a vector holds,
 * added by one tree, so that all levels give equal bits. The variance is of x - mean, formed in a second walk over a
 * row that lies in L1. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"

enum { TILE_FLOATS = 1 << 14, ROW_LANES = 32, ROW_PARTS = ROW_LANES / VL };

struct row_sum {
    vf part[ROW_PARTS];
};

DW_INLINE struct row_sum row_zero(void) {
    struct row_sum sum;
    DW_UNROLL for (int i = 0; i < ROW_PARTS; i++) sum.part[i] = vzero();
    return sum;
}

static float row_total(const struct row_sum *sum) {
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
    return dw_load(all, lanes);
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

static struct row_norm row_norm(const void *x, bool bf16, int64_t at, int64_t c, float eps) {
    return bf16 ? row_norm_of(x, true, at, c, eps) : row_norm_of(x, false, at, c, eps);
}

/* ---- forward ---- */

static int64_t forward_rows(int64_t c) {
    return dw_max(1, TILE_FLOATS / dw_max(c, 1));
}

void KERNEL_NAME(layer_norm_forward_plan)(struct layer_norm_forward *job) {
    job->tiles = (job->rows + forward_rows(job->c) - 1) / forward_rows(job->c);
}

void KERNEL_NAME(layer_norm_forward_run)(const struct layer_norm_forward *job, int64_t tile) {
    int64_t rows = forward_rows(job->c), c = job->c;
    for (int64_t row = tile * rows; row < dw_min((tile + 1) * rows, job->rows); row++) {
        struct row_norm norm = row_norm(job->x, job->x_bf16, row * c, c, job->eps);
        vf mean = vset(norm.mean), invstd = vset(norm.invstd);
        for (int64_t j = 0; j < c; j += VL) {
            int lanes = dw_lanes(c - j);
            vf h = vmul(vsub(stored_load(job->x, job->x_bf16, row * c + j, lanes), mean), invstd);
            vf y = vfma(h, dw_load(job->weight + j, lanes), dw_load(job->bias + j, lanes));
            stored_store(job->y, job->y_bf16, row * c + j, stored_round(y, job->y_bf16), lanes);
        }
    }
}

/* ---- backward ---- */

/* dx = (g - mean(g) - h*mean(g*h))*invstd with g = dy*weight, h = (x - mean)*invstd. */
struct row_gradient {
    struct row_norm norm;
    float mean_g, mean_gh;
};

static struct row_gradient row_gradient(const struct layer_norm_backward *job, int64_t row) {
    const float *weight = job->weight;
    int64_t first = row * job->c;
    struct row_gradient of = {.norm = row_norm(job->x, job->x_bf16, first, job->c, job->eps)};
    struct row_sum sum = row_zero(), product = row_zero();
    vf mean = vset(of.norm.mean), invstd = vset(of.norm.invstd);
    for (int64_t j = 0; j < job->c; j += ROW_LANES) DW_UNROLL for (int i = 0; i < ROW_PARTS; i++) {
            int lanes = part_lanes(job->c - j, i);
            int64_t at = j + i * VL;
            if (!lanes) break;
            vf g = vmul(stored_load(job->dy, job->dy_bf16, first + at, lanes), dw_load(weight + at, lanes));
            vf h = vmul(vsub(stored_load(job->x, job->x_bf16, first + at, lanes), mean), invstd);
            sum.part[i] = vadd(sum.part[i], g);
            product.part[i] = vfma(g, h, product.part[i]);
        }
    of.mean_g = row_total(&sum) / (float)job->c;
    of.mean_gh = row_total(&product) / (float)job->c;
    return of;
}

DW_INLINE void backward_rows(const struct layer_norm_backward *job, float *sums, int64_t row, int rows) {
    struct row_gradient of[4];
    for (int i = 0; i < rows; i++) of[i] = row_gradient(job, row + i);
    for (int64_t j = 0; j < job->c; j += VL) {
        int lanes = dw_lanes(job->c - j);
        vf weight = dw_load(job->weight + j, lanes);
        vf sum = dw_load(sums + j, lanes), product = dw_load(sums + job->c + j, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + j;
            vf dy = stored_load(job->dy, job->dy_bf16, at, lanes), invstd = vset(of[i].norm.invstd);
            vf h = vmul(vsub(stored_load(job->x, job->x_bf16, at, lanes), vset(of[i].norm.mean)), invstd);
            vf g = vsub(vmul(dy, weight), vfma(h, vset(of[i].mean_gh), vset(of[i].mean_g)));
            stored_store(job->dx, job->dx_bf16, at, stored_round(vmul(g, invstd), job->dx_bf16), lanes);
            sum = vadd(sum, dy), product = vfma(dy, h, product);
        }
        dw_store(sums + j, sum, lanes), dw_store(sums + job->c + j, product, lanes);
    }
}

/* A tile is a block of rows: its sums are its own. */
void KERNEL_NAME(layer_norm_backward_plan)(struct layer_norm_backward *job) {
    job->tiles = conv_blocks(job->rows);
}

void KERNEL_NAME(layer_norm_backward_run)(const struct layer_norm_backward *job, int64_t tile) {
    int64_t row = tile * BLOCK_ROWS, end = dw_min(row + BLOCK_ROWS, job->rows);
    float *sums = job->sums + tile * 2 * job->c;
    for (int64_t j = 0; j < 2 * job->c; j++) sums[j] = 0.0f;
    for (; row + 4 <= end; row += 4) backward_rows(job, sums, row, 4);
    for (; row < end; row++) backward_rows(job, sums, row, 1);
}
