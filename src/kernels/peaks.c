/* peaks.c — what this machine can do at best: multiply-adds from registers, and copying memory (per-ISA, libsiskin alone).
 *
 * Benchmarks are read as a share of these. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"

enum { CHAINS = 12 }; /* independent sums: more than latency times units, fewer than registers */

double KERNEL_NAME(peak_fma)(int64_t rounds, float *sink) {
    vf sum[CHAINS], a = vset(0.999f), b = vset(1e-3f * (float)(rounds & 1));
    for (int i = 0; i < CHAINS; i++) sum[i] = vset((float)i);
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++) sum[i] = vfma(sum[i], a, b);
    for (int i = 1; i < CHAINS; i++) sum[0] = vadd(sum[0], sum[i]);
    float lanes[VL];
    vstore(lanes, sum[0]);
    *sink = lanes[0];
    return 2.0 * (double)rounds * CHAINS * VL;
}

void KERNEL_NAME(peak_copy)(float *to, const float *from, int64_t n) {
    int64_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
        vf a = vload(from + i), b = vload(from + i + VL), c = vload(from + i + 2 * VL), d = vload(from + i + 3 * VL);
        vstore(to + i, a), vstore(to + i + VL, b), vstore(to + i + 2 * VL, c), vstore(to + i + 3 * VL, d);
    }
    for (; i < n; i++) to[i] = from[i];
}
