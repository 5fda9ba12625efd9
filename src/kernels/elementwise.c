/* elementwise.c — affine + activation, its gradient, gradient views and statistics written out (per-ISA).
 *
 * All are bound by memory: rows x C is walked in order, four rows at a time, so that per-channel factors and
 * sums (in L1) are loaded once for four. A block of BLOCK_ROWS rows is summed row after row.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"
#include "kernels/view.h"

enum { TILE_FLOATS = 1 << 16 };

/* Rows of a tile: whole blocks. */
static int64_t tile_rows(int64_t c) {
    return dw_max(1, TILE_FLOATS / (BLOCK_ROWS * dw_max(c, 1))) * BLOCK_ROWS;
}
static int64_t tile_count(int64_t rows, int64_t c) {
    return (rows + tile_rows(c) - 1) / tile_rows(c);
}

struct range {
    int64_t from, to;
};
static struct range tile_range(int64_t rows, int64_t c, int64_t tile) {
    struct range r = {tile * tile_rows(c), dw_min(rows, (tile + 1) * tile_rows(c))};
    return r;
}
static struct range block_range(struct range tile, int64_t from) {
    struct range r = {from, dw_min(tile.to, from + BLOCK_ROWS)};
    return r;
}

/* ---- z = act(scale*x + shift) + add ---- */

/* A smooth activation follows in place, while the rows lie in L1, and then what is added. */
static void affine_smooth(const struct affine_job *job, int64_t row, int rows) {
    int64_t from = row * job->c, count = rows * job->c;
    bool plain = !job->in.scale;
    KERNEL_NAME(act_values)(job->in.act, plain ? job->in.x + from : job->z + from, job->z + from, count);
    for (int64_t i = from; job->add && i < from + count; i += VL) {
        int lanes = dw_lanes(from + count - i);
        dw_store(job->z + i, vadd(dw_load(job->z + i, lanes), dw_load(job->add + i, lanes)), lanes);
    }
}

DW_INLINE void affine_rows(const struct affine_job *job, int64_t row, int rows, bool smooth) {
    vf low = vset(act_low(job->in.act)), high = vset(act_high(job->in.act));
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero();
        if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf v = dw_load(job->in.x + at, lanes);
            if (job->in.scale) v = vfma(scale, v, shift);
            v = vclamp(v, low, high);
            if (job->add && !smooth) v = vadd(v, dw_load(job->add + at, lanes));
            dw_store(job->z + at, v, lanes);
        }
    }
}

static void affine_smooth_rows(const struct affine_job *job, int64_t row, int rows) {
    if (job->in.scale) affine_rows(job, row, rows, true);
    affine_smooth(job, row, rows);
}

void KERNEL_NAME(affine_plan)(struct affine_job *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(affine_run)(const struct affine_job *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    int64_t row = r.from;
    if (!job->in.scale && !job->add) {
        KERNEL_NAME(act_values)(job->in.act, job->in.x + row * job->c, job->z + row * job->c, (r.to - row) * job->c);
        return;
    }
    if (!act_is_clamp(job->in.act)) {
        for (; row < r.to; row += 4) affine_smooth_rows(job, row, (int)dw_min(4, r.to - row));
        return;
    }
    for (; row + 4 <= r.to; row += 4) affine_rows(job, row, 4, false);
    for (; row < r.to; row++) affine_rows(job, row, 1, false);
}

/* ---- g = (dz + add) * act'(scale*x + shift), sums of g and g*x ---- */

/* Activations that are no clamps; `act` is a constant in each instance. */
DW_INLINE void affine_smooth_backward(const struct affine_backward *job, float *sums, int64_t row, int rows,
                                      enum act act) {
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero(), sum = vzero(), product = vzero();
        if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
        if (sums) sum = dw_load(sums + c, lanes), product = dw_load(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf g = dw_load(job->dz + at, lanes), x = dw_load(job->in.x + at, lanes);
            if (job->add) g = vadd(g, dw_load(job->add + at, lanes));
            g = act_times_slope(act, g, vfma(scale, x, shift));
            if (job->g) dw_store(job->g + at, g, lanes);
            sum = vadd(sum, g), product = vfma(g, x, product);
        }
        if (sums) dw_store(sums + c, sum, lanes), dw_store(sums + job->c + c, product, lanes);
    }
}

