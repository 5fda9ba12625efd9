/* act_rows.c — activations and slopes of rows that lie in L1 (per-ISA: compiled once per level).
 *
 * One loop per activation; iterations do not depend on each other, so that processors overlap them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/act.h"

typedef void act_values_loop(const float *from, float *to, int64_t count);
typedef void act_slopes_loop(float *g, const float *x, int64_t count);

#define ACT(id, name)                                                                                                  \
    static void values_##name(const float *from, float *to, int64_t count) {                                           \
        int64_t i = 0;                                                                                                 \
        for (; i + VL <= count; i += VL) vstore(to + i, act_value_of(ACT_##id, vload(from + i)));                      \
        int rest = (int)(count - i);                                                                                   \
        if (rest > 0) vstore_n(to + i, act_value_of(ACT_##id, vload_n(from + i, rest)), rest);                         \
    }                                                                                                                  \
    static void slopes_##name(float *g, const float *x, int64_t count) {                                               \
        int64_t i = 0;                                                                                                 \
        for (; i + VL <= count; i += VL) vstore(g + i, act_times_slope(ACT_##id, vload(g + i), vload(x + i)));         \
        int rest = (int)(count - i);                                                                                   \
        if (rest > 0) vstore_n(g + i, act_times_slope(ACT_##id, vload_n(g + i, rest), vload_n(x + i, rest)), rest);    \
    }
#include "kernels/acts.def"
#undef ACT

void KERNEL_NAME(act_values)(enum act act, const float *from, float *to, int64_t count) {
    static act_values_loop *const loops[] = {
#define ACT(id, name) values_##name,
#include "kernels/acts.def"
#undef ACT
    };
    loops[act](from, to, count);
}

void KERNEL_NAME(act_slopes)(enum act act, float *g, const float *x, int64_t count) {
    static act_slopes_loop *const loops[] = {
#define ACT(id, name) slopes_##name,
#include "kernels/acts.def"
#undef ACT
    };
    loops[act](g, x, count);
}
