/* depthwise_core.h — one output row of a depthwise correlation: forward, data gradient and inverted residual share it.
 *
 * The input rows lie in L2 as columns of `step` floats (channels, padded to whole vectors), with zero columns
 * where the tensor is padded, so the inner loop knows no borders. Lanes are channels; the weights of a vector of
 * channels stay in registers while a row passes by, several outputs at once. Every output is one chain of fused
 * multiply-adds from zero in the order (row, column) of the taps, at every level and for every tile.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_DEPTHWISE_CORE_H
#define SK_KERNELS_DEPTHWISE_CORE_H

#include "kernels/matmul.h"
#include "kernels/stored.h"

/* Arrays of vectors stay in registers only where every index is a constant: hence forced inlining and unrolling. */
#define DW_INLINE static inline __attribute__((always_inline))
#define DW_UNROLL _Pragma("GCC unroll 32")

/* Whether common kernels have instances of their own: the plain level, whose fused multiply-adds are calls, gains nothing. */
enum { DW_INSTANCES = VL > 1 };

/* Outputs at once: seven, which divide the maps of 224 px (56, 28, 14, 7). Taps that registers hold are read once for a
 * row, others once for each tile, from L1. */
enum { DW_TILE = 4, DW_TILE_MAX = 7, DW_TAPS_HELD = SIMD_REGISTERS == 32 ? 9 : 1 };

enum { DW_ALIGN = 16 }; /* floats: columns are padded to this, a multiple of every VL */

static inline int64_t dw_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t dw_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static inline int64_t dw_step(int64_t channels) {
    return (channels + DW_ALIGN - 1) / DW_ALIGN * DW_ALIGN;
}
static inline int dw_lanes(int64_t left) {
    return left < VL ? (int)left : VL;
}

/* Memory on its way to L2. (__builtin_prefetch: C has no other word for it.) */
DW_INLINE void dw_prefetch(const float *p, int64_t floats) {
    for (int64_t i = 0; i < floats; i += 16) __builtin_prefetch(p + i, 0, 2);
}

/* A tensor that no cache will hold until it is read again is stored past them, where a vector is a whole line. */
enum { DW_STREAM_BYTES = 16 << 20 };
static inline bool dw_stream_pays(const void *to, bool bf16, int64_t rows, int64_t channels) {
    int64_t line = bf16 ? 2 * VL : VL;
    return VL * sizeof(float) == 64 && rows * channels * (64 / line) > DW_STREAM_BYTES && channels % line == 0 &&
           (uintptr_t)to % 64 == 0;
}

/* What the next rows will read, fetched a share at a time while this one is computed: memory and arithmetic overlap. */
struct dw_ahead {
    const char *from[6], *to[6];
    int ranges;
    int64_t share; /* cache lines for each tile of outputs */
};
static inline void dw_ahead_add(struct dw_ahead *a, const void *tensor, bool bf16, int64_t at, int64_t count) {
    if (count <= 0 || a->ranges == 6) return;
    a->from[a->ranges] = stored_at(tensor, bf16, at);
    a->to[a->ranges++] = stored_at(tensor, bf16, at + count);
}
/* Shares for `tiles` calls of dw_ahead_step. */
static inline void dw_ahead_spread(struct dw_ahead *a, int64_t tiles) {
    int64_t lines = 0;
    for (int i = 0; i < a->ranges; i++) lines += (a->to[i] - a->from[i]) / 64 + 1;
    a->share = tiles > 0 ? (lines + tiles - 1) / tiles : 0;
}
DW_INLINE void dw_ahead_step(struct dw_ahead *a) {
    for (int64_t i = 0; a->ranges && i < a->share; i++) {
        const char **from = &a->from[a->ranges - 1];
        __builtin_prefetch(*from, 0, 2);
        *from += 64;
        if (*from >= a->to[a->ranges - 1]) a->ranges--;
    }
}

/* y[j] = finish(sum over taps of rows[r][j*stride + s*dilation] · w[r][s]), j < count.
 * Forward: finish = act(sum + bias), sums of y and y*y. Gradient (x given): (sum + add)*slope, sums of y and y*x. */
