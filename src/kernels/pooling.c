/* pooling.c — global average pooling, forward and backward (per-ISA: compiled once per level).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"
#include "kernels/view.h"

enum { POOL_GROUP = 256, TILE_FLOATS = 1 << 16 }; /* channels, floats of a tile */

/* ---- y[n,c] = mean of the viewed x; a tile is POOL_GROUP channels of an image ---- */

/* The sum of the rows of a block under an activation that is no clamp; `first` is the first element of the image's channels c …. */
static vf gap_smooth(const struct gap_forward *job, int64_t first, int64_t from, int64_t c) {
    enum { ROWS = 8 };
    _Alignas(64) float v[ROWS * VL];
    int lanes = dw_lanes(job->c - c);
    vf sum = vzero(), scale = vset(1.0f), shift = vzero();
    if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
    int64_t end = dw_min(from + BLOCK_ROWS, job->hw);
    for (int64_t row = from; row < end; row += ROWS) {
        int rows = (int)dw_min(ROWS, end - row);
        for (int i = 0; i < rows; i++) {
            vf x = stored_load(job->in.x, job->in.bf16, first + (row + i) * job->c, lanes);
            vstore(v + i * VL, vfma(scale, x, shift));
        }
        KERNEL_NAME(act_values)(job->in.act, v, v, rows * VL);
        for (int i = 0; i < rows; i++) sum = vadd(sum, vload(v + i * VL));
    }
    return sum;
}

/* Sums of BLOCK_ROWS rows join the image's sum once: shorter chains, smaller errors. */
static void gap_vector(const struct gap_forward *job, int64_t image, int64_t c) {
    int lanes = dw_lanes(job->c - c);
    vf low = vset(act_low(job->in.act)), high = vset(act_high(job->in.act)), scale = vset(1.0f), shift = vzero();
    vf total = vzero();
    int64_t first = image * job->hw * job->c + c;
    bool smooth = !act_is_clamp(job->in.act);
    if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
    for (int64_t from = 0; from < job->hw; from += BLOCK_ROWS) {
        vf sum = smooth ? gap_smooth(job, first, from, c) : vzero();
        for (int64_t i = from; !smooth && i < dw_min(from + BLOCK_ROWS, job->hw); i++) {
            vf v = stored_load(job->in.x, job->in.bf16, first + i * job->c, lanes);
            if (job->in.scale) v = vfma(scale, v, shift);
            sum = vadd(sum, vclamp(v, low, high));
        }
        total = vadd(total, sum);
    }
    dw_store(job->y + image * job->c + c, vmul(total, vset(1.0f / (float)job->hw)), lanes);
}

static int64_t pool_groups(int64_t c) {
    return (c + POOL_GROUP - 1) / POOL_GROUP;
}

void KERNEL_NAME(gap_forward_plan)(struct gap_forward *job) {
    job->tiles = job->n * pool_groups(job->c);
}

void KERNEL_NAME(gap_forward_run)(const struct gap_forward *job, int64_t tile) {
    int64_t image = tile / pool_groups(job->c), from = tile % pool_groups(job->c) * POOL_GROUP;
    for (int64_t c = from; c < dw_min(from + POOL_GROUP, job->c); c += VL) gap_vector(job, image, c);
}

/* ---- g = dy[n,c]/HW * act'(scale*x + shift), sums of g and g*x ---- */

/* What reaches the viewed x at element `at` of channels c …: the mean's share, and what a gate adds. */
DW_INLINE vf gap_incoming(const struct gap_backward *job, int64_t at, vf mean, vf factor, int lanes) {
    return job->dz ? vfma(stored_load(job->dz, job->dz_bf16, at, lanes), factor, mean) : mean;
}

static void gap_smooth_backward(const struct gap_backward *job, float *sums, int64_t row, int rows) {
    const float *dy = job->dy + row / job->hw * job->c;
    const float *gate = job->dz ? job->factor + row / job->hw * job->c : dy;
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero(), sum = vzero(), product = vzero(), g[4], x[4], v[4];
        vf mean = vmul(dw_load(dy + c, lanes), vset(1.0f / (float)job->hw));
        if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
        if (sums) sum = dw_load(sums + c, lanes), product = dw_load(sums + job->c + c, lanes);
        for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            x[i] = stored_load(job->in.x, job->in.bf16, at, lanes), v[i] = vfma(scale, x[i], shift);
            g[i] = gap_incoming(job, at, mean, dw_load(gate + c, lanes), lanes);
        }
        view_slopes(job->in.act, g, v, rows);
        for (int i = 0; i < rows; i++) {
            g[i] = stored_round(g[i], job->g_bf16);
            stored_store(job->g, job->g_bf16, (row + i) * job->c + c, g[i], lanes);
            sum = vadd(sum, g[i]), product = vfma(g[i], x[i], product);
        }
        if (sums) dw_store(sums + c, sum, lanes), dw_store(sums + job->c + c, product, lanes);
    }
}

DW_INLINE void gap_backward_rows(const struct gap_backward *job, float *sums, int64_t row, int rows) {
    const float *dy = job->dy + row / job->hw * job->c;
    const float *gate = job->dz ? job->factor + row / job->hw * job->c : dy;
    vf part = vset(1.0f / (float)job->hw);
    bool with_x = job->in.act != ACT_NONE || sums;
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero(), sum = vzero(), product = vzero(),
           mean = vmul(dw_load(dy + c, lanes), part), factor = dw_load(gate + c, lanes);
        if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
        if (sums) sum = dw_load(sums + c, lanes), product = dw_load(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf x = with_x ? stored_load(job->in.x, job->in.bf16, at, lanes) : vzero();
            vf g = view_mask(gap_incoming(job, at, mean, factor, lanes), vfma(scale, x, shift), job->in.act);
            g = stored_round(g, job->g_bf16);
            stored_store(job->g, job->g_bf16, at, g, lanes);
            sum = vadd(sum, g), product = vfma(g, x, product);
        }
        if (sums) dw_store(sums + c, sum, lanes), dw_store(sums + job->c + c, product, lanes);
    }
}

static int64_t tile_rows(int64_t c) {
    return dw_max(1, TILE_FLOATS / (BLOCK_ROWS * dw_max(c, 1))) * BLOCK_ROWS;
}

void KERNEL_NAME(gap_backward_plan)(struct gap_backward *job) {
    job->tiles = (job->n * job->hw + tile_rows(job->c) - 1) / tile_rows(job->c);
}

void KERNEL_NAME(gap_backward_run)(const struct gap_backward *job, int64_t tile) {
    int64_t row = tile * tile_rows(job->c), end = dw_min(row + tile_rows(job->c), job->n * job->hw);
    float *sums = NULL;
    while (row < end) {
        /* four rows at once within one image and one block */
        int64_t left = dw_min(end - row, dw_min(job->hw - row % job->hw, BLOCK_ROWS - row % BLOCK_ROWS));
        if (job->sums && row % BLOCK_ROWS == 0) {
            sums = job->sums + row / BLOCK_ROWS * 2 * job->c;
            dw_zero(sums, 2 * job->c);
        }
        if (!act_is_clamp(job->in.act))
            gap_smooth_backward(job, sums, row, left >= 4 ? 4 : 1);
        else if (left >= 4)
            gap_backward_rows(job, sums, row, 4);
        else
            gap_backward_rows(job, sums, row, 1);
        row += left >= 4 ? 4 : 1;
    }
}
