/* window_pooling.h — what average pooling and its gradient share: windows cut to the picture, and their shares.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_WINDOW_POOLING_H
#define SK_KERNELS_WINDOW_POOLING_H

#include "kernels/depthwise_core.h"

/* A run of one axis, cut to what is there. */
struct run {
    int64_t from, to;
};

/* Input positions that output `at` sees. */
static inline struct run seen(const struct avg_pool_job *job, int64_t at, int64_t size) {
    int64_t first = at * job->stride - job->padding;
    return (struct run){dw_max(first, 0), dw_min(first + job->kernel, size)};
}

static inline float share(const struct avg_pool_job *job, struct run h, struct run w) {
    int64_t count = job->exclude_padding ? (h.to - h.from) * (w.to - w.from) : (int64_t)job->kernel * job->kernel;
    return 1.0f / (float)count;
}

#endif
