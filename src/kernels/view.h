/* view.h — views while loading and storing: act(scale*x + shift), a*g + b*y + c, and the mask of a clamp.
 *
 * Clamps are done in registers, other activations in place behind them (see act.h). Rows are runs of channels; `from` is the first channel of a run, so
 * that scale[from] belongs to x[0]. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_VIEW_H
#define SK_KERNELS_VIEW_H

#include "kernels/matmul.h"
#include "kernels/stored.h"

/* Whether what is viewed can be read where it lies. */
static inline bool view_is_identity(const struct load_view *view) {
    return !view->scale && view->act == ACT_NONE && !view->bf16 && !view->gate;
}
/* x times its image's gate and nothing else. */
static inline bool view_is_gate(const struct load_view *view) {
    return view->gate && !view->scale && view->act == ACT_NONE && !view->bf16;
}
static inline bool grad_is_identity(const struct grad_view *view) {
    return !view->y && !view->g_bf16;
}

/* x and dx lane by lane: dx where the slope of a clamp at v is 1, else 0. */
static inline vf view_mask(vf dx, vf v, enum act act) {
    return act == ACT_NONE ? dx : vkeep_between(dx, v, vzero(), vset(act_high(act)));
}

/* The slopes of an activation that is no clamp: g[i] times that at v[i], for up to four vectors. */
static inline void view_slopes(enum act act, vf *g, const vf *v, int count) {
    _Alignas(64) float products[4 * VL], at[4 * VL];
    for (int i = 0; i < count; i++) vstore(products + i * VL, g[i]), vstore(at + i * VL, v[i]);
    KERNEL_NAME(act_slopes)(act, products, at, count * VL);
    for (int i = 0; i < count; i++) g[i] = vload(products + i * VL);
}

/* scale*x + shift of a row, and the activation if it is a clamp; x begins at element `at`. */
STORED_INLINE void view_load_clamped(const struct load_view *view, bool bf16, int64_t at, float *tile, int64_t from,
                                     int64_t count) {
    vf low = vset(act_low(view->act)), high = vset(act_high(view->act));
    const void *x = view->x;
    int64_t i = 0;
    if (!view->scale) {
        for (; i + VL <= count; i += VL) vstore(tile + i, vclamp(stored_load(x, bf16, at + i, VL), low, high));
        if (i < count) {
            int n = (int)(count - i);
            vstore_n(tile + i, vclamp(stored_load(x, bf16, at + i, n), low, high), n);
        }
        return;
    }
    const float *scale = view->scale + from, *shift = view->shift + from;
    for (; i + VL <= count; i += VL) {
        vf v = vfma(vload(scale + i), stored_load(x, bf16, at + i, VL), vload(shift + i));
        vstore(tile + i, vclamp(v, low, high));
    }
    if (i < count) {
        int n = (int)(count - i);
        vf v = vfma(vload_n(scale + i, n), stored_load(x, bf16, at + i, n), vload_n(shift + i, n));
        vstore_n(tile + i, vclamp(v, low, high), n);
    }
}

/* tile[0 … count) = view of x from element `at` on, channels from … from + count. */
static inline void view_load_row(const struct load_view *view, int64_t at, float *tile, int64_t from, int64_t count) {
    bool smooth = !act_is_clamp(view->act);
    if (smooth && !view->scale && !view->bf16) {
        KERNEL_NAME(act_values)(view->act, (const float *)view->x + at, tile, count);
        return;
    }
    if (view->bf16)
        view_load_clamped(view, true, at, tile, from, count);
    else
        view_load_clamped(view, false, at, tile, from, count);
    if (smooth) KERNEL_NAME(act_values)(view->act, tile, tile, count);
}

/* tile = x * gate, which may be where x lies: one row of an image whose gate is given. */
static inline void view_gate_row(const float *x, const float *gate, float *tile, int64_t count) {
    int64_t i = 0;
    for (; i + VL <= count; i += VL) vstore(tile + i, vmul(vload(x + i), vload(gate + i)));
    int n = (int)(count - i);
    if (n > 0) vstore_n(tile + i, vmul(vload_n(x + i, n), vload_n(gate + i, n)), n);
}

/* The whole view of a row of image `n` of `c` channels. */
static inline void view_load_gated(const struct load_view *view, int64_t n, int64_t c, int64_t at, float *tile,
                                   int64_t from, int64_t count) {
    view_load_row(view, at, tile, from, count);
    if (view->gate) view_gate_row(tile, view->gate + n * c + from, tile, count);
}

STORED_INLINE void grad_load_both(const struct grad_view *view, bool g_bf16, bool y_bf16, int64_t at, float *tile,
                                  int64_t from, int64_t count) {
    const float *a = view->a + from, *b = view->b + from, *c = view->c + from;
    int64_t i = 0;
    for (; i + VL <= count; i += VL) {
        vf g = stored_load(view->g, g_bf16, at + i, VL), y = stored_load(view->y, y_bf16, at + i, VL);
        vstore(tile + i, vfma(vload(a + i), g, vfma(vload(b + i), y, vload(c + i))));
    }
    if (i < count) {
        int n = (int)(count - i);
        vf g = stored_load(view->g, g_bf16, at + i, n), y = stored_load(view->y, y_bf16, at + i, n);
        vf inner = vfma(vload_n(b + i, n), y, vload_n(c + i, n));
        vstore_n(tile + i, vfma(vload_n(a + i, n), g, inner), n);
    }
}

/* tile[0 … count) = gradient view at element `at` of g and y, channels from … from + count. */
static inline void grad_load_row(const struct grad_view *view, int64_t at, float *tile, int64_t from, int64_t count) {
    if (!view->y) {
        for (int64_t i = 0; view->g_bf16 && i < count; i += VL) {
            int n = count - i < VL ? (int)(count - i) : VL;
            vf g = stored_load(view->g, true, at + i, n);
            if (n == VL)
                vstore(tile + i, g);
            else
                vstore_n(tile + i, g, n);
        }
        if (!view->g_bf16) memcpy(tile, (const float *)view->g + at, (size_t)count * sizeof *tile);
    } else if (view->g_bf16 && view->y_bf16) {
        grad_load_both(view, true, true, at, tile, from, count);
    } else if (!view->g_bf16 && !view->y_bf16) {
        grad_load_both(view, false, false, at, tile, from, count);
    } else {
        grad_load_both(view, view->g_bf16, view->y_bf16, at, tile, from, count);
    }
}

static inline void view_zero(float *tile, int64_t count) {
    memset(tile, 0, (size_t)count * sizeof *tile);
}

/* sums[j] = sum over rows of t[i][j], in row order. */
static inline void view_sums(int64_t rows, int64_t cols, const float *t, int64_t stride, float *sums) {
    for (int64_t j = 0; j < cols; j += VL) {
        int n = cols - j < VL ? (int)(cols - j) : VL;
        vf sum = vzero();
        for (int64_t i = 0; i < rows; i++) sum = vadd(sum, vload_n(t + i * stride + j, n));
        vstore_n(sums + j, sum, n);
    }
}

#endif
