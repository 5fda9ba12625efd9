/* measure.h — time, and memory handed out in pieces, for the programs that time kernels.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BENCH_MEASURE_H
#define SK_BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"

static inline double clock_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The thread's own time: what others do on this machine counts only where they take caches and memory. */
static inline double thread_time(void) {
    return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

/* One block of memory (region_new), handed out page by page and taken back whole by used = 0. */
static struct region memory;
static size_t used;

static inline float *take(int64_t count) {
    float *p = (float *)((char *)memory.data + used);
    used += ((size_t)count * sizeof *p + 4095) / 4096 * 4096;
    if (used > memory.bytes) {
        fprintf(stderr, "%zu bytes are not enough\n", memory.bytes);
        exit(1);
    }
    return p;
}

/* Numbers from -0.25 to 0.25. */
static inline float *take_random(int64_t count) {
    float *p = take(count);
    uint32_t state = 12345;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = ((float)(state >> 8) / (float)(1 << 24) - 0.5f) * 0.5f;
    }
    return p;
}

#endif