struct dw_row {
    int taps_r, taps_s, stride, dilation;
    const float *const *rows; /* (taps_r) pointers to (columns, step) */
    int64_t step;
    const float *w; /* (taps_r, taps_s, step) */
    int64_t count, channels;
    void *y; /* (count, channels), columns y_step apart */
    int64_t y_step;
    bool y_bf16;
    float *sums; /* (2, channels), rows sums_step apart, added to; or NULL */
    int64_t sums_step;
    enum act act;
    const float *bias;   /* forward: (channels) or NULL */
    bool smooth;         /* act is no clamp, nor hardswish forward; dw_row_fixed and dw_row_any set it */
    bool gradient;       /* the fields below */
    const void *add, *x; /* laid out as y; add may be NULL; x only for mask and sums */
    bool add_bf16, x_bf16;
    const float *scale, *shift; /* (channels) or NULL */
    struct dw_ahead *ahead;     /* or NULL */
    float *part;                /* dw_part_floats(count), where y, add or x is bf16: depthwise_stored */
    int64_t from;               /* the first channel; as f32, y begins with it. Others than 0 are depthwise_stored's */
    bool stream;                /* y goes past the caches; dw_stream_pays, and vstream_end() at the end */
};
static inline int64_t dw_row_tiles(int64_t count, int64_t channels) {
    return (channels + VL - 1) / VL * ((count + 3) / 4);
}

/* What stays in registers while a row passes by. */
struct dw_lane {
    vf low, high, bias, scale, shift, sum, square;
    int lanes;
    int64_t channel;
};

DW_INLINE void dw_put(float *p, vf x, int lanes, bool stream) {
    if (stream)
        vstream(p, x);
    else
        vstore_lanes(p, x, lanes);
}

DW_INLINE void dw_finish_forward(const struct dw_row *d, struct dw_lane *k, vf acc, int64_t column) {
    if (d->bias) acc = vadd(acc, k->bias);
    acc = d->act == ACT_HARDSWISH ? act_value_of(ACT_HARDSWISH, acc) : vclamp(acc, k->low, k->high);
    dw_put((float *)d->y + column * d->y_step + k->channel - d->from, acc, k->lanes, d->stream);
    if (!d->sums) return;
    k->sum = vadd(k->sum, acc);
    k->square = vfma(acc, acc, k->square);
}

DW_INLINE void dw_finish_gradient(const struct dw_row *d, struct dw_lane *k, vf acc, int64_t column) {
    int64_t at = column * d->y_step + k->channel - d->from;
    const float *add = d->add, *values = d->x;
    if (add) acc = vadd(acc, vload_lanes(add + at, k->lanes));
    if (values) {
        vf x = vload_lanes(values + at, k->lanes);
        if (d->act != ACT_NONE) acc = vkeep_between(acc, vfma(x, k->scale, k->shift), k->low, k->high);
        k->square = vfma(acc, x, k->square);
    }
    k->sum = vadd(k->sum, acc);
    dw_put((float *)d->y + at, acc, k->lanes, d->stream);
}

/* SiLU in registers: the outputs of a tile do not wait for each other. */
DW_INLINE void dw_finish_silu(const struct dw_row *d, struct dw_lane *k, const vf *acc, int64_t column, int tile) {
    DW_UNROLL for (int t = 0; t < tile; t++) {
        vf made = act_value_of(ACT_SILU, vadd(acc[t], k->bias));
        k->sum = vadd(k->sum, made);
        k->square = vfma(made, made, k->square);
        dw_put((float *)d->y + (column + t) * d->y_step + k->channel - d->from, made, k->lanes, d->stream);
    }
}

/* Activations that are no clamps: all outputs of a tile at once. */
DW_INLINE void dw_finish_smooth(const struct dw_row *d, struct dw_lane *k, const vf *acc, int64_t column, int tile) {
    _Alignas(64) float y[DW_TILE_MAX * VL], v[DW_TILE_MAX * VL];
    const float *add = d->add, *x = d->x;
    for (int t = 0; t < tile; t++) {
        int64_t at = (column + t) * d->y_step + k->channel;
        vf sum = d->gradient && add ? vadd(acc[t], vload_lanes(add + at, k->lanes)) : acc[t];
        vstore(y + t * VL, d->gradient ? sum : vadd(sum, k->bias));
        if (d->gradient) vstore(v + t * VL, vfma(vload_lanes(x + at, k->lanes), k->scale, k->shift));
    }
    if (d->gradient)
        KERNEL_NAME(act_slopes)(d->act, y, v, tile * VL);
    else
        KERNEL_NAME(act_values)(d->act, y, y, tile * VL);
    for (int t = 0; t < tile; t++) {
        int64_t at = (column + t) * d->y_step + k->channel;
        vf made = vload(y + t * VL);
        k->sum = vadd(k->sum, made);
        if (d->sums) k->square = vfma(made, d->gradient ? vload_lanes(x + at, k->lanes) : made, k->square);
        dw_put((float *)d->y + at, made, k->lanes, d->stream);
    }
}

