/* window_pooling.c — average pooling over windows, forward (per-ISA: compiled once per level).
 *
 * A tile is a row of pixels.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/stored.h"
#include "kernels/variants.h"
#include "kernels/window_pooling.h"

void KERNEL_NAME(avg_pool_plan)(struct avg_pool_job *job) {
    job->tiles = job->n * job->p;
}

DW_INLINE void avg_row(const struct avg_pool_job *job, int64_t tile, bool x_bf16, bool y_bf16) {
    int64_t image = tile / job->p;
    struct run h = seen(job, tile % job->p, job->h);
    for (int64_t q = 0; q < job->q; q++) {
        struct run w = seen(job, q, job->w);
        vf part = vset(share(job, h, w));
        for (int64_t c = 0; c < job->c; c += VL) {
            int lanes = dw_lanes(job->c - c);
            vf sum = vzero();
            for (int64_t i = h.from; i < h.to; i++)
                for (int64_t j = w.from; j < w.to; j++) {
                    int64_t at = ((image * job->h + i) * job->w + j) * job->c + c;
                    sum = vadd(sum, stored_load(job->x, x_bf16, at, lanes));
                }
            stored_store(job->y, y_bf16, (tile * job->q + q) * job->c + c, stored_round(vmul(sum, part), y_bf16),
                         lanes);
        }
    }
}

void KERNEL_NAME(avg_pool_run)(const struct avg_pool_job *job, int64_t tile) {
    if (!job->x_bf16 && !job->y_bf16)
        avg_row(job, tile, false, false);
    else if (job->x_bf16 && job->y_bf16)
        avg_row(job, tile, true, true);
    else
        avg_row(job, tile, job->x_bf16, job->y_bf16);
}
