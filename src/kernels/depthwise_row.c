/* depthwise_row.c — an output row of a depthwise convolution, an instance per common kernel (per-ISA).
 *
 * noinline keeps the register allocation of each instance apart. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"

#define ROW_INSTANCE(taps, stride)                                                                                     \
    static __attribute__((noinline)) void row_##taps##_##stride(const struct dw_row *d) {                              \
        dw_row_fixed(d, taps, taps, stride, false, false);                                                             \
    }                                                                                                                  \
    static __attribute__((noinline)) void smooth_##taps##_##stride(const struct dw_row *d) {                           \
        dw_row_fixed(d, taps, taps, stride, false, true);                                                              \
    }
ROW_INSTANCE(3, 1)
ROW_INSTANCE(3, 2)
ROW_INSTANCE(5, 1)
ROW_INSTANCE(5, 2)

static __attribute__((noinline)) void row_any(const struct dw_row *d) {
    dw_row_any(d, false);
}
static __attribute__((noinline)) void smooth_any(const struct dw_row *d) {
    dw_row_any(d, true);
}

void KERNEL_NAME(depthwise_row)(const struct dw_row *d) {
    bool square = d->taps_r == d->taps_s && d->dilation == 1, smooth = !act_is_clamp(d->act);
    if (square && d->taps_r == 3 && d->stride == 1)
        (smooth ? smooth_3_1 : row_3_1)(d);
    else if (square && d->taps_r == 3 && d->stride == 2)
        (smooth ? smooth_3_2 : row_3_2)(d);
    else if (square && d->taps_r == 5 && d->stride == 1)
        (smooth ? smooth_5_1 : row_5_1)(d);
    else if (square && d->taps_r == 5 && d->stride == 2)
        (smooth ? smooth_5_2 : row_5_2)(d);
    else
        (smooth ? smooth_any : row_any)(d);
}
