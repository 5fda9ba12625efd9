/* window_pooling.c — average pooling over windows, forward (per-ISA: compiled once per level).
 *
 * A tile is a row of pixels.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"
#include "kernels/window_pooling.h"

void KERNEL_NAME(avg_pool_plan)(struct avg_pool_job *job) {
    job->tiles = job->n * job->p;
}

void KERNEL_NAME(avg_pool_run)(const struct avg_pool_job *job, int64_t tile) {
    int64_t image = tile / job->p;
    struct run h = seen(job, tile % job->p, job->h);
    for (int64_t q = 0; q < job->q; q++) {
        struct run w = seen(job, q, job->w);
        vf part = vset(share(job, h, w));
        for (int64_t c = 0; c < job->c; c += VL) {
            int lanes = dw_lanes(job->c - c);
            vf sum = vzero();
            for (int64_t i = h.from; i < h.to; i++)
                for (int64_t j = w.from; j < w.to; j++)
                    sum = vadd(sum, dw_load(job->x + ((image * job->h + i) * job->w + j) * job->c + c, lanes));
            dw_store(job->y + (tile * job->q + q) * job->c + c, vmul(sum, part), lanes);
        }
    }
}
