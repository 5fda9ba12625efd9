/* array_order.h — pictures in .npy files lie in planes, (N,C,H,W), as PyTorch has them; networks here want (N,H,W,C).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_ARRAY_ORDER_H
#define SK_VERBS_ARRAY_ORDER_H

#include <stdint.h>

#include "base/arena.h"

/* (n,a,b) -> (n,b,a): planes to pixels with a = C and b = H*W, and back with a = H*W and b = C. */
void array_turn(const float *x, int64_t n, int64_t a, int64_t b, float *y);
/* The same into the arena; NULL + sentence. */
float *array_turned(struct arena *arena, const float *x, int64_t n, int64_t a, int64_t b);

#endif
