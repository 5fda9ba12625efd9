/* test_peaks.c — the kernels that benchmarks are read against: the copy copies, the multiply-adds are all made.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kernels.h"

enum { FLOATS = 300 };

static void copies_every_length(void **state) {
    (void)state;
    float from[FLOATS], to[FLOATS + 1];
    for (int i = 0; i < FLOATS; i++) from[i] = (float)i + 0.5f;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_of((enum isa)isa);
        if (!kernels || !cpu_has_isa((enum isa)isa)) continue;
        for (int n = 0; n <= FLOATS; n++) {
            for (int i = 0; i <= FLOATS; i++) to[i] = -1;
            kernels->peak_copy(to, from, n);
            assert_memory_equal(to, from, (size_t)n * sizeof *to);
            for (int i = n; i <= FLOATS; i++) assert_true(to[i] == -1);
        }
    }
}

/* Twelve chains from 0 to 11, each multiplied by 0.999 and moved by 0.001 in odd counts of rounds. */
static void makes_every_multiply_add(void **state) {
    (void)state;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_of((enum isa)isa);
        if (!kernels || !cpu_has_isa((enum isa)isa)) continue;
        for (int64_t rounds = 0; rounds < 6; rounds++) {
            double sum = 66;
            float sink;
            for (int64_t r = 0; r < rounds; r++) sum = 0.999 * sum + 12 * 0.001 * (double)(rounds & 1);
            double operations = kernels->peak_fma(rounds, &sink);
            assert_true((double)sink > sum - 1e-3 && (double)sink < sum + 1e-3);
            assert_true(rounds == 0 ? operations == 0 : operations >= 24.0 * (double)rounds);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_every_length),
        cmocka_unit_test(makes_every_multiply_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
