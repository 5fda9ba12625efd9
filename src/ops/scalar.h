/* scalar.h — numbers of a tensor one by one, f32 or bf16, for ops without a kernel of their own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_SCALAR_H
#define SK_OPS_SCALAR_H

#include <stdint.h>
#include <string.h>

#include "base/tensor.h"

static inline float scalar_at(const void *tensor, bool bf16, int64_t i) {
    if (!bf16) return ((const float *)tensor)[i];
    uint32_t bits = (uint32_t)((const uint16_t *)tensor)[i] << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Rounded as kernels round. */
static inline void scalar_put(void *tensor, bool bf16, int64_t i, float x) {
    if (bf16)
        ((uint16_t *)tensor)[i] = f32_to_bf16(x);
    else
        ((float *)tensor)[i] = x;
}

#endif
