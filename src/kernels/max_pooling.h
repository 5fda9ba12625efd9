/* max_pooling.h — what max pooling and its gradient share: windows cut to the picture.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_MAX_POOLING_H
#define SK_KERNELS_MAX_POOLING_H

#include "kernels/depthwise_core.h"

/* A run of one axis, cut to what is there. */
struct max_run {
    int64_t from, to;
};

/* Input positions that output `at` sees. */
static inline struct max_run max_seen(const struct max_pool_job *job, int64_t at, int64_t before, int64_t size) {
    int64_t first = at * job->stride - before;
    return (struct max_run){dw_max(first, 0), dw_min(first + job->kernel, size)};
}

#endif