DW_INLINE void dw_finish(const struct dw_row *d, struct dw_lane *k, const vf *acc, int64_t column, int tile) {
    if (d->smooth && !d->gradient && d->act == ACT_SILU) {
        dw_finish_silu(d, k, acc, column, tile);
        return;
    }
    if (d->smooth) {
        dw_finish_smooth(d, k, acc, column, tile);
        return;
    }
    DW_UNROLL for (int t = 0; t < tile; t++) {
        if (d->gradient)
            dw_finish_gradient(d, k, acc[t], column + t);
        else
            dw_finish_forward(d, k, acc[t], column + t);
    }
}

/* What row r of the taps, `w`, adds to the sums of `tile` outputs. */
DW_INLINE void dw_sums_row(const struct dw_row *d, const float *x, const vf *w, int taps_s, int stride, int tile,
                           vf *acc) {
    DW_UNROLL for (int j = 0; j < (tile - 1) * stride + taps_s; j++) {
        vf v = vload(x + j * d->step);
        DW_UNROLL for (int t = 0; t < tile; t++) {
            int s = j - t * stride;
            if (s >= 0 && s < taps_s) acc[t] = vfma(v, w[s], acc[t]);
        }
    }
}

/* The sums of `tile` outputs from `column` on; taps_r, taps_s, stride are constants in each instance. Taps beyond
 * DW_TAPS_HELD come from L1, a row of them for all outputs, in a loop: written out, compilers would begin one row's sums
 * before they end another's, and run out of registers. */
DW_INLINE void dw_sums(const struct dw_row *d, int64_t channel, const vf *held, int64_t column, int taps_r, int taps_s,
                       int stride, int tile, vf *acc) {
    int64_t at = column * stride * d->step + channel;
    DW_UNROLL for (int t = 0; t < tile; t++) acc[t] = vzero();
    if (taps_r * taps_s <= DW_TAPS_HELD) {
        DW_UNROLL for (int r = 0; r < taps_r; r++)
            dw_sums_row(d, d->rows[r] + at, held + r * taps_s, taps_s, stride, tile, acc);
        return;
    }
    _Pragma("GCC unroll 1") for (int r = 0; r < taps_r; r++) {
        vf w[DW_TILE_MAX];
        DW_UNROLL for (int s = 0; s < taps_s; s++) w[s] = vload(d->w + (r * taps_s + s) * d->step + channel);
        dw_sums_row(d, d->rows[r] + at, w, taps_s, stride, tile, acc);
    }
}
DW_INLINE void dw_tile(const struct dw_row *d, struct dw_lane *k, const vf *w, int64_t column, int taps_r, int taps_s,
                       int stride, int tile) {
    vf acc[DW_TILE_MAX];
    dw_sums(d, k->channel, w, column, taps_r, taps_s, stride, tile, acc);
    dw_finish(d, k, acc, column, tile);
}

/* Any kernel: the weights come from L1. */
DW_INLINE void dw_tile_any(const struct dw_row *d, struct dw_lane *k, int64_t column, int tile) {
    vf acc[4] = {vzero(), vzero(), vzero(), vzero()};
    for (int r = 0; r < d->taps_r; r++) {
        const float *x = d->rows[r] + column * d->stride * d->step + k->channel;
        const float *w = d->w + r * d->taps_s * d->step + k->channel;
        for (int s = 0; s < d->taps_s; s++) {
            vf tap = vload(w + s * d->step);
            DW_UNROLL for (int t = 0; t < tile; t++) {
                acc[t] = vfma(vload(x + (t * d->stride + s * d->dilation) * d->step), tap, acc[t]);
            }
        }
    }
    dw_finish(d, k, acc, column, tile);
}

