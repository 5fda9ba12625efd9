/* pack.c — convolution weights (R,S,C/groups,K) to the panels of the matrix core (per-ISA: compiled once per level).
 *
 * PACK_FORWARD: a group's matrix is (R*S*C/groups, K/groups) as it lies. PACK_BACKWARD: depth is (r, s, k) and the
 * columns are input channels, which is the matrix that takes a gathered gradient to the input's gradient.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/matmul.h"
#include "kernels/variants.h"

/* A group's matrix. */
struct pack_shape {
    int64_t depth, cols, panels;
};

static struct pack_shape pack_shape(const struct conv_shape *s, enum pack_direction direction) {
    int64_t taps = (int64_t)s->r * s->s, in = s->c / s->groups, out = s->k / s->groups;
    struct pack_shape p = {taps * in, out, 0};
    if (direction == PACK_BACKWARD) p = (struct pack_shape){taps * out, in, 0};
    p.panels = (p.cols + MM_COLS - 1) / MM_COLS;
    return p;
}

size_t KERNEL_NAME(packed_bytes)(const struct conv_shape *s, enum pack_direction direction) {
    struct pack_shape p = pack_shape(s, direction);
    return (size_t)(s->groups * matmul_packed(p.depth, p.cols)) * sizeof(float);
}

/* A tile is a panel. */
void KERNEL_NAME(pack_plan)(struct pack_job *job) {
    job->tiles = job->s.groups * pack_shape(&job->s, job->direction).panels;
}

static void pack_forward(const struct pack_job *job, const struct pack_shape *p, int64_t group, int64_t col,
                         float *to) {
    int64_t left = p->cols - col < MM_COLS ? p->cols - col : MM_COLS;
    const float *w = job->w + group * p->cols + col;
    for (int64_t d = 0; d < p->depth; d++, w += job->s.k, to += MM_COLS) {
        for (int64_t j = 0; j < left; j++) to[j] = w[j];
        for (int64_t j = left; j < MM_COLS; j++) to[j] = 0.0f;
    }
}

static void pack_backward(const struct pack_job *job, const struct pack_shape *p, int64_t group, int64_t col,
                          float *to) {
    const struct conv_shape *s = &job->s;
    int64_t out = s->k / s->groups, left = p->cols - col < MM_COLS ? p->cols - col : MM_COLS;
    for (int64_t tap = 0; tap < (int64_t)s->r * s->s; tap++) {
        const float *w = job->w + (tap * p->cols + col) * s->k + group * out;
        for (int64_t o = 0; o < out; o++, to += MM_COLS) {
            for (int64_t j = 0; j < left; j++) to[j] = w[j * s->k + o];
            for (int64_t j = left; j < MM_COLS; j++) to[j] = 0.0f;
        }
    }
}

void KERNEL_NAME(pack_run)(const struct pack_job *job, int64_t tile) {
    struct pack_shape p = pack_shape(&job->s, job->direction);
    int64_t group = tile / p.panels, panel = tile % p.panels;
    float *to = job->packed + group * matmul_packed(p.depth, p.cols) + matmul_panel(p.depth, panel * MM_COLS);
    if (job->direction == PACK_FORWARD)
        pack_forward(job, &p, group, panel * MM_COLS, to);
    else
        pack_backward(job, &p, group, panel * MM_COLS, to);
}
