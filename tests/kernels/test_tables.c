/* test_tables.c — the two tables of a level: the small library's has the kernels of inference, the same ones, and no other.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/kernels.h"

static void test_tables(void **state) {
    (void)state;
    int levels = 0;
    for (int isa = -1; isa <= ISA_COUNT; isa++) {
        const struct kernels *all = kernels_of((enum isa)isa), *run = kernels_run_of((enum isa)isa);
        assert_true(!all == !run);
        if (!all) continue;
        levels++;
        assert_int_equal(all->isa, isa);
        assert_int_equal(run->isa, isa);
        assert_int_equal(all->panel, run->panel);
#define LEVEL(name, isa, class)
#define KERNEL(slot, returns, arguments) assert_true(all->slot && run->slot == all->slot);
#define FULL_KERNEL(slot, returns, arguments) assert_true(all->slot && !run->slot);
#include "kernels/kernels.def"
    }
    assert_true(levels >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
