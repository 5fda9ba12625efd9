/* pack.c — convolution weights (R,S,C/groups,K) to the panels of the matrix core (per-ISA: compiled once per level).
 *
 * PACK_FORWARD: a group's matrix is (R*S*C/groups, K/groups) as it lies. PACK_BACKWARD: depth is (r, s, k) and the
 * columns are input channels, which is the matrix that takes a gathered gradient to the input's gradient.
 * From a file a tile reads rows that lie one after the other and writes a panel that does, too: a start touches each
 * weight once, on its way from the file's pages.
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

/* What filters of a panel are multiplied by, to the bit as fold_norm does. */
static void panel_factors(const struct pack_job *job, int64_t k, int64_t left, double factor[MM_COLS]) {
    for (int64_t j = 0; j < MM_COLS; j++)
        factor[j] = j < left ? norm_factor(job->eps, job->weight[k + j], job->variance ? job->variance[k + j] : 1) : 0;
}

static void fold_row(float *row, const double factor[MM_COLS]) {
    for (int64_t j = 0; j < MM_COLS; j++) row[j] = (float)(row[j] * factor[j]);
}

static void pack_forward(const struct pack_job *job, const struct pack_shape *p, int64_t group, int64_t col,
                         const double *factor, float *to) {
    int64_t left = p->cols - col < MM_COLS ? p->cols - col : MM_COLS;
    const float *w = job->w + group * p->cols + col;
    for (int64_t d = 0; d < p->depth; d++, w += job->s.k, to += MM_COLS) {
        for (int64_t j = 0; j < left; j++) to[j] = w[j];
        for (int64_t j = left; j < MM_COLS; j++) to[j] = 0.0f;
        if (factor) fold_row(to, factor);
    }
}

/* VL numbers of each filter, from one vector a filter to a vector each, at most `count` of them wanted. */
static void file_square(const float *file, int64_t row, int64_t filters, int64_t count, vf square[VL]) {
    for (int i = 0; i < VL; i++) {
        if (i >= filters)
            square[i] = vzero();
        else
            square[i] = count >= VL ? vload(file + i * row) : vload_n(file + i * row, (int)count);
    }
    vtranspose(square);
}

/* Columns are filters, each a row (C/groups, R*S) of the file; depth is (R*S, C/groups). */
static void pack_file(const struct pack_job *job, const struct pack_shape *p, int64_t group, int64_t col,
                      const double *factor, float *to) {
    int64_t left = p->cols - col < MM_COLS ? p->cols - col : MM_COLS;
    int64_t window = (int64_t)job->s.r * job->s.s, channels = p->depth / window, c = 0, tap = 0;
    const float *file = job->file + (group * p->cols + col) * p->depth;
    for (int64_t d = 0; d < p->depth; d += VL) {
        int64_t count = p->depth - d < VL ? p->depth - d : VL;
        vf first[VL], second[VL];
        file_square(file + d, p->depth, left, count, first);
        file_square(file + d + (left > VL ? VL * p->depth : 0), p->depth, left - VL, count, second);
        for (int64_t i = 0; i < count; i++) {
            float *row = to + (tap * channels + c) * MM_COLS;
            vstore(row, first[i]), vstore(row + VL, second[i]);
            if (factor) fold_row(row, factor);
            if (++tap == window) tap = 0, c++;
        }
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
    int64_t col = panel * MM_COLS, left = p.cols - col < MM_COLS ? p.cols - col : MM_COLS;
    double factors[MM_COLS], *factor = job->weight ? factors : NULL;
    if (factor) panel_factors(job, group * p.cols + col, left, factor);
    if (job->direction == PACK_BACKWARD)
        pack_backward(job, &p, group, col, to);
    else if (job->file)
        pack_file(job, &p, group, col, factor, to);
    else
        pack_forward(job, &p, group, col, factor, to);
}
