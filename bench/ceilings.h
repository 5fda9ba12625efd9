/* ceilings.h — what one core can do at most: multiply-adds in registers, bytes of a copy; for one level (SK_ISA).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BENCH_CEILINGS_H
#define SK_BENCH_CEILINGS_H

#include <string.h>

#include "kernels/simd.h"
#include "measure.h"

/* Fused multiply-adds in registers alone: twelve chains hide the latency of two units. */
static double peak_flops(void) {
    double best = 0;
    for (int attempt = 0; attempt < 10; attempt++) {
        enum { CHAINS = 12, ROUNDS = 300000 };
        vf x = vset(0.5f), a[CHAINS];
        for (int i = 0; i < CHAINS; i++) a[i] = vset((float)i);
        double start = thread_time();
        for (int r = 0; r < ROUNDS; r++) {
            _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++) a[i] = vfma(a[i], x, x);
        }
        double rate = 2.0 * VL * CHAINS * ROUNDS / (thread_time() - start);
        vf sum = vzero();
        for (int i = 0; i < CHAINS; i++) sum = vadd(sum, a[i]);
        float lanes[VL];
        vstore(lanes, sum);
        if (lanes[0] > 0 && rate > best) best = rate;
    }
    return best;
}

static double copy_bytes(void) {
    struct region a = {0}, b = {0};
    if (region_new(&a, (size_t)128 << 20) || region_new(&b, (size_t)128 << 20)) return 0;
    double best = 0;
    for (int i = 0; i < 4; i++) {
        double start = thread_time();
        memcpy(b.data, a.data, b.bytes);
        double rate = 2.0 * (double)b.bytes / (thread_time() - start);
        if (rate > best) best = rate;
    }
    region_free(&a);
    region_free(&b);
    return best;
}

#endif
