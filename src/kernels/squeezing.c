/* squeezing.c — the gate of a squeeze-excite from sums of strips: mean, two matrix-vector products (per-ISA: compiled once per level).
 *
 * The products are those of two 1x1 convolutions, chain by chain. Where they are small one thread makes everything: a
 * barrier costs more. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"

enum { ALONE_WEIGHTS = 1 << 14 }; /* of a layer, up to which one thread makes both */

static int64_t panels_of(int64_t cols) {
    return (cols + MM_COLS - 1) / MM_COLS;
}

/* The mean lies before what is squeezed. */
static int64_t mean_floats(const struct squeeze_job *job) {
    return dw_step(job->n * job->c);
}

size_t KERNEL_NAME(squeeze_plan)(struct squeeze_job *job, int threads) {
    bool alone = threads == 1 || job->c * job->squeezed <= ALONE_WEIGHTS;
    int64_t layers[2] = {panels_of(job->squeezed), panels_of(job->c)};
    job->phases = alone ? 1 : 2;
    job->shared_floats = alone ? 0 : job->n * job->squeezed;
    for (int i = 0; i < 2; i++) {
        job->panels[i] = alone ? layers[i] : (layers[i] + threads - 1) / threads;
        job->tiles[i] = (layers[i] + job->panels[i] - 1) / job->panels[i];
    }
    return (size_t)(mean_floats(job) + (alone ? job->n * job->squeezed : 0)) * sizeof(float);
}

static void squeeze_mean(const struct squeeze_job *job, float *mean) {
    for (int64_t image = 0; image < job->n; image++) {
        const float *sums = job->sums + image * job->strips * 2 * job->c;
        for (int64_t c = 0; c < job->c; c += VL) {
            int lanes = dw_lanes(job->c - c);
            vf total = vzero();
            for (int64_t i = 0; i < job->strips; i++)
                total = vadd(total, vload_lanes(sums + i * 2 * job->c + c, lanes));
            vstore_lanes(mean + image * job->c + c, vmul(total, vset(job->scale)), lanes);
        }
    }
}

/* Columns of a layer from panel `first` on: to[n] = act(from[n]·w + bias). */
struct squeeze_layer {
    const float *from, *w, *bias;
    float *to;
    int64_t depth, cols;
    enum act act;
};
static void squeeze_product(const struct squeeze_job *job, const struct squeeze_layer *l, int64_t first,
                            int64_t panels) {
    int64_t col = first * MM_COLS;
    struct matmul m = {.rows = job->n, .depth = l->depth, .cols = dw_min(panels * MM_COLS, l->cols - col)};
    m.a = l->from, m.lda = l->depth, m.b = l->w + matmul_panel(l->depth, col), m.bias = l->bias + col;
    m.c = l->to + col, m.ldc = l->cols, m.act = l->act;
    KERNEL_NAME(matmul)(&m);
}

void KERNEL_NAME(squeeze_run)(const struct squeeze_job *job, int64_t phase, int64_t tile, void *scratch) {
    float *mean = scratch, *squeezed = job->phases == 1 ? mean + mean_floats(job) : job->shared;
    struct squeeze_layer layers[2] = {{.from = mean, .w = job->w1, .bias = job->b1, .to = squeezed, .depth = job->c},
                                      {.from = squeezed, .w = job->w2, .bias = job->b2, .to = job->y}};
    layers[0].cols = layers[1].depth = job->squeezed, layers[1].cols = job->c;
    layers[0].act = job->act, layers[1].act = job->gate_act;
    if (phase == 0) squeeze_mean(job, mean);
    squeeze_product(job, &layers[phase], tile * job->panels[phase], job->panels[phase]);
    if (job->phases == 1) squeeze_product(job, &layers[1], 0, job->panels[1]);
}