#define ACT(id, name)                                                                                                  \
    static void backward_##name(const struct affine_backward *job, float *sums, struct range b) {                      \
        int64_t row = b.from;                                                                                          \
        for (; row + 4 <= b.to; row += 4) affine_smooth_backward(job, sums, row, 4, ACT_##id);                         \
        for (; row < b.to; row++) affine_smooth_backward(job, sums, row, 1, ACT_##id);                                 \
    }
#include "kernels/acts.def"
#undef ACT

static void affine_smooth_block(const struct affine_backward *job, float *sums, struct range b) {
    static void (*const blocks[])(const struct affine_backward *job, float *sums, struct range b) = {
#define ACT(id, name) backward_##name,
#include "kernels/acts.def"
#undef ACT
    };
    blocks[job->in.act](job, sums, b);
}

DW_INLINE void affine_backward_rows(const struct affine_backward *job, float *sums, int64_t row, int rows) {
    bool with_x = job->in.act != ACT_NONE || sums;
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero(), sum = vzero(), product = vzero();
        if (job->in.scale) scale = dw_load(job->in.scale + c, lanes), shift = dw_load(job->in.shift + c, lanes);
        if (sums) sum = dw_load(sums + c, lanes), product = dw_load(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf g = dw_load(job->dz + at, lanes), x = with_x ? dw_load(job->in.x + at, lanes) : vzero();
            if (job->add) g = vadd(g, dw_load(job->add + at, lanes));
            if (job->in.act != ACT_NONE) g = view_mask(g, vfma(scale, x, shift), job->in.act);
            if (job->g) dw_store(job->g + at, g, lanes);
            sum = vadd(sum, g), product = vfma(g, x, product);
        }
        if (sums) dw_store(sums + c, sum, lanes), dw_store(sums + job->c + c, product, lanes);
    }
}

void KERNEL_NAME(affine_backward_plan)(struct affine_backward *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(affine_backward_run)(const struct affine_backward *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    for (int64_t from = r.from; from < r.to; from += BLOCK_ROWS) {
        struct range b = block_range(r, from);
        float *sums = job->sums ? job->sums + from / BLOCK_ROWS * 2 * job->c : NULL;
        int64_t row = b.from;
        if (sums) dw_zero(sums, 2 * job->c);
        if (!act_is_clamp(job->in.act)) {
            affine_smooth_block(job, sums, b);
            continue;
        }
        for (; row + 4 <= b.to; row += 4) affine_backward_rows(job, sums, row, 4);
        for (; row < b.to; row++) affine_backward_rows(job, sums, row, 1);
    }
}

/* ---- a gradient view written out ---- */

void KERNEL_NAME(combine_plan)(struct combine_job *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(combine_run)(const struct combine_job *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    struct dw_load_row l = {.columns = r.to - r.from, .channels = job->c, .in_step = job->c, .out_step = job->c};
    l.x = job->dy.g + r.from * job->c, l.out = job->out + r.from * job->c, l.exact = true;
    l.a = job->dy.a;
    if (job->dy.y) {
        l.y = job->dy.y + r.from * job->c;
        l.b = job->dy.b, l.c = job->dy.c;
    }
    dw_load_rows(&l);
}

/* ---- sums of x and x*x ---- */

DW_INLINE void stats_rows(const struct stats_job *job, float *sums, int64_t row, int rows) {
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf sum = dw_load(sums + c, lanes), square = dw_load(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            vf x = dw_load(job->x + (row + i) * job->c + c, lanes);
            sum = vadd(sum, x), square = vfma(x, x, square);
        }
        dw_store(sums + c, sum, lanes), dw_store(sums + job->c + c, square, lanes);
    }
}

void KERNEL_NAME(stats_plan)(struct stats_job *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(stats_run)(const struct stats_job *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    for (int64_t from = r.from; from < r.to; from += BLOCK_ROWS) {
        struct range b = block_range(r, from);
        float *sums = job->stats + from / BLOCK_ROWS * 2 * job->c;
        int64_t row = b.from;
        dw_zero(sums, 2 * job->c);
        for (; row + 4 <= b.to; row += 4) stats_rows(job, sums, row, 4);
        for (; row < b.to; row++) stats_rows(job, sums, row, 1);
    }
}
