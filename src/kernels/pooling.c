/* pooling.c — global average pooling, forward (per-ISA: compiled once per level).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"
#include "kernels/view.h"

enum { POOL_GROUP = 256 }; /* channels of a tile */

/* ---- y[n,c] = mean of the viewed x; a tile is POOL_GROUP channels of an image ---- */

/* The sum of the rows of a block under an activation that is no clamp; `first` is the first element of the image's channels c …. */
static vf gap_smooth(const struct gap_forward *job, int64_t first, int64_t from, int64_t c) {
    enum { ROWS = 8 };
    _Alignas(64) float v[ROWS * VL];
    int lanes = dw_lanes(job->c - c);
    vf sum = vzero(), scale = vset(1.0f), shift = vzero();
    if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
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
    if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
    for (int64_t from = 0; from < job->hw; from += BLOCK_ROWS) {
        vf sum = smooth ? gap_smooth(job, first, from, c) : vzero();
        for (int64_t i = from; !smooth && i < dw_min(from + BLOCK_ROWS, job->hw); i++) {
            vf v = stored_load(job->in.x, job->in.bf16, first + i * job->c, lanes);
            if (job->in.scale) v = vfma(scale, v, shift);
            sum = vadd(sum, vclamp(v, low, high));
        }
        total = vadd(total, sum);
    }
    vstore_lanes(job->y + image * job->c + c, vmul(total, vset(1.0f / (float)job->hw)), lanes);
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