DW_INLINE void dw_lane_open(const struct dw_row *d, struct dw_lane *k, int64_t channel) {
    k->channel = channel, k->lanes = dw_lanes(d->channels - channel);
    k->low = vset(act_low(d->act)), k->high = vset(act_high(d->act));
    k->bias = k->shift = k->sum = k->square = vzero(), k->scale = vset(1.0f);
    if (d->bias) k->bias = vload_lanes(d->bias + channel, k->lanes);
    if (d->scale) {
        k->scale = vload_lanes(d->scale + channel, k->lanes);
        k->shift = vload_lanes(d->shift + channel, k->lanes);
    }
    if (d->sums) {
        k->sum = vload_lanes(d->sums + channel, k->lanes);
        k->square = vload_lanes(d->sums + d->sums_step + channel, k->lanes);
    }
}

DW_INLINE void dw_lane_close(const struct dw_row *d, const struct dw_lane *k) {
    if (!d->sums) return;
    vstore_lanes(d->sums + k->channel, k->sum, k->lanes);
    vstore_lanes(d->sums + d->sums_step + k->channel, k->square, k->lanes);
}

/* Beside the taps, whether it is a gradient and whether the activation is smooth are constants too. */
DW_INLINE void dw_row_fixed(const struct dw_row *given, int taps_r, int taps_s, int stride, bool gradient,
                            bool smooth) {
    struct dw_row d = *given;
    struct dw_lane k;
    const int in_registers = taps_r * taps_s <= DW_TAPS_HELD ? taps_r * taps_s : 0;
    d.gradient = gradient, d.smooth = smooth;
    for (int64_t c = d.from; c < d.channels; c += VL) {
        vf w[DW_TAPS_HELD];
        int64_t j = 0;
        dw_lane_open(&d, &k, c);
        DW_UNROLL for (int i = 0; i < in_registers; i++) w[i] = vload(d.w + i * d.step + c);
        for (int64_t left = d.count; left >= DW_TILE; left = d.count - j) {
            if (left >= DW_TILE_MAX && left != 2 * DW_TILE) {
                dw_tile(&d, &k, w, j, taps_r, taps_s, stride, DW_TILE_MAX);
                if (d.ahead) dw_ahead_step(d.ahead), dw_ahead_step(d.ahead);
                j += DW_TILE_MAX;
            } else {
                dw_tile(&d, &k, w, j, taps_r, taps_s, stride, DW_TILE);
                if (d.ahead) dw_ahead_step(d.ahead);
                j += DW_TILE;
            }
        }
        /* what is left at once: a single chain of additions waits for each */
        if (d.count - j == 3)
            dw_tile(&d, &k, w, j, taps_r, taps_s, stride, 3);
        else if (d.count - j == 2)
            dw_tile(&d, &k, w, j, taps_r, taps_s, stride, 2);
        else if (d.count - j == 1)
            dw_tile(&d, &k, w, j, taps_r, taps_s, stride, 1);
        dw_lane_close(&d, &k);
    }
}

DW_INLINE void dw_row_any(const struct dw_row *given, bool smooth) {
    struct dw_row d = *given;
    struct dw_lane k;
    d.smooth = smooth;
    for (int64_t c = d.from; c < d.channels; c += VL) {
        int64_t j = 0;
        dw_lane_open(&d, &k, c);
        for (; j + 4 <= d.count; j += 4) dw_tile_any(&d, &k, j, 4);
        for (; j < d.count; j++) dw_tile_any(&d, &k, j, 1);
        dw_lane_close(&d, &k);
    }
}

/* ---- rows whose tensors are bf16 ---- */

/* Of rows that lines can serve: two vectors of channels at once go from registers to a line of bf16. */
static inline bool dw_row_has_lines(const struct dw_row *d) {
    return DW_INSTANCES && SIMD_REGISTERS == 32 && act_is_clamp(d->act) && d->y_bf16 && (!d->x || d->x_bf16) &&
           (!d->add || d->add_bf16);
}

