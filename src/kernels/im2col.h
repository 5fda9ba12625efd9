/* im2col.h — gathers the rows of a convolution's matrix: what each output pixel sees of the input, or each input
 * pixel of the gradient.
 *
 * A depth is (tap, channel), tap = r*S + s. A gather covers `taps` whole taps of `channels` channels each; deep
 * products go by such pieces, so that a tile stays in L2 (struct pieces). SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_IM2COL_H
#define SK_KERNELS_IM2COL_H

#include "kernels/view.h"

static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* 1x1, one group, every pixel once: the matrix is the tensor itself. */
static inline bool conv_is_pointwise(const struct conv_shape *s) {
    return s->r == 1 && s->s == 1 && s->groups == 1 && s->stride_h == 1 && s->stride_w == 1 && !s->pad_top &&
           !s->pad_left && s->p == s->h && s->q == s->w;
}
static inline int64_t conv_depth(const struct conv_shape *s) {
    return (int64_t)s->r * s->s * (s->c / s->groups);
}

/* Strides of scratch tiles: whole cache lines, and never a multiple of 2 KiB, where rows would share a set of L1. */
static inline int64_t tile_stride(int64_t columns) {
    int64_t stride = (columns + 15) / 16 * 16;
    return stride % 512 ? stride : stride + 16;
}
static inline bool stride_is_bad(int64_t columns) {
    return columns % 512 == 0;
}

/* A tensor (rows, cols) that no cache will hold until it is read again is stored past them, by whole lines. */
enum { STREAM_BYTES = 16 << 20 };
static inline bool stream_pays(const void *to, bool bf16, int64_t rows, int64_t cols, int64_t col) {
    int64_t line = bf16 ? 32 : 16;
    return rows * cols * (64 / line) > STREAM_BYTES && cols % line == 0 && col % line == 0 && (uintptr_t)to % 64 == 0;
}

enum { PIECE_DEPTH = 512 };

/* Depth in pieces of at most about PIECE_DEPTH: several whole taps, or a range of one tap's channels. */
struct pieces {
    int64_t taps, channels;           /* in all: taps, and channels of a tap */
    int64_t step_taps, step_channels; /* of a piece */
};
static inline struct pieces pieces_of(const struct conv_shape *s, int64_t channels) {
    struct pieces p = {.taps = (int64_t)s->r * s->s, .channels = channels};
    p.step_channels = min_i64(channels, PIECE_DEPTH);
    p.step_taps = p.step_channels < channels ? 1 : PIECE_DEPTH / channels;
    if (p.step_taps > s->s) p.step_taps -= p.step_taps % s->s;
    if (p.step_taps > p.taps) p.step_taps = p.taps;
    return p;
}
static inline int64_t pieces_width(const struct pieces *p) {
    return p->step_taps * p->step_channels;
}

/* Rows row … row + rows, taps tap … tap + taps, channels from … from + channels (of the whole tensor). */
struct gather {
    const struct conv_shape *s;
    int64_t row, rows, tap, taps, from, channels;
    float *tile; /* (rows, taps*channels), row stride `stride` */
    int64_t stride;
};

/* All channels, no view, columns side by side: the taps of a kernel row are neighbours in memory, one copy of `width`
 * floats, of which those before `begin` and from `end` on are padding. By fours: three channels make short runs. */
static inline void gather_run(const float *from, float *to, int64_t begin, int64_t end, int64_t width) {
    if (begin > 0 || end < width) view_zero(to, width);
    int64_t i = begin;
    for (; i + 4 <= end; i += 4) memcpy(to + i, from + i, 4 * sizeof *to);
    for (; i < end; i++) to[i] = from[i];
}

/* One output pixel whose window begins at (top, left), kernel rows first … last. */
static inline void gather_runs(const struct conv_shape *s, const float *x, int64_t top, int64_t left,
                               const int64_t rows[2], float *to) {
    int64_t width = s->s * s->c, begin = left < 0 ? -left * s->c : 0, end = min_i64(s->s, s->w - left) * s->c;
    for (int64_t r = rows[0], h = top + r * s->dilation_h; r < rows[1]; r++, h += s->dilation_h, to += width) {
        if (h < 0 || h >= s->h || begin >= end)
            view_zero(to, width);
        else
            gather_run(x + (h * s->w + left) * s->c, to, begin, end, width);
    }
}

