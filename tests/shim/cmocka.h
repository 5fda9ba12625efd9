/* cmocka.h — a stand-in for cmocka where a cross build has none: the same names for the part that the tests use.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_SHIM_CMOCKA_H
#define SK_TESTS_SHIM_CMOCKA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef void (*shim_test)(void **state);
typedef int (*shim_fixture)(void **state);

struct CMUnitTest {
    const char *name;
    shim_test test_func;
    shim_fixture setup_func, teardown_func;
    void *initial_state;
};

#define cmocka_unit_test(f)                                                                                            \
    { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                                            \
    { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_setup(f, setup)                                                                               \
    { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown)                                                                         \
    { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_prestate(f, state)                                                                            \
    { #f, f, NULL, NULL, state }
#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
    shim_run(#tests, tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                                      \
    shim_run(name, tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)

int shim_run(const char *group, const struct CMUnitTest *tests, size_t count, shim_fixture setup,
             shim_fixture teardown);
_Noreturn void shim_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void shim_skip(const char *file, int line);

#define shim_check(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) shim_fail(__FILE__, __LINE__, __VA_ARGS__);                                                  \
    } while (0)

#define fail_msg(...)              shim_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail()                     shim_fail(__FILE__, __LINE__, "fail()")
#define skip()                     shim_skip(__FILE__, __LINE__)
#define print_message              printf
#define print_error(...)           fprintf(stderr, __VA_ARGS__)
#define assert_true(c)             shim_check((c), "%s is false", #c)
#define assert_false(c)            shim_check(!(c), "%s is true", #c)
#define assert_null(p)             shim_check((p) == NULL, "%s is not NULL", #p)
#define assert_non_null(p)         shim_check((p) != NULL, "%s is NULL", #p)
#define assert_ptr_equal(a, b)     shim_check((const void *)(a) == (const void *)(b), "%s and %s differ", #a, #b)
#define assert_ptr_not_equal(a, b) shim_check((const void *)(a) != (const void *)(b), "%s and %s are equal", #a, #b)
#define shim_int(x)                ((unsigned long long)(x))
#define assert_int_equal(a, b)                                                                                         \
    shim_check(shim_int(a) == shim_int(b), "%s = %lld, but %s = %lld", #a, (long long)(a), #b, (long long)(b))
#define assert_int_not_equal(a, b)                                                                                     \
    shim_check(shim_int(a) != shim_int(b), "%s and %s are both %lld", #a, #b, (long long)(a))
/* A function, so that a lower end of 0 is no comparison that is always true. */
static inline int shim_between(unsigned long long x, unsigned long long low, unsigned long long high) {
    return low <= x && x <= high;
}
#define assert_in_range(x, low, high)                                                                                  \
    shim_check(shim_between(shim_int(x), shim_int(low), shim_int(high)), "%s = %lld is not in range", #x,              \
               (long long)(x))
#define assert_float_equal(a, b, epsilon)                                                                              \
    shim_check((a) - (b) <= (epsilon) && (b) - (a) <= (epsilon), "%s = %.9g, but %s = %.9g", #a, (double)(a), #b,      \
               (double)(b))
#define assert_string_equal(a, b)        shim_check(strcmp((a), (b)) == 0, "\"%s\" is not \"%s\"", (a), (b))
#define assert_string_not_equal(a, b)    shim_check(strcmp((a), (b)) != 0, "both are \"%s\"", (a))
#define assert_memory_equal(a, b, n)     shim_check(memcmp((a), (b), (n)) == 0, "bytes of %s and %s differ", #a, #b)
#define assert_memory_not_equal(a, b, n) shim_check(memcmp((a), (b), (n)) != 0, "bytes of %s and %s are equal", #a, #b)
#define assert_return_code(rc, error)    shim_check((rc) >= 0, "%s failed with %d", #rc, (int)(error))

#endif
