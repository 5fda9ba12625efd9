/* test_cpu.c — levels of instructions and what SISKIN_ISA asks for. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"

static void levels_and_wishes(void **state) {
    (void)state;
    enum isa isa, best = ISA_PLAIN;
    assert_true(cpu_has_isa(ISA_PLAIN));
    for (int i = 0; i < ISA_COUNT; i++) {
        setenv("SISKIN_ISA", cpu_isa_name((enum isa)i), 1);
        sk_status status = cpu_isa(&isa);
        assert_int_equal(status, cpu_has_isa((enum isa)i) ? SK_OK : SK_EUSAGE);
        if (status != SK_OK) continue;
        assert_int_equal(isa, i);
        best = isa;
    }
    setenv("SISKIN_ISA", "mmx", 1);
    assert_int_equal(cpu_isa(&isa), SK_EUSAGE);
    assert_string_equal(sk_error(), "SISKIN_ISA is \"mmx\"; expected plain, neon, avx2 or avx512");
    unsetenv("SISKIN_ISA");
    assert_int_equal(cpu_isa(&isa), SK_OK);
    assert_int_equal(isa, best);
    assert_false(cpu_has_isa(ISA_NEON) && cpu_has_isa(ISA_AVX2));
}

static void the_machine_is_described(void **state) {
    (void)state;
    assert_true(cpu_cores() >= 1);
    assert_true(strlen(cpu_model_name()) > 0);
    struct cpu_caches caches = cpu_caches();
    assert_true(caches.l1d >= 4096 && caches.l2 >= caches.l1d && caches.l3 > 0);
}

static void denormals(void **state) {
    (void)state;
    volatile float smallest = 0x1p-126f, half = 0.5f;
    unsigned mode = cpu_float_mode();
    assert_true(smallest * half > 0);
    cpu_flush_denormals();
    assert_true(smallest * half == 0);
    cpu_set_float_mode(mode);
    assert_true(smallest * half > 0);
}

int main(void) {
    unsetenv("SISKIN_ISA");
    const struct CMUnitTest tests[] = {cmocka_unit_test(levels_and_wishes), cmocka_unit_test(the_machine_is_described),
                                       cmocka_unit_test(denormals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
