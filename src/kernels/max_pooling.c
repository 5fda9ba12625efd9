/* max_pooling.c — maximum over windows, forward (per-ISA: compiled once per level).
 *
 * A tile is a row of pixels. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/max_pooling.h"
#include "kernels/stored.h"
#include "kernels/variants.h"

void KERNEL_NAME(max_pool_plan)(struct max_pool_job *job) {
    job->tiles = job->n * job->p;
}

/* A window's first number, then each that is larger or NaN. x: the window's first pixel, at one vector of channels. */
DW_INLINE void max_pixel(const struct max_pool_job *job, const void *x, int64_t rows, int64_t cols, int64_t to,
                         int lanes, bool x_bf16, bool y_bf16, bool where_bf16) {
    vf best = stored_load(x, x_bf16, 0, lanes), where = vzero();
    for (int64_t i = 0; i < rows; i++, x = stored_at(x, x_bf16, job->w * job->c)) {
        for (int64_t j = i == 0; j < cols; j++) {
            vf v = stored_load(x, x_bf16, j * job->c, lanes);
            if (job->where) where = vpick_over(v, best, vset((float)(i * job->kernel + j)), where);
            best = vpick_over(v, best, v, best);
        }
    }
    stored_store(job->y, y_bf16, to, x_bf16 ? best : stored_round(best, y_bf16), lanes);
    if (job->where) stored_store(job->where, where_bf16, to, where, lanes);
}

DW_INLINE void max_row(const struct max_pool_job *job, int64_t tile, bool x_bf16, bool y_bf16, bool where_bf16) {
    int64_t image = tile / job->p;
    struct max_run h = max_seen(job, tile % job->p, job->top, job->h);
    for (int64_t q = 0; q < job->q; q++) {
        struct max_run w = max_seen(job, q, job->left, job->w);
        int64_t from = ((image * job->h + h.from) * job->w + w.from) * job->c, to = (tile * job->q + q) * job->c;
        for (int64_t c = 0; c < job->c; c += VL)
            max_pixel(job, stored_at(job->x, x_bf16, from + c), h.to - h.from, w.to - w.from, to + c,
                      dw_lanes(job->c - c), x_bf16, y_bf16, where_bf16);
    }
}

void KERNEL_NAME(max_pool_run)(const struct max_pool_job *job, int64_t tile) {
    bool where = job->where ? job->where_bf16 : job->y_bf16;
    if (!job->x_bf16 && !job->y_bf16 && !where)
        max_row(job, tile, false, false, false);
    else if (job->x_bf16 && job->y_bf16 && where)
        max_row(job, tile, true, true, true);
    else
        max_row(job, tile, job->x_bf16, job->y_bf16, where);
}
