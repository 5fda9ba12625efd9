/* pooling_backward.c — the gradient of global average pooling, and of a gate beside it (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/row_tiles.h"
#include "kernels/variants.h"
#include "kernels/view.h"

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
        vf mean = vmul(vload_lanes(dy + c, lanes), vset(1.0f / (float)job->hw));
        if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
        if (sums) sum = vload_lanes(sums + c, lanes), product = vload_lanes(sums + job->c + c, lanes);
        for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            x[i] = stored_load(job->in.x, job->in.bf16, at, lanes), v[i] = vfma(scale, x[i], shift);
            g[i] = gap_incoming(job, at, mean, vload_lanes(gate + c, lanes), lanes);
        }
        view_slopes(job->in.act, g, v, rows);
        for (int i = 0; i < rows; i++) {
            g[i] = stored_round(g[i], job->g_bf16);
            stored_store(job->g, job->g_bf16, (row + i) * job->c + c, g[i], lanes);
            sum = vadd(sum, g[i]), product = vfma(g[i], x[i], product);
        }
        if (sums) vstore_lanes(sums + c, sum, lanes), vstore_lanes(sums + job->c + c, product, lanes);
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
           mean = vmul(vload_lanes(dy + c, lanes), part), factor = vload_lanes(gate + c, lanes);
        if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
        if (sums) sum = vload_lanes(sums + c, lanes), product = vload_lanes(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf x = with_x ? stored_load(job->in.x, job->in.bf16, at, lanes) : vzero();
            vf g = view_mask(gap_incoming(job, at, mean, factor, lanes), vfma(scale, x, shift), job->in.act);
            g = stored_round(g, job->g_bf16);
            stored_store(job->g, job->g_bf16, at, g, lanes);
            sum = vadd(sum, g), product = vfma(g, x, product);
        }
        if (sums) vstore_lanes(sums + c, sum, lanes), vstore_lanes(sums + job->c + c, product, lanes);
    }
}

void KERNEL_NAME(gap_backward_plan)(struct gap_backward *job) {
    job->tiles = tile_count(job->n * job->hw, job->c);
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