static inline void gather_taps(const struct gather *g, const struct load_view *view, int64_t n, int64_t top,
                               int64_t left, float *to) {
    const struct conv_shape *s = g->s;
    for (int64_t t = g->tap; t < g->tap + g->taps; t++, to += g->channels) {
        int64_t h = top + t / s->s * s->dilation_h, w = left + t % s->s * s->dilation_w;
        if (h < 0 || h >= s->h || w < 0 || w >= s->w) {
            view_zero(to, g->channels);
        } else {
            int64_t at = ((n * s->h + h) * s->w + w) * s->c + g->from;
            view_load_gated(view, n, s->c, at, to, g->from, g->channels);
        }
    }
}

/* Some rows of one image times its gate, four at a time: a factor is read once for them. */
static inline void gather_gated_rows(const struct gather *g, const float *x, const float *gate, float *to, int rows) {
    for (int64_t c = 0; c < g->channels; c += VL) {
        int n = (int)min_i64(VL, g->channels - c);
        vf factor = n == VL ? vload(gate + c) : vload_n(gate + c, n);
        for (int i = 0; i < rows; i++) {
            const float *from = x + i * g->s->c + c;
            if (n == VL)
                vstore(to + i * g->stride + c, vmul(vload(from), factor));
            else
                vstore_n(to + i * g->stride + c, vmul(vload_n(from, n), factor), n);
        }
    }
}

/* A 1x1 convolution of x times a gate: rows lie side by side in memory. */
static inline void gather_gated(const struct gather *g, const struct load_view *view) {
    int64_t pixels = g->s->h * g->s->w, c = g->s->c;
    for (int64_t i = 0, rows = 0; i < g->rows; i += rows) {
        int64_t row = g->row + i, image = row / pixels;
        const float *x = (const float *)view->x + row * c + g->from, *gate = view->gate + image * c + g->from;
        rows = min_i64(4, min_i64(g->rows - i, (image + 1) * pixels - row));
        if (rows == 4)
            gather_gated_rows(g, x, gate, g->tile + i * g->stride, 4);
        else
            gather_gated_rows(g, x, gate, g->tile + i * g->stride, (int)rows);
    }
}

static inline void gather_input(const struct gather *g, const struct load_view *view) {
    const struct conv_shape *s = g->s;
    if (view_is_gate(view) && conv_is_pointwise(s)) {
        gather_gated(g, view);
        return;
    }
    bool runs = view_is_identity(view) && s->dilation_w == 1 && g->channels == s->c && g->tap % s->s == 0 &&
                g->taps % s->s == 0;
    const int64_t kernel_rows[2] = {g->tap / s->s, (g->tap + g->taps) / s->s};
    int64_t n = g->row / (s->p * s->q), p = g->row / s->q % s->p, q = g->row % s->q;
    for (int64_t i = 0; i < g->rows; i++) {
        int64_t top = p * s->stride_h - s->pad_top, left = q * s->stride_w - s->pad_left;
        float *to = g->tile + i * g->stride;
        if (runs)
            gather_runs(s, (const float *)view->x + n * s->h * s->w * s->c, top, left, kernel_rows, to);
        else
            gather_taps(g, view, n, top, left, to);
        if (++q == s->q) {
            q = 0;
            if (++p == s->p) p = 0, n++;
        }
    }
}

/* Rows are input pixels; tap (r, s) of pixel (h, w) is the output pixel that saw it through (r, s), if there is one. */
static inline void gather_gradient(const struct gather *g, const struct grad_view *view) {
    const struct conv_shape *s = g->s;
    int64_t n = g->row / (s->h * s->w), h = g->row / s->w % s->h, w = g->row % s->w;
    for (int64_t i = 0; i < g->rows; i++) {
        float *to = g->tile + i * g->stride;
        for (int64_t t = g->tap; t < g->tap + g->taps; t++, to += g->channels) {
            int64_t y = h + s->pad_top - t / s->s * s->dilation_h, x = w + s->pad_left - t % s->s * s->dilation_w;
            int64_t p = y / s->stride_h, q = x / s->stride_w;
            if (y < 0 || x < 0 || y % s->stride_h || x % s->stride_w || p >= s->p || q >= s->q) {
                view_zero(to, g->channels);
            } else {
                grad_load_row(view, ((n * s->p + p) * s->q + q) * s->k + g->from, to, g->from, g->channels);
            }
        }
        if (++w == s->w) {
            w = 0;
            if (++h == s->h) h = 0, n++;
        }
    }
}

#endif
