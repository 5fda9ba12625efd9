/* depthwise_row.c — an output row of a depthwise convolution, an instance per common kernel (per-ISA).
 *
 * noinline keeps the register allocation of each instance apart. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"

static __attribute__((noinline)) void row_3_1(const struct dw_row *d) {
    dw_row_fixed(d, 3, 3, 1, false);
}
static __attribute__((noinline)) void row_3_2(const struct dw_row *d) {
    dw_row_fixed(d, 3, 3, 2, false);
}
static __attribute__((noinline)) void row_5_1(const struct dw_row *d) {
    dw_row_fixed(d, 5, 5, 1, false);
}
static __attribute__((noinline)) void row_5_2(const struct dw_row *d) {
    dw_row_fixed(d, 5, 5, 2, false);
}

void KERNEL_NAME(depthwise_row)(const struct dw_row *d) {
    bool square = d->taps_r == d->taps_s && d->dilation == 1;
    if (square && d->taps_r == 3 && d->stride == 1)
        row_3_1(d);
    else if (square && d->taps_r == 3 && d->stride == 2)
        row_3_2(d);
    else if (square && d->taps_r == 5 && d->stride == 1)
        row_5_1(d);
    else if (square && d->taps_r == 5 && d->stride == 2)
        row_5_2(d);
    else
        dw_row_any(d);
}
