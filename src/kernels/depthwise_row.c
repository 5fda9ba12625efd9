/* depthwise_row.c — rows of a depthwise convolution: loading them, and an instance per common kernel (per-ISA).
 *
 * noinline keeps the register allocation of each instance apart. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"

/* Farther ahead than the processor looks by itself. */
enum { DW_FAR = 2048 };

DW_INLINE void dw_load_columns(const struct dw_load_row *l, int64_t column, int tile, bool x_bf16, bool y_bf16) {
    vf low = vset(act_low(l->act)), high = vset(act_high(l->act));
    for (int64_t c = 0; c < l->channels; c += VL) {
        int lanes = dw_lanes(l->channels - c);
        int64_t from = column * l->in_step + c, to = column * l->out_step + c;
        vf scale = vset(1.0f), shift = vzero(), b = vzero();
        if (l->scale) scale = vload_lanes(l->scale + c, lanes), shift = vload_lanes(l->shift + c, lanes);
        if (l->a) scale = vload_lanes(l->a + c, lanes);
        if (l->c) shift = vload_lanes(l->c + c, lanes);
        if (l->y) b = vload_lanes(l->b + c, lanes);
        DW_UNROLL for (int j = 0; j < tile; j++) {
            int64_t at = from + j * l->in_step;
            vf v = stored_load(l->x, x_bf16, at, lanes);
            __builtin_prefetch(stored_at(l->x, x_bf16, at + DW_FAR), 0, 2);
            if (l->y) {
                v = vfma(scale, v, vfma(b, stored_load(l->y, y_bf16, at, lanes), shift));
                __builtin_prefetch(stored_at(l->y, y_bf16, at + DW_FAR), 0, 2);
            } else if (l->scale || l->a)
                v = vfma(scale, v, shift);
            if (l->act != ACT_NONE) v = vclamp(v, low, high);
            vstore(l->out + to + j * l->out_step, v);
        }
    }
}

/* What is no clamp follows for some columns at a time, while they lie in L1. */
static inline void dw_load_act(const struct dw_load_row *l, int64_t from, int64_t to) {
    bool compact = l->out_step == dw_step(l->channels);
    for (int64_t j = from; j < to; j++) {
        float *out = l->out + j * l->out_step;
        if (compact) {
            KERNEL_NAME(act_values)(l->act, out, out, (to - from) * l->out_step);
            return;
        }
        KERNEL_NAME(act_values)(l->act, out, out, l->channels);
    }
}

DW_INLINE void dw_load_all(const struct dw_load_row *l, bool x_bf16, bool y_bf16) {
    bool smooth = !act_is_clamp(l->act);
    int64_t j = 0;
    for (; j + 4 <= l->columns; j += 4) {
        dw_load_columns(l, j, 4, x_bf16, y_bf16);
        if (smooth) dw_load_act(l, j, j + 4);
    }
    for (; j < l->columns; j++) {
        dw_load_columns(l, j, 1, x_bf16, y_bf16);
        if (smooth) dw_load_act(l, j, j + 1);
    }
}

void KERNEL_NAME(depthwise_load)(const struct dw_load_row *l) {
    if (!l->x_bf16 && (!l->y_bf16 || !l->y)) {
        dw_load_all(l, false, false);
        return;
    }
    if (l->x_bf16 && (l->y_bf16 || !l->y)) {
        dw_load_all(l, true, true);
        return;
    }
    for (int64_t j = 0; j < l->columns; j++) {
        dw_load_columns(l, j, 1, l->x_bf16, l->y_bf16);
        if (!act_is_clamp(l->act)) dw_load_act(l, j, j + 1);
    }
}

/* ---- rows with tensors of bf16 ---- */

/* What `row` is to make: sums with their bias, of channels from … to, into the part. */
static void part_sums(const struct dw_row *d, int64_t from, int64_t to, void (*row)(const struct dw_row *d)) {
    struct dw_row sums = *d;
    sums.from = from, sums.channels = to;
    sums.y = d->part, sums.y_step = DW_PART, sums.y_bf16 = false, sums.stream = false;
    sums.act = ACT_NONE, sums.sums = NULL, sums.add = sums.x = NULL;
    row(&sums);
}

/* What is added, and the activation where it is no clamp. */
static void part_smooth(const struct dw_row *d, int64_t from, int64_t to) {
    float *sums = d->part, *at = d->part + d->count * DW_PART;
    for (int64_t c = from; d->gradient && c < to; c += VL) {
        int lanes = dw_lanes(to - c);
        vf scale = d->scale ? vload_lanes(d->scale + c, lanes) : vset(1.0f);
        vf shift = d->scale ? vload_lanes(d->shift + c, lanes) : vzero();
        for (int64_t j = 0; j < d->count; j++) {
            int64_t i = j * DW_PART + c - from, stored = j * d->y_step + c;
            vf sum = vload_lanes(sums + i, lanes);
            if (d->add) sum = vadd(sum, stored_load(d->add, d->add_bf16, stored, lanes));
            vstore_lanes(sums + i, sum, lanes);
            vstore_lanes(at + i, vfma(stored_load(d->x, d->x_bf16, stored, lanes), scale, shift), lanes);
        }
    }
    for (int64_t j = 0; j < d->count; j++) {
        float *row = sums + j * DW_PART;
        if (d->gradient)
            KERNEL_NAME(act_slopes)(d->act, row, at + j * DW_PART, to - from);
        else
            KERNEL_NAME(act_values)(d->act, row, row, to - from);
    }
}

