/* window_pooling.c — average pooling over windows, forward and backward (per-ISA: compiled once per level).
 *
 * A tile is a row of pixels, and a pixel gathers what it needs in row order: no two tiles add to one place.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"

/* A run of one axis, cut to what is there. */
struct run {
    int64_t from, to;
};

/* Input positions that output `at` sees. */
static struct run seen(const struct avg_pool_job *job, int64_t at, int64_t size) {
    int64_t first = at * job->stride - job->padding;
    return (struct run){dw_max(first, 0), dw_min(first + job->kernel, size)};
}

/* Outputs that see input position `at`: at + padding lies in [o*stride, o*stride + kernel). */
static struct run seeing(const struct avg_pool_job *job, int64_t at, int64_t outputs) {
    int64_t low = at + job->padding - job->kernel + 1, last = (at + job->padding) / job->stride;
    return (struct run){low > 0 ? (low + job->stride - 1) / job->stride : 0, dw_min(last + 1, outputs)};
}

static float share(const struct avg_pool_job *job, struct run h, struct run w) {
    int64_t count = job->exclude_padding ? (h.to - h.from) * (w.to - w.from) : (int64_t)job->kernel * job->kernel;
    return 1.0f / (float)count;
}

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

void KERNEL_NAME(avg_pool_backward_plan)(struct avg_pool_job *job) {
    job->tiles = job->n * job->h;
}

void KERNEL_NAME(avg_pool_backward_run)(const struct avg_pool_job *job, int64_t tile) {
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
                    const float *dy = job->x + ((image * job->p + i) * job->q + j) * job->c + c;
                    sum = vfma(dw_load(dy, lanes), part, sum);
                }
            dw_store(job->y + (tile * job->w + v) * job->c + c, sum, lanes);
        }
    }
}
