/* elementwise_backward.c — the gradient of affine + activation, gradient views and statistics written out (per-ISA, libsiskin alone).
 *
 * All are bound by memory: rows x C is walked in order, four rows at a time, so that per-channel factors and
 * sums (in L1) are loaded once for four. A block of BLOCK_ROWS rows is summed row after row.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/row_tiles.h"
#include "kernels/variants.h"
#include "kernels/view.h"

/* ---- g = (dz + add) * act'(scale*x + shift), sums of g and g*x ---- */

/* Activations that are no clamps; `act` and whether everything is bf16 or nothing are constants in each instance. */
DW_INLINE void affine_smooth_backward(const struct affine_backward *job, float *sums, int64_t row, int rows,
                                      enum act act, bool bf16) {
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero(), sum = vzero(), product = vzero();
        if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
        if (sums) sum = vload_lanes(sums + c, lanes), product = vload_lanes(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf g = stored_load(job->dz, bf16, at, lanes), x = stored_load(job->in.x, bf16, at, lanes);
            if (job->add) g = vadd(g, stored_load(job->add, bf16, at, lanes));
            g = act_times_slope(act, g, vfma(scale, x, shift));
            if (job->g) g = stored_round(g, bf16), stored_store(job->g, bf16, at, g, lanes);
            sum = vadd(sum, g), product = vfma(g, x, product);
        }
        if (sums) vstore_lanes(sums + c, sum, lanes), vstore_lanes(sums + job->c + c, product, lanes);
    }
}

#define BACKWARD(function, act, bf16)                                                                                  \
    static void function(const struct affine_backward *job, float *sums, struct range b) {                             \
        int64_t row = b.from;                                                                                          \
        for (; row + 4 <= b.to; row += 4) affine_smooth_backward(job, sums, row, 4, act, bf16);                        \
        for (; row < b.to; row++) affine_smooth_backward(job, sums, row, 1, act, bf16);                                \
    }
#define ACT(id, name) BACKWARD(backward_##name, ACT_##id, false) BACKWARD(backward_bf16_##name, ACT_##id, true)
#include "kernels/acts.def"
#undef ACT
#undef BACKWARD

/* The same where something is bf16 and something not: by pieces of a row through buffers in L1. */
static void affine_smooth_stored(const struct affine_backward *job, float *sums, int64_t row) {
    enum { PIECE = 512 };
    _Alignas(64) float g[PIECE], v[PIECE];
    for (int64_t from = 0; from < job->c; from += PIECE) {
        int64_t at = row * job->c + from, count = dw_min(PIECE, job->c - from);
        for (int64_t i = 0; i < count; i += VL) {
            int lanes = dw_lanes(count - i);
            vf dz = stored_load(job->dz, job->dz_bf16, at + i, lanes), scale = vset(1.0f), shift = vzero();
            if (job->in.scale) scale = vload_lanes(job->in.scale + from + i, lanes);
            if (job->in.scale) shift = vload_lanes(job->in.shift + from + i, lanes);
            if (job->add) dz = vadd(dz, stored_load(job->add, job->add_bf16, at + i, lanes));
            vstore_lanes(g + i, dz, lanes);
            vstore_lanes(v + i, vfma(scale, stored_load(job->in.x, job->in.bf16, at + i, lanes), shift), lanes);
        }
        KERNEL_NAME(act_slopes)(job->in.act, g, v, count);
        for (int64_t i = 0; i < count; i += VL) {
            int lanes = dw_lanes(count - i);
            vf made = stored_round(vload_lanes(g + i, lanes), job->g && job->g_bf16);
            if (job->g) stored_store(job->g, job->g_bf16, at + i, made, lanes);
            if (!sums) continue;
            float *sum = sums + from + i, *product = sum + job->c;
            vf x = stored_load(job->in.x, job->in.bf16, at + i, lanes);
            vstore_lanes(sum, vadd(vload_lanes(sum, lanes), made), lanes);
            vstore_lanes(product, vfma(made, x, vload_lanes(product, lanes)), lanes);
        }
    }
}

static void affine_smooth_block(const struct affine_backward *job, float *sums, struct range b) {
    static void (*const blocks[][2])(const struct affine_backward *job, float *sums, struct range b) = {
#define ACT(id, name) {backward_##name, backward_bf16_##name},
#include "kernels/acts.def"
#undef ACT
    };
    bool bf16 = job->dz_bf16;
    if (job->in.bf16 == bf16 && (!job->g || job->g_bf16 == bf16) && (!job->add || job->add_bf16 == bf16)) {
        blocks[job->in.act][bf16](job, sums, b);
        return;
    }
    for (int64_t row = b.from; row < b.to; row++) affine_smooth_stored(job, sums, row);
}

