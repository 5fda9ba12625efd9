/* gating.h — what the gate and its gradient share: the view of some channels of a row.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_GATING_H
#define SK_KERNELS_GATING_H

#include "kernels/depthwise_core.h"
#include "kernels/view.h"

enum { GATE_GROUP = 256 }; /* channels that are viewed at a time */

static __attribute__((noinline)) void gate_view(const struct load_view *view, int64_t at, float *to, int64_t from,
                                                int64_t count) {
    view_load_row(view, at, to, from, count);
}

#endif
