/* max_pooling_backward.c — the gradient of maximum over windows (per-ISA, libsiskin alone).
 *
 * A tile is a row of pixels, and a pixel gathers from the outputs that saw it, in row order, which is the order in which
 * they would be scattered: no two tiles add to one place. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/max_pooling.h"
#include "kernels/stored.h"
#include "kernels/variants.h"

/* Outputs that see input position `at`: at + before lies in [o*stride, o*stride + kernel). */
static struct max_run max_seeing(const struct max_pool_job *job, int64_t at, int64_t before, int64_t outputs) {
    int64_t low = at + before - job->kernel + 1, last = (at + before) / job->stride;
    return (struct max_run){low > 0 ? (low + job->stride - 1) / job->stride : 0, dw_min(last + 1, outputs)};
}

void KERNEL_NAME(max_pool_backward_plan)(struct max_pool_job *job) {
    job->tiles = job->n * job->h;
}

DW_INLINE void max_row_backward(const struct max_pool_job *job, int64_t tile, bool dy_bf16, bool where_bf16,
                                bool dx_bf16) {
    int64_t image = tile / job->h, row = tile % job->h;
    struct max_run p = max_seeing(job, row, job->top, job->p);
    for (int64_t v = 0; v < job->w; v++) {
        struct max_run q = max_seeing(job, v, job->left, job->q);
        for (int64_t c = 0; c < job->c; c += VL) {
            int lanes = dw_lanes(job->c - c);
            vf sum = vzero();
            for (int64_t i = p.from; i < p.to; i++)
                for (int64_t j = q.from; j < q.to; j++) {
                    int64_t down = row - max_seen(job, i, job->top, job->h).from;
                    int64_t across = v - max_seen(job, j, job->left, job->w).from;
                    int64_t at = ((image * job->p + i) * job->q + j) * job->c + c;
                    vf place = vset((float)(down * job->kernel + across)), half = vset(0.5f);
                    vf mine = vkeep_between(stored_load(job->x, dy_bf16, at, lanes),
                                            stored_load(job->where, where_bf16, at, lanes), vsub(place, half),
                                            vadd(place, half));
                    sum = vadd(sum, mine);
                }
            stored_store(job->y, dx_bf16, (tile * job->w + v) * job->c + c, stored_round(sum, dx_bf16), lanes);
        }
    }
}

void KERNEL_NAME(max_pool_backward_run)(const struct max_pool_job *job, int64_t tile) {
    if (!job->x_bf16 && !job->where_bf16 && !job->y_bf16)
        max_row_backward(job, tile, false, false, false);
    else if (job->x_bf16 && job->where_bf16 && job->y_bf16)
        max_row_backward(job, tile, true, true, true);
    else
        max_row_backward(job, tile, job->x_bf16, job->where_bf16, job->y_bf16);
}