DW_INLINE void affine_backward_rows(const struct affine_backward *job, float *sums, int64_t row, int rows, bool x_bf16,
                                    bool dz_bf16, bool add_bf16, bool g_bf16) {
    bool with_x = (job->in.act != ACT_NONE && !job->made) || sums;
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero(), sum = vzero(), product = vzero();
        if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
        if (sums) sum = vload_lanes(sums + c, lanes), product = vload_lanes(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf g = stored_load(job->dz, dz_bf16, at, lanes);
            vf x = with_x ? stored_load(job->in.x, x_bf16, at, lanes) : vzero();
            if (job->add) g = vadd(g, stored_load(job->add, add_bf16, at, lanes));
            vf at_slope = job->made ? stored_load(job->made, add_bf16, at, lanes) : vfma(scale, x, shift);
            if (job->in.act != ACT_NONE) g = view_mask(g, at_slope, job->in.act);
            g = stored_round(g, g_bf16);
            if (job->g) stored_store(job->g, g_bf16, at, g, lanes);
            sum = vadd(sum, g), product = vfma(g, x, product);
        }
        if (sums) vstore_lanes(sums + c, sum, lanes), vstore_lanes(sums + job->c + c, product, lanes);
    }
}

static void affine_clamp_block(const struct affine_backward *job, float *sums, struct range b) {
    bool x = job->in.bf16, dz = job->dz_bf16, g = job->g ? job->g_bf16 : dz;
    bool add = job->add ? job->add_bf16 : job->made ? job->made_bf16 : dz;
    bool f32 = !x && !dz && !add && !g, bf16 = x && dz && add && g;
    int64_t row = b.from;
    for (; f32 && row + 4 <= b.to; row += 4) affine_backward_rows(job, sums, row, 4, false, false, false, false);
    for (; bf16 && job->g && row + 4 <= b.to; row += 4) affine_backward_rows(job, sums, row, 4, true, true, true, true);
    /* Nothing is stored: one row after the other, for memory is the bound and likes it best (four at once: a quarter slower). */
    for (; bf16 && !job->g && row < b.to; row++) affine_backward_rows(job, sums, row, 1, true, true, true, false);
    for (; row < b.to; row++) affine_backward_rows(job, sums, row, 1, x, dz, add, job->g && g);
}

void KERNEL_NAME(affine_backward_plan)(struct affine_backward *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(affine_backward_run)(const struct affine_backward *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    for (int64_t from = r.from; from < r.to; from += BLOCK_ROWS) {
        struct range b = block_range(r, from);
        float *sums = job->sums ? job->sums + from / BLOCK_ROWS * 2 * job->c : NULL;
        if (sums) dw_zero(sums, 2 * job->c);
        if (!act_is_clamp(job->in.act)) {
            affine_smooth_block(job, sums, b);
            continue;
        }
        affine_clamp_block(job, sums, b);
    }
}

/* ---- a gradient view written out ---- */

static void combine_row(const struct grad_view *dy, const struct combine_job *job, int64_t row) {
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        int64_t at = row * job->c + c;
        vf v = stored_load(dy->g, dy->g_bf16, at, lanes), a = dy->a ? vload_lanes(dy->a + c, lanes) : vset(1.0f);
        vf rest = vzero();
        if (dy->y)
            rest = vfma(vload_lanes(dy->b + c, lanes), stored_load(dy->y, dy->y_bf16, at, lanes),
                        vload_lanes(dy->c + c, lanes));
        if (dy->y || dy->a) v = vfma(a, v, rest);
        stored_store(job->out, job->out_bf16, at, stored_round(v, job->out_bf16), lanes);
    }
}

void KERNEL_NAME(combine_plan)(struct combine_job *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(combine_run)(const struct combine_job *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    for (int64_t row = r.from; row < r.to; row++) combine_row(&job->dy, job, row);
}

/* ---- sums of x and x*x ---- */

DW_INLINE void stats_rows(const struct stats_job *job, float *sums, int64_t row, int rows, bool bf16) {
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf sum = vload_lanes(sums + c, lanes), square = vload_lanes(sums + job->c + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            vf x = stored_load(job->x, bf16, (row + i) * job->c + c, lanes);
            sum = vadd(sum, x), square = vfma(x, x, square);
        }
        vstore_lanes(sums + c, sum, lanes), vstore_lanes(sums + job->c + c, square, lanes);
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
        for (; !job->x_bf16 && row + 4 <= b.to; row += 4) stats_rows(job, sums, row, 4, false);
        for (; job->x_bf16 && row + 4 <= b.to; row += 4) stats_rows(job, sums, row, 4, true);
        for (; row < b.to; row++) stats_rows(job, sums, row, 1, job->x_bf16);
    }
}
