/* elementwise.c — affine, activation and what is added (per-ISA: compiled once per level).
 *
 * Bound by memory: rows x C is walked in order, four rows at a time, so that per-channel factors (in L1) are loaded
 * once for four. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/row_tiles.h"
#include "kernels/variants.h"
#include "kernels/view.h"

/* ---- z = act(scale*x + shift) + add ---- */

/* A smooth activation follows in place, while the rows lie in L1, and then what is added. */
static void affine_smooth(const struct affine_job *job, int64_t row, int rows) {
    int64_t from = row * job->c, count = rows * job->c;
    const float *x = (const float *)job->in.x + from, *add = (const float *)job->add + from;
    float *z = (float *)job->z + from;
    KERNEL_NAME(act_values)(job->in.act, job->in.scale ? z : x, z, count);
    for (int64_t i = 0; job->add && i < count; i += VL) {
        int lanes = dw_lanes(count - i);
        vstore_lanes(z + i, vadd(vload_lanes(z + i, lanes), vload_lanes(add + i, lanes)), lanes);
    }
}

/* The same where something is bf16: by pieces of a row through a buffer in L1. */
static void affine_smooth_row(const struct affine_job *job, int64_t row) {
    enum { PIECE = 1024 };
    _Alignas(64) float v[PIECE];
    for (int64_t from = 0; from < job->c; from += PIECE) {
        int64_t at = row * job->c + from, count = dw_min(PIECE, job->c - from);
        view_load_row(&job->in, at, v, from, count);
        for (int64_t i = 0; i < count; i += VL) {
            int lanes = dw_lanes(count - i);
            vf z = vload_lanes(v + i, lanes);
            if (job->add) z = vadd(z, stored_load(job->add, job->add_bf16, at + i, lanes));
            stored_store(job->z, job->z_bf16, at + i, stored_round(z, job->z_bf16), lanes);
        }
    }
}

DW_INLINE void affine_rows_of(const struct affine_job *job, int64_t row, int rows, bool smooth, bool x_bf16,
                              bool add_bf16, bool z_bf16) {
    vf low = vset(act_low(job->in.act)), high = vset(act_high(job->in.act));
    for (int64_t c = 0; c < job->c; c += VL) {
        int lanes = dw_lanes(job->c - c);
        vf scale = vset(1.0f), shift = vzero();
        if (job->in.scale) scale = vload_lanes(job->in.scale + c, lanes), shift = vload_lanes(job->in.shift + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + c;
            vf v = stored_load(job->in.x, x_bf16, at, lanes);
            if (job->in.scale) v = vfma(scale, v, shift);
            if (job->add && job->add_first) v = vadd(v, stored_load(job->add, add_bf16, at, lanes));
            v = vclamp(v, low, high);
            if (job->add && !job->add_first && !smooth) v = vadd(v, stored_load(job->add, add_bf16, at, lanes));
            stored_store(job->z, z_bf16, at, stored_round(v, z_bf16), lanes);
        }
    }
}

static void affine_rows(const struct affine_job *job, int64_t row, int rows, bool smooth) {
    if (!job->in.bf16 && !job->z_bf16 && (!job->add || !job->add_bf16)) {
        for (int i = 0; rows < 4 && i < rows; i++) affine_rows_of(job, row + i, 1, smooth, false, false, false);
        if (rows == 4) affine_rows_of(job, row, 4, smooth, false, false, false);
    } else if (rows == 4 && job->in.bf16 && job->z_bf16 && (!job->add || job->add_bf16)) {
        affine_rows_of(job, row, 4, smooth, true, true, true);
    } else {
        for (int i = 0; i < rows; i++)
            affine_rows_of(job, row + i, 1, smooth, job->in.bf16, job->add_bf16, job->z_bf16);
    }
}

static void affine_smooth_rows(const struct affine_job *job, int64_t row, int rows) {
    if (job->in.bf16 || job->z_bf16 || job->add_bf16) {
        for (int i = 0; i < rows; i++) affine_smooth_row(job, row + i);
        return;
    }
    if (job->in.scale) affine_rows(job, row, rows, true);
    affine_smooth(job, row, rows);
}

void KERNEL_NAME(affine_plan)(struct affine_job *job) {
    job->tiles = tile_count(job->rows, job->c);
}

void KERNEL_NAME(affine_run)(const struct affine_job *job, int64_t tile) {
    struct range r = tile_range(job->rows, job->c, tile);
    int64_t row = r.from;
    if (!job->in.scale && !job->add && !job->in.bf16 && !job->z_bf16) {
        const float *x = (const float *)job->in.x + row * job->c;
        KERNEL_NAME(act_values)(job->in.act, x, (float *)job->z + row * job->c, (r.to - row) * job->c);
        return;
    }
    if (!act_is_clamp(job->in.act)) {
        for (; row < r.to; row += 4) affine_smooth_rows(job, row, (int)dw_min(4, r.to - row));
        return;
    }
    for (; row + 4 <= r.to; row += 4) affine_rows(job, row, 4, false);
    for (; row < r.to; row++) affine_rows(job, row, 1, false);
}