/* What ends one vector of sums, as dw_finish_forward and dw_finish_gradient, and rounded. */
DW_INLINE vf dw_line_end(const struct dw_row *d, struct dw_lane *k, vf sum, int64_t column, bool gradient,
                         enum stored_form form) {
    int64_t at = column * d->y_step + k->channel;
    vf x = vzero();
    if (!gradient) {
        if (d->bias) sum = vadd(sum, k->bias);
        sum = vclamp(sum, k->low, k->high);
    } else {
        if (d->add) sum = vadd(sum, stored_load(d->add, true, at, VL));
        if (d->x) x = stored_load(d->x, true, at, VL);
        if (d->x && d->act != ACT_NONE) sum = vkeep_between(sum, vfma(x, k->scale, k->shift), k->low, k->high);
    }
    sum = stored_round_as(sum, form);
    k->sum = vadd(k->sum, sum);
    k->square = vfma(sum, gradient ? x : sum, k->square);
    return sum;
}

struct dw_lines {
    struct dw_lane a, b;
    vf wa[DW_TAPS_HELD], wb[DW_TAPS_HELD];
};

DW_INLINE void dw_line_tile(const struct dw_row *d, struct dw_lines *l, int64_t column, int taps_r, int taps_s,
                            int stride, int tile, bool gradient, enum stored_form form) {
    vf a[DW_TILE], b[DW_TILE];
    uint16_t *to = (uint16_t *)d->y + column * d->y_step + l->a.channel;
    dw_sums(d, l->a.channel, l->wa, column, taps_r, taps_s, stride, tile, a);
    DW_UNROLL for (int t = 0; t < tile; t++) a[t] = dw_line_end(d, &l->a, a[t], column + t, gradient, form);
    dw_sums(d, l->b.channel, l->wb, column, taps_r, taps_s, stride, tile, b);
    DW_UNROLL for (int t = 0; t < tile; t++) {
        b[t] = dw_line_end(d, &l->b, b[t], column + t, gradient, form);
        stored_lines(to + t * d->y_step, a[t], b[t], d->stream, form == STORED_NATIVE);
    }
}

/* The channels that make whole lines, of a kernel of at most nine taps; returns the first one that is left. */
DW_INLINE int64_t dw_row_lines(const struct dw_row *given, int taps_r, int taps_s, int stride, bool gradient,
                               enum stored_form form) {
    struct dw_row d = *given;
    const int in_registers = taps_r * taps_s <= DW_TAPS_HELD ? taps_r * taps_s : 0;
    int64_t c = 0;
    for (; c + 2 * VL <= d.channels; c += 2 * VL) {
        struct dw_lines l;
        int64_t j = 0;
        dw_lane_open(&d, &l.a, c);
        dw_lane_open(&d, &l.b, c + VL);
        DW_UNROLL for (int i = 0; i < in_registers; i++) {
            l.wa[i] = vload(d.w + i * d.step + c), l.wb[i] = vload(d.w + i * d.step + c + VL);
        }
        for (; j + DW_TILE <= d.count; j += DW_TILE) {
            dw_line_tile(&d, &l, j, taps_r, taps_s, stride, DW_TILE, gradient, form);
            if (d.ahead) dw_ahead_step(d.ahead), dw_ahead_step(d.ahead);
        }
        if (d.count - j == 3)
            dw_line_tile(&d, &l, j, taps_r, taps_s, stride, 3, gradient, form);
        else if (d.count - j == 2)
            dw_line_tile(&d, &l, j, taps_r, taps_s, stride, 2, gradient, form);
        else if (d.count - j == 1)
            dw_line_tile(&d, &l, j, taps_r, taps_s, stride, 1, gradient, form);
        dw_lane_close(&d, &l.a);
        dw_lane_close(&d, &l.b);
    }
    return c;
}

/* An instance by the processor's own rounding, and one without. */
#define DW_LINES(name, taps_r, taps_s, stride, gradient)                                                               \
    static __attribute__((noinline)) int64_t name##_native(const struct dw_row *d) {                                   \
        return dw_row_lines(d, taps_r, taps_s, stride, gradient, SIMD_CONVERTS ? STORED_NATIVE : STORED_BF16);         \
    }                                                                                                                  \
    static __attribute__((noinline)) int64_t name##_rounding(const struct dw_row *d) {                                 \
        return dw_row_lines(d, taps_r, taps_s, stride, gradient, STORED_BF16);                                         \
    }                                                                                                                  \
    static int64_t name(const struct dw_row *d) {                                                                      \
        return stored_form_of(true) == STORED_NATIVE ? name##_native(d) : name##_rounding(d);                          \
    }

