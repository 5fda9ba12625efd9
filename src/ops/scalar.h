/* scalar.h — numbers of a tensor one by one, f32 or bf16, for ops without a kernel of their own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_SCALAR_H
#define SK_OPS_SCALAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/tensor.h"

static inline float scalar_at(const void *tensor, bool bf16, int64_t i) {
    return bf16 ? bf16_to_f32(((const uint16_t *)tensor)[i]) : ((const float *)tensor)[i];
}

/* Rounded as kernels round. */
static inline void scalar_put(void *tensor, bool bf16, int64_t i, float x) {
    if (bf16)
        ((uint16_t *)tensor)[i] = f32_to_bf16(x);
    else
        ((float *)tensor)[i] = x;
}

/* `count` numbers, from element `from` of x to element `to` of y. */
static inline void scalar_copy(void *y, bool y_bf16, int64_t to, const void *x, bool x_bf16, int64_t from,
                               int64_t count) {
    if (x_bf16 && y_bf16)
        memcpy((uint16_t *)y + to, (const uint16_t *)x + from, (size_t)count * sizeof(uint16_t));
    else if (!x_bf16 && !y_bf16)
        memcpy((float *)y + to, (const float *)x + from, (size_t)count * sizeof(float));
    else
        for (int64_t i = 0; i < count; i++) scalar_put(y, y_bf16, to + i, scalar_at(x, x_bf16, from + i));
}

#endif
