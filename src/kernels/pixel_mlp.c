/* pixel_mlp.c — layer norm, 1x1 up, activation, 1x1 down and what is added, of some pixels at a time, for inference
 * (per-ISA: compiled once per level).
 *
 * ConvNeXt's block behind its depthwise convolution. Neither the normalised pixels nor the wide ones leave L2. The wide
 * ones lie by panels: a panel's activation follows while it is in L1, and the second product reads it by runs.
 * Every element has the same chain of additions as in the three steps apart: equal bits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"

/* Of the wide pixels at hand at once: most of L2, since each part ends with a pass over y. */
enum { HIDDEN_FLOATS = 160 << 10 };

static int64_t pieces(int64_t whole, int64_t piece) {
    return (whole + piece - 1) / piece;
}

size_t KERNEL_NAME(pixel_mlp_plan)(struct pixel_mlp *job, int threads) {
    int64_t tiles = pieces(pieces(job->rows, BLOCK_ROWS), threads) * threads;
    job->row_tile = pieces(pieces(job->rows, tiles), MM_ROWS) * MM_ROWS;
    job->tiles = pieces(job->rows, job->row_tile);
    job->group = dw_max(1, HIDDEN_FLOATS / (job->row_tile * PIXEL_MLP_ALIGN)) * PIXEL_MLP_ALIGN;
    job->group = pieces(job->hidden, pieces(job->hidden, job->group) * PIXEL_MLP_ALIGN) * PIXEL_MLP_ALIGN;
    return (size_t)(job->row_tile * (dw_step(job->c) + job->group)) * sizeof(float);
}

/* Wide channels from … from + count of normalised pixels. */
static void widen(const struct pixel_mlp *job, const float *pixels, int64_t rows, int64_t from, int64_t count,
                  float *wide) {
    struct matmul m = {.rows = rows, .depth = job->c, .cols = MM_COLS, .a = pixels, .lda = job->c};
    m.panel_depth = job->c, m.ldc = MM_COLS, m.act = act_is_clamp(job->act) ? job->act : ACT_NONE;
    for (int64_t col = from; col < from + count; col += MM_COLS, wide += rows * MM_COLS) {
        m.b = job->up + matmul_panel(job->c, col), m.bias = job->up_bias + col, m.c = wide;
        KERNEL_NAME(matmul)(&m);
        if (!act_is_clamp(job->act)) KERNEL_NAME(act_values)(job->act, wide, wide, rows * MM_COLS);
    }
}

void KERNEL_NAME(pixel_mlp_run)(const struct pixel_mlp *job, int64_t tile, void *scratch) {
    int64_t row = tile * job->row_tile, rows = dw_min(job->row_tile, job->rows - row), at = row * job->c;
    float *pixels = scratch, *wide = pixels + job->row_tile * dw_step(job->c);
    struct layer_norm_forward norm = {.rows = rows, .c = job->c, .eps = job->eps, .x = job->x + at, .y = pixels};
    norm.weight = job->norm_weight, norm.bias = job->norm_bias;
    KERNEL_NAME(layer_norm_forward_plan)(&norm);
    for (int64_t i = 0; i < norm.tiles; i++) KERNEL_NAME(layer_norm_forward_run)(&norm, i);
    struct matmul m = {.rows = rows, .cols = job->k, .a = wide, .lda = MM_COLS, .panel_depth = job->hidden};
    m.run_stride = rows * MM_COLS, m.c = job->y + row * job->k, m.ldc = job->k;
    for (int64_t from = 0; from < job->hidden; from += job->group) {
        int64_t count = dw_min(job->group, job->hidden - from);
        widen(job, pixels, rows, from, count, wide);
        m.depth = count, m.runs = count / MM_COLS, m.b = job->down + from * MM_COLS, m.accumulate = from > 0;
        if (from + count == job->hidden) {
            m.bias = job->down_bias;
            m.add = job->add ? job->add + row * job->k : NULL, m.ldadd = job->k;
        }
        KERNEL_NAME(matmul)(&m);
    }
}