/* One vector, as in dw_finish_forward and dw_finish_gradient. */
DW_INLINE vf part_end(const struct dw_row *d, struct dw_lane *k, int64_t column, int64_t from, bool gradient,
                      bool smooth) {
    int64_t at = column * d->y_step + k->channel;
    vf sum = vload_lanes(d->part + column * DW_PART + k->channel - from, k->lanes), x = sum;
    if (gradient && d->x) x = stored_load(d->x, d->x_bf16, at, k->lanes);
    if (gradient && d->add && !smooth) sum = vadd(sum, stored_load(d->add, d->add_bf16, at, k->lanes));
    if (gradient && !smooth && d->act != ACT_NONE)
        sum = vkeep_between(sum, vfma(x, k->scale, k->shift), k->low, k->high);
    if (!gradient && !smooth) sum = vclamp(sum, k->low, k->high);
    sum = stored_round(sum, d->y_bf16);
    k->sum = vadd(k->sum, sum);
    k->square = vfma(sum, gradient ? x : sum, k->square);
    return sum;
}

/* Two vectors of channels at once, so that bf16 leaves by whole lines. */
DW_INLINE void part_ends(const struct dw_row *d, int64_t from, int64_t to, bool gradient, bool smooth) {
    for (int64_t c = from; c < to; c += 2 * VL) {
        struct dw_lane a, b;
        bool two = c + VL < to;
        dw_lane_open(d, &a, c);
        dw_lane_open(d, &b, two ? c + VL : c);
        bool whole = two && b.lanes == VL && d->y_bf16;
        for (int64_t j = 0; j < d->count; j++) {
            int64_t at = j * d->y_step;
            vf first = part_end(d, &a, j, from, gradient, smooth);
            vf second = two ? part_end(d, &b, j, from, gradient, smooth) : first;
            if (whole) {
                stored_lines((uint16_t *)d->y + at + c, first, second, d->stream, false);
            } else {
                stored_store(d->y, d->y_bf16, at + a.channel, first, a.lanes);
                if (two) stored_store(d->y, d->y_bf16, at + b.channel, second, b.lanes);
            }
        }
        dw_lane_close(d, &a);
        if (two) dw_lane_close(d, &b);
    }
}

void KERNEL_NAME(depthwise_stored)(const struct dw_row *d, void (*row)(const struct dw_row *d)) {
    bool smooth = !act_is_clamp(d->act);
    for (int64_t from = d->from; from < d->channels; from += DW_PART) {
        int64_t to = dw_min(from + DW_PART, d->channels);
        part_sums(d, from, to, row);
        if (smooth) part_smooth(d, from, to);
        if (d->gradient && !smooth)
            part_ends(d, from, to, true, false);
        else if (d->gradient)
            part_ends(d, from, to, true, true);
        else if (!smooth)
            part_ends(d, from, to, false, false);
        else
            part_ends(d, from, to, false, true);
    }
}

/* ---- rows of the forward kind ---- */

/* Instances for what networks have: 7x7 of stride 1 with at most a clamp behind it; a large one costs 20 kB. */
#define ROW_INSTANCE(taps, stride)                                                                                     \
    static __attribute__((noinline)) void row_##taps##_##stride(const struct dw_row *d) {                              \
        dw_row_fixed(d, taps, taps, stride, false, false);                                                             \
    }
#define SMOOTH_INSTANCE(taps, stride)                                                                                  \
    static __attribute__((noinline)) void smooth_##taps##_##stride(const struct dw_row *d) {                           \
        dw_row_fixed(d, taps, taps, stride, false, true);                                                              \
    }
ROW_INSTANCE(3, 1)
ROW_INSTANCE(3, 2)
ROW_INSTANCE(5, 1)
ROW_INSTANCE(5, 2)
ROW_INSTANCE(7, 1)
SMOOTH_INSTANCE(3, 1)
SMOOTH_INSTANCE(3, 2)
SMOOTH_INSTANCE(5, 1)
SMOOTH_INSTANCE(5, 2)

static __attribute__((noinline)) void row_any(const struct dw_row *d) {
    dw_row_any(d, false);
}
static __attribute__((noinline)) void smooth_any(const struct dw_row *d) {
    dw_row_any(d, true);
}

static void row_f32(const struct dw_row *d) {
    bool square = DW_INSTANCES && d->taps_r == d->taps_s && d->dilation == 1;
    bool smooth = !act_is_clamp(d->act) && d->act != ACT_HARDSWISH;
    if (square && d->taps_r == 3 && d->stride == 1)
        (smooth ? smooth_3_1 : row_3_1)(d);
    else if (square && d->taps_r == 3 && d->stride == 2)
        (smooth ? smooth_3_2 : row_3_2)(d);
    else if (square && d->taps_r == 5 && d->stride == 1)
        (smooth ? smooth_5_1 : row_5_1)(d);
    else if (square && d->taps_r == 5 && d->stride == 2)
        (smooth ? smooth_5_2 : row_5_2)(d);
    else if (square && d->taps_r == 7 && d->stride == 1 && !smooth)
        row_7_1(d);
    else
        (smooth ? smooth_any : row_any)(d);
}

DW_LINES(lines_3_1, 3, 3, 1, false)
DW_LINES(lines_3_2, 3, 3, 2, false)

static void row_stored(const struct dw_row *given) {
    struct dw_row d = *given;
    bool lines = dw_row_has_lines(&d) && d.taps_r == 3 && d.taps_s == 3 && d.dilation == 1;
    if (lines && d.stride == 1) d.from = lines_3_1(&d);
    if (lines && d.stride == 2) d.from = lines_3_2(&d);
    KERNEL_NAME(depthwise_stored)(&d, row_f32);
}

void KERNEL_NAME(depthwise_row)(const struct dw_row *d) {
    if (dw_row_is_stored(d))
        row_stored(d);
    else
        row_f32(d);
}