/* Any other, and channels d->from … that make no line: `row`, which knows f32 alone, makes the plain sums of some channels
 * at a time, which lie in L1 until they are finished and stored. */
enum { DW_PART = 32 };
static inline int64_t dw_part_floats(int64_t count) {
    return 2 * count * DW_PART;
}
static inline bool dw_row_is_stored(const struct dw_row *d) {
    return d->y_bf16 || (d->x && d->x_bf16) || (d->add && d->add_bf16);
}
void KERNEL_NAME(depthwise_stored)(const struct dw_row *d, void (*row)(const struct dw_row *d));

/* A row of the forward kind: 3x3 and 5x5 of stride 1 and 2 and plain 7x7 by instances of their own, others by loops. */
void KERNEL_NAME(depthwise_row)(const struct dw_row *d);

/* ---- rows on their way into L2: views applied once per element, channels padded to whole vectors ---- */

/* Row of `columns` columns: out[j*out_step + c] = the view of x (and y for a gradient). */
struct dw_load_row {
    int64_t columns, channels, in_step;
    const void *x, *y; /* columns in_step apart; y: gradient views with two tensors, else NULL */
    bool x_bf16, y_bf16;
    const float *scale, *shift; /* a value's view, or NULL */
    const float *a, *b, *c;     /* a gradient's, or NULL */
    enum act act;
    float *out; /* columns out_step apart */
    int64_t out_step;
};

void KERNEL_NAME(depthwise_load)(const struct dw_load_row *l);

static inline void dw_zero(float *p, int64_t floats) {
    memset(p, 0, (size_t)floats * sizeof *p);
}

/* Weights (taps, channels at `from`, tensor channels c) to (taps, step), zeros beyond the channels. */
static inline void dw_copy_taps(float *out, const float *w, int64_t taps, int64_t c, int64_t channels) {
    int64_t step = dw_step(channels);
    for (int64_t i = 0; i < taps; i++) {
        memcpy(out + i * step, w + i * c, (size_t)channels * sizeof *w);
        dw_zero(out + i * step + channels, step - channels);
    }
}

/* A ring of loaded rows of one image: row h lies in slot h % slots; rows outside the tensor are a row of zeros. */
struct dw_ring {
    float *rows, *zero; /* (slots, row_floats), (row_floats) */
    int64_t slots, row_floats;
    int64_t left;            /* floats before a row's first stored column */
    int64_t height, next;    /* rows of the image; the next one to load */
    const void *x, *y;       /* the image, as dw_load_row's */
    int64_t in_row;          /* floats between its rows */
    struct dw_load_row load; /* all but x, y and out */
};

static inline size_t dw_ring_floats(int64_t slots, int64_t row_floats) {
    return (size_t)((slots + 1) * row_floats);
}

/* Takes the memory, and clears what loading will never write. Returns what lies behind it. */
static inline float *dw_ring_open(struct dw_ring *g, float *memory) {
    g->rows = memory, g->zero = memory + g->slots * g->row_floats;
    dw_zero(g->zero, g->row_floats);
    int64_t used = g->load.columns * g->load.out_step;
    bool gaps = g->load.out_step != dw_step(g->load.channels);
    for (int64_t i = 0; i < g->slots; i++) {
        float *row = g->rows + i * g->row_floats;
        dw_zero(row, gaps ? g->row_floats : g->left);
        if (!gaps) dw_zero(row + g->left + used, g->row_floats - g->left - used);
    }
    return g->zero + g->row_floats;
}

/* Load those of rows first … last that exist and were not loaded yet. */
static inline void dw_ring_fill(struct dw_ring *g, int64_t first, int64_t last) {
    last = dw_min(last, g->height - 1);
    for (int64_t h = dw_max(g->next, dw_max(first, 0)); h <= last; h++) {
        g->load.x = stored_at(g->x, g->load.x_bf16, h * g->in_row);
        g->load.y = stored_at(g->y, g->load.y_bf16, h * g->in_row);
        g->load.out = g->rows + h % g->slots * g->row_floats + g->left;
        KERNEL_NAME(depthwise_load)(&g->load);
    }
    g->next = dw_max(g->next, last + 1);
}

static inline const float *dw_ring_row(const struct dw_ring *g, int64_t h) {
    return h < 0 || h >= g->height ? g->zero : g->rows + h % g->slots * g->row_floats;
}

#endif
