/* max_pooling.c — maximum over windows, forward (per-ISA: compiled once per level).
 *
 * A tile is a row of pixels. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/max_pooling.h"
#include "kernels/variants.h"

void KERNEL_NAME(max_pool_plan)(struct max_pool_job *job) {
    job->tiles = job->n * job->p;
}

/* A window's first number, then each that is larger or NaN. x: the window's first pixel, at one vector of channels. */
static void max_pixel(const struct max_pool_job *job, const float *x, int64_t rows, int64_t cols, int64_t to, int lanes) {
    vf best = dw_load(x, lanes), where = vzero();
    for (int64_t i = 0; i < rows; i++, x += job->w * job->c) {
        for (int64_t j = i == 0; j < cols; j++) {
            vf v = dw_load(x + j * job->c, lanes);
            if (job->where) where = vpick_over(v, best, vset((float)(i * job->kernel + j)), where);
            best = vpick_over(v, best, v, best);
        }
    }
    dw_store(job->y + to, best, lanes);
    if (job->where) dw_store(job->where + to, where, lanes);
}

void KERNEL_NAME(max_pool_run)(const struct max_pool_job *job, int64_t tile) {
    int64_t image = tile / job->p;
    struct max_run h = max_seen(job, tile % job->p, job->top, job->h);
    for (int64_t q = 0; q < job->q; q++) {
        struct max_run w = max_seen(job, q, job->left, job->w);
        const float *x = job->x + ((image * job->h + h.from) * job->w + w.from) * job->c;
        int64_t to = (tile * job->q + q) * job->c;
        for (int64_t c = 0; c < job->c; c += VL)
            max_pixel(job, x + c, h.to - h.from, w.to - w.from, to + c, dw_lanes(job->c - c));
    }
}
