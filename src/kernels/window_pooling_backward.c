/* window_pooling_backward.c — the gradient of average pooling over windows (per-ISA, libsiskin alone).
 *
 * A tile is a row of pixels, and a pixel gathers what it needs in row order: no two tiles add to one place.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/stored.h"
#include "kernels/variants.h"
#include "kernels/window_pooling.h"

/* Outputs that see input position `at`: at + padding lies in [o*stride, o*stride + kernel). */
static struct run seeing(const struct avg_pool_job *job, int64_t at, int64_t outputs) {
    int64_t low = at + job->padding - job->kernel + 1, last = (at + job->padding) / job->stride;
    return (struct run){low > 0 ? (low + job->stride - 1) / job->stride : 0, dw_min(last + 1, outputs)};
}

void KERNEL_NAME(avg_pool_backward_plan)(struct avg_pool_job *job) {
    job->tiles = job->n * job->h;
}

DW_INLINE void avg_row_backward(const struct avg_pool_job *job, int64_t tile, bool dy_bf16, bool dx_bf16) {
    int64_t image = tile / job->h;
    struct run p = seeing(job, tile % job->h, job->p);
    for (int64_t v = 0; v < job->w; v++) {
        struct run q = seeing(job, v, job->q);
        for (int64_t c = 0; c < job->c; c += VL) {
            int lanes = dw_lanes(job->c - c);
            vf sum = vzero();
            for (int64_t i = p.from; i < p.to; i++)
                for (int64_t j = q.from; j < q.to; j++) {
                    vf part = vset(share(job, seen(job, i, job->h), seen(job, j, job->w)));
                    int64_t at = ((image * job->p + i) * job->q + j) * job->c + c;
                    sum = vfma(stored_load(job->x, dy_bf16, at, lanes), part, sum);
                }
            stored_store(job->y, dx_bf16, (tile * job->w + v) * job->c + c, stored_round(sum, dx_bf16), lanes);
        }
    }
}

void KERNEL_NAME(avg_pool_backward_run)(const struct avg_pool_job *job, int64_t tile) {
    if (!job->x_bf16 && !job->y_bf16)
        avg_row_backward(job, tile, false, false);
    else if (job->x_bf16 && job->y_bf16)
        avg_row_backward(job, tile, true, true);
    else
        avg_row_backward(job, tile, job->x_bf16, job->y_bf16);
}
