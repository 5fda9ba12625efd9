/* array_order.c — from planes to pixels and back.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/array_order.h"

void array_turn(const float *x, int64_t n, int64_t a, int64_t b, float *y) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < a; j++)
            for (int64_t k = 0; k < b; k++) y[(i * b + k) * a + j] = x[(i * a + j) * b + k];
}

float *array_turned(struct arena *arena, const float *x, int64_t n, int64_t a, int64_t b) {
    float *y = arena_array(arena, (size_t)(n * a * b), sizeof *y);
    if (y) array_turn(x, n, a, b, y);
    return y;
}
