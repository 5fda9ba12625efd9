/* matmul_tile.h — what register tiles are written with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_MATMUL_TILE_H
#define SK_KERNELS_MATMUL_TILE_H

#include "kernels/matmul.h"

/* An array stays in registers once every index into it is a constant: hence forced inlining and unrolling.
 * Checks of undefined behaviour in code unrolled so far would take minutes to compile. */
#define INLINE static inline __attribute__((always_inline, no_sanitize("undefined")))
#define UNROLL _Pragma("GCC unroll 16")

/* Lanes of a vector that begins where `left` columns are left. */
INLINE int lanes_of(int64_t left) {
    return left <= 0 ? 0 : left < VL ? (int)left : VL;
}

#endif
