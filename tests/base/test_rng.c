/* test_rng.c — Philox against Random123's known answers, addresses, and what is drawn from it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        philox4x32(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

static void an_address_is_a_sequence(void **state) {
    (void)state;
    const uint64_t step = 0x123456789aull;
    struct rng rng = rng_at(0x1122334455667788ull, RNG_AUGMENT, step, 77);
    uint32_t first[4], second[4];
    const uint32_t key[2] = {0x55667788, 0x11223344};
    philox4x32((uint32_t[]){0, 77, 0x3456789a, (uint32_t)RNG_AUGMENT | 0x12u << 8}, key, first);
    philox4x32((uint32_t[]){1, 77, 0x3456789a, (uint32_t)RNG_AUGMENT | 0x12u << 8}, key, second);
    for (int i = 0; i < 4; i++) assert_int_equal(rng_u32(&rng), first[i]);
    struct rng copy = rng;
    for (int i = 0; i < 4; i++) assert_int_equal(rng_u32(&rng), second[i]);
    assert_int_equal(rng_u32(&copy), second[0]);
}

static void neighbours_differ(void **state) {
    (void)state;
    struct rng base = rng_at(1, RNG_INIT, 2, 3);
    struct rng others[] = {rng_at(2, RNG_INIT, 2, 3),
                           rng_at(1, RNG_SHUFFLE, 2, 3),
                           rng_at(1, RNG_INIT, 3, 3),
                           rng_at(1, RNG_INIT, 2, 4),
                           rng_at(1, RNG_INIT, 2, 3 | 1ull << 32),
                           rng_at(1, RNG_INIT, 2 | 1ull << 32, 3),
                           rng_at(1 | 1ull << 32, RNG_INIT, 2, 3)};
    uint32_t value = rng_u32(&base);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_int_not_equal(rng_u32(&others[i]), value);
}

static void uniform_numbers(void **state) {
    (void)state;
    struct rng rng = rng_at(7, RNG_TEST, 0, 0);
    double sum = 0, sum_double = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        float f = rng_float(&rng);
        double d = rng_double(&rng);
        assert_true(f >= 0 && f < 1 && d >= 0 && d < 1);
        sum += (double)f;
        sum_double += d;
    }
    assert_true(fabs(sum / N - 0.5) < 0.005 && fabs(sum_double / N - 0.5) < 0.005);
}

static void below_is_even(void **state) {
    (void)state;
    struct rng rng = rng_at(8, RNG_TEST, 0, 0);
    int counts[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint64_t value = rng_below(&rng, 10);
        assert_true(value < 10);
        counts[value]++;
    }
    for (int i = 0; i < 10; i++) assert_true(counts[i] > 9600 && counts[i] < 10400);
    assert_int_equal(rng_below(&rng, 0), 0);
    assert_int_equal(rng_below(&rng, 1), 0);
    int high = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rng_below(&rng, 3ull << 62);
        assert_true(value < 3ull << 62);
        high += value >> 62 == 2;
    }
    assert_true(high > 260 && high < 410);
}

static void normal_numbers(void **state) {
    (void)state;
    struct rng rng = rng_at(9, RNG_TEST, 0, 0);
    enum { N = 100000 };
    double sum = 0, squares = 0, lag = 0, last = 0, fourth = 0;
    for (int i = 0; i < N; i++) {
        double value = rng_normal(&rng);
        sum += value;
        squares += value * value;
        fourth += value * value * value * value;
        lag += value * last;
        last = value;
    }
    assert_true(fabs(sum / N) < 0.01 && fabs(squares / N - 1) < 0.02);
    assert_true(fabs(fourth / N - 3) < 0.15 && fabs(lag / N) < 0.015);
    double truncated = 0;
    for (int i = 0; i < N; i++) {
        double value = rng_truncated_normal(&rng);
        assert_true(fabs(value) <= 2);
        truncated += value * value;
    }
    assert_true(fabs(truncated / N - 0.7737) < 0.02); /* variance of a normal cut at 2 sigma */
}

static void shuffling(void **state) {
    (void)state;
    enum { N = 1000 };
    uint32_t items[N], again[N];
    char seen[N] = {0};
    int moved = 0;
    for (uint32_t i = 0; i < N; i++) items[i] = again[i] = i;
    struct rng rng = rng_at(3, RNG_SHUFFLE, 0, 0), same = rng;
    rng_shuffle(&rng, items, N);
    rng_shuffle(&same, again, N);
    assert_memory_equal(items, again, sizeof items);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(items[i] < N && !seen[items[i]]);
        seen[items[i]] = 1;
        moved += items[i] != i;
    }
    assert_true(moved > 980);
    /* Every order of three equally often. */
    int counts[27] = {0};
    for (int k = 0; k < 60000; k++) {
        uint32_t three[3] = {0, 1, 2};
        rng_shuffle(&rng, three, 3);
        counts[three[0] * 9 + three[1] * 3 + three[2]]++;
    }
    for (int i = 0; i < 27; i++) assert_true(counts[i] == 0 || (counts[i] > 9600 && counts[i] < 10400));
    rng_shuffle(&rng, items, 0);
    rng_shuffle(&rng, items, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),     cmocka_unit_test(an_address_is_a_sequence),
        cmocka_unit_test(neighbours_differ), cmocka_unit_test(uniform_numbers),
        cmocka_unit_test(below_is_even),     cmocka_unit_test(normal_numbers),
        cmocka_unit_test(shuffling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
