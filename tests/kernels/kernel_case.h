/* kernel_case.h — what the kernel tests share: numbers, guarded outputs, levels, comparisons.
 *
 * Outputs and scratch are filled with NaN before a kernel runs, so that an element that was not written shows, and
 * lie between guards. Inputs have exactly their size, so that a sanitizer sees every read beyond them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_KERNEL_CASE_H
#define SK_TESTS_KERNEL_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "kernels/kernels.h"
#include "ops/attrs.h"

enum { GUARD = 64 };
static const float guard_value = -12345.75f;

/* A small generator of its own, so that the tests need nothing but the kernels. */
static inline uint32_t case_next(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    return *state = x;
}
static inline float case_uniform(uint32_t *state, float low, float high) {
    return low + (high - low) * (float)(case_next(state) >> 8) / 16777216.0f;
}

/* Numbers in [low, high); free() them. */
static inline float *case_input(int64_t count, float low, float high, uint32_t seed) {
    float *x = malloc((size_t)(count > 0 ? count : 1) * sizeof *x);
    uint32_t state = seed * 2654435761u + 1u;
    assert_non_null(x);
    for (int64_t i = 0; i < count; i++) x[i] = case_uniform(&state, low, high);
    return x;
}

/* Room for `count` floats on a 64-byte boundary between two guards; case_release checks and frees. */
static inline float *case_output(int64_t count) {
    float *base = aligned_alloc(64, ((size_t)(count + 2 * GUARD) * sizeof *base + 63) / 64 * 64);
    assert_non_null(base);
    for (int64_t i = 0; i < count + 2 * GUARD; i++) base[i] = i < GUARD || i >= GUARD + count ? guard_value : NAN;
    return base + GUARD;
}
static inline void case_release(float *x, int64_t count) {
    for (int64_t i = 0; i < GUARD; i++) {
        if (x[-1 - i] != guard_value) fail_msg("written %d before the output", (int)(1 + i));
        if (x[count + i] != guard_value) fail_msg("written %d behind the output", (int)i);
    }
    free(x - GUARD);
}

static inline void *case_scratch(size_t bytes) {
    size_t whole = (bytes + 127) / 64 * 64;
    char *p = aligned_alloc(64, whole);
    assert_non_null(p);
    memset(p, 0xff, whole);
    memset(p + bytes, 0x5a, whole - bytes);
    return p;
}
static inline void case_scratch_release(void *scratch, size_t bytes) {
    const char *p = scratch;
    for (size_t i = bytes; i < (bytes + 127) / 64 * 64; i++) {
        if (p[i] != 0x5a) fail_msg("written %d bytes behind the scratch", (int)(i - bytes));
    }
    free(scratch);
}

/* The table of a level, or NULL where this machine or build lacks it. */
static inline const struct kernels *case_level(int isa) {
    return cpu_has_isa((enum isa)isa) ? kernels_of((enum isa)isa) : NULL;
}

/* |found - expected| within `relative` of `size`, the sum of the terms' magnitudes. */
static inline void case_close(const char *what, int64_t index, float found, double expected, double size,
                              double relative) {
    double error = fabs((double)found - expected);
    if (!(error <= relative * size + 1e-30)) {
        fail_msg("%s[%lld] is %.9g, expected %.9g (error %.3g of %.3g)", what, (long long)index, (double)found,
                 expected, error, size);
    }
}
static inline void case_equal(const char *what, const float *found, const float *expected, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (memcmp(found + i, expected + i, sizeof *found) != 0) {
            fail_msg("%s[%lld] is %.9g, but %.9g at the plain level or in another order", what, (long long)i,
                     (double)found[i], (double)expected[i]);
        }
    }
}

/* Tile i of `tiles` in the order of a pass: forward, backward, or odd ones first. */
static inline int64_t case_order(int64_t i, int64_t tiles, int pass) {
    if (pass % 3 == 1) return tiles - 1 - i;
    if (pass % 3 == 2) return i < tiles / 2 ? 2 * i + 1 : 2 * (i - tiles / 2);
    return i;
}

/* Element i of a tensor of floats in a job. */
static inline float case_at(const void *tensor, int64_t i) {
    return ((const float *)tensor)[i];
}

/* The view's value before the activation, rounded as the kernels round it. */
static inline float case_view_linear(const struct load_view *view, float x, int64_t c) {
    return view->scale ? fmaf(view->scale[c], x, view->shift[c]) : x;
}
#endif
