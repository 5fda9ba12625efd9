/* view.h — views while loading and storing: act(scale*x + shift), a*g + b*y + c, and the mask of a clamp.
 *
 * Clamps are done in registers, other activations in place behind them (see act.h). Rows are runs of channels; `from` is the first channel of a run, so
 * that scale[from] belongs to x[0]. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_VIEW_H
#define SK_KERNELS_VIEW_H

#include "kernels/matmul.h"

static inline bool view_is_identity(const struct load_view *view) {
    return !view->scale && view->act == ACT_NONE;
}
static inline bool grad_is_identity(const struct grad_view *view) {
    return !view->y;
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

/* scale*x + shift of a row, and the activation if it is a clamp. */
static inline void view_load_clamped(const struct load_view *view, const float *x, float *tile, int64_t from,
                                     int64_t count) {
    vf low = vset(act_low(view->act)), high = vset(act_high(view->act));
    int64_t i = 0;
    if (!view->scale) {
        for (; i + VL <= count; i += VL) vstore(tile + i, vclamp(vload(x + i), low, high));
        if (i < count) {
            int n = (int)(count - i);
            vstore_n(tile + i, vclamp(vload_n(x + i, n), low, high), n);
        }
        return;
    }
    const float *scale = view->scale + from, *shift = view->shift + from;
    for (; i + VL <= count; i += VL) {
        vf v = vfma(vload(scale + i), vload(x + i), vload(shift + i));
        vstore(tile + i, vclamp(v, low, high));
    }
    if (i < count) {
        int n = (int)(count - i);
        vf v = vfma(vload_n(scale + i, n), vload_n(x + i, n), vload_n(shift + i, n));
        vstore_n(tile + i, vclamp(v, low, high), n);
    }
}

/* tile[0 … count) = view of x[0 … count), channels from … from + count. */
static inline void view_load_row(const struct load_view *view, const float *x, float *tile, int64_t from,
                                 int64_t count) {
    if (!act_is_clamp(view->act) && !view->scale) {
        KERNEL_NAME(act_values)(view->act, x, tile, count);
        return;
    }
    view_load_clamped(view, x, tile, from, count);
    if (!act_is_clamp(view->act)) KERNEL_NAME(act_values)(view->act, tile, tile, count);
}

/* tile[0 … count) = gradient view at element `at` of g and y, channels from … from + count. */
static inline void grad_load_row(const struct grad_view *view, int64_t at, float *tile, int64_t from, int64_t count) {
    const float *g = view->g + at;
    if (!view->y) {
        memcpy(tile, g, (size_t)count * sizeof *tile);
        return;
    }
    const float *y = view->y + at, *a = view->a + from, *b = view->b + from, *c = view->c + from;
    int64_t i = 0;
    for (; i + VL <= count; i += VL) {
        vstore(tile + i, vfma(vload(a + i), vload(g + i), vfma(vload(b + i), vload(y + i), vload(c + i))));
    }
    if (i < count) {
        int n = (int)(count - i);
        vf inner = vfma(vload_n(b + i, n), vload_n(y + i, n), vload_n(c + i, n));
        vstore_n(tile + i, vfma(vload_n(a + i, n), vload_n(g + i, n), inner), n);
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
