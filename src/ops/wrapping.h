/* wrapping.h — what wrap_pad and its gradient share.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_WRAPPING_H
#define SK_OPS_WRAPPING_H

#include "ops/build.h"

struct wrap_job {
    struct wrap wrap;
    struct shape inner, outer; /* without and with the padding */
    const void *from;
    void *to;
    bool from_bf16, to_bf16;
};

/* i modulo n, never negative. */
static inline int64_t wrapped_index(int64_t i, int64_t n) {
    return (i % n + n) % n;
}

#endif
