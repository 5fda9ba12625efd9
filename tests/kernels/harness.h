/* harness.h — what every kernel test needs: guarded arrays, the levels of this machine, bits and bounds.
 *
 * A guarded array has poison on both sides and begins as NaN, so that a stray write and an element never written
 * both show. Failures name the case. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_KERNELS_HARNESS_H
#define SK_TESTS_KERNELS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "kernels/kernels.h"

/* What is being tested, for the sentence of a failure. */
static char case_name[512];
#define CASE(...) snprintf(case_name, sizeof case_name, __VA_ARGS__)

/* ---- guarded arrays ---- */

enum { GUARD_BYTES = 256, GUARD_POISON = 0xA5 };
struct guarded {
    unsigned char *block;
    float *data;
    size_t count;
};

static inline struct guarded guard_new(size_t count) {
    struct guarded g = {.count = count};
    size_t bytes = count * sizeof(float), tail = GUARD_BYTES + (64 - bytes % 64) % 64;
    g.block = aligned_alloc(64, GUARD_BYTES + bytes + tail);
    assert_non_null(g.block);
    memset(g.block, GUARD_POISON, GUARD_BYTES + bytes + tail);
    g.data = (float *)(g.block + GUARD_BYTES);
    for (size_t i = 0; i < count; i++) g.data[i] = NAN;
    return g;
}

static inline void guard_check(const struct guarded *g, const char *what) {
    const unsigned char *after = (const unsigned char *)(g->data + g->count);
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        if (g->block[i] != GUARD_POISON)
            fail_msg("%s: %s: written %zu bytes before it", case_name, what, GUARD_BYTES - i);
        if (after[i] != GUARD_POISON) fail_msg("%s: %s: written %zu bytes behind it", case_name, what, i);
    }
}

static inline void guard_free(struct guarded *g) {
    if (g->block) guard_check(g, "array");
    free(g->block);
    *g = (struct guarded){0};
}

/* ---- numbers ---- */

enum fill { FILL_NORMAL, FILL_EXTREME };

static inline float random_value(struct rng *rng, enum fill fill) {
    static const float extremes[] = {0.0f, -0.0f, 1e-38f, -3e-39f, 1e18f, -1e18f, 6.0f, -6.0f, 1.0f, -1.0f};
    if (fill == FILL_EXTREME && rng_below(rng, 3) == 0)
        return extremes[rng_below(rng, sizeof extremes / sizeof *extremes)];
    return 4.0f * rng_float(rng) - 2.0f;
}

static inline struct guarded random_array(struct rng *rng, size_t count, enum fill fill) {
    struct guarded g = guard_new(count);
    for (size_t i = 0; i < count; i++) g.data[i] = random_value(rng, fill);
    return g;
}

/* Equal bits, where any NaN equals any other. */
static inline void check_bits(const float *a, const float *b, size_t count, const char *what) {
    if (count == 0 || memcmp(a, b, count * sizeof *a) == 0) return;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(a + i, b + i, sizeof *a) == 0 || (isnan(a[i]) && isnan(b[i]))) continue;
        fail_msg("%s: %s[%zu] is %.9g, bits differ from %.9g", case_name, what, i, (double)a[i], (double)b[i]);
    }
}

/* |found - expected| <= bound, element by element; the bound says how much rounding the sum may gather. */
static inline void check_near(const float *found, const double *expected, const double *bound, size_t count,
                              const char *what) {
    for (size_t i = 0; i < count; i++) {
        if (fabs((double)found[i] - expected[i]) <= bound[i]) continue;
        fail_msg("%s: %s[%zu] is %.9g, expected %.9g within %.3g", case_name, what, i, (double)found[i], expected[i],
                 bound[i]);
    }
}

/* ---- levels ---- */

/* The kernels of a level that this build has and this machine can run, or NULL. */
static inline const struct kernels *level_here(int isa) {
    return cpu_has_isa((enum isa)isa) ? kernels_of((enum isa)isa) : NULL;
}

/* The closing line: what ran, and what could not run here. */
static inline int levels_report(void **state) {
    char run[128] = "", missing[128] = "";
    int here = 0, not_here = 0;
    (void)state;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        char *to = level_here(isa) ? run : missing;
        if (level_here(isa))
            here++;
        else
            not_here++;
        strcat(to, " ");
        strcat(to, cpu_isa_name((enum isa)isa));
    }
    print_message("levels run: %d (%s ); not run here: %d (%s )\n", here, run, not_here, missing);
    return 0;
}

#endif
