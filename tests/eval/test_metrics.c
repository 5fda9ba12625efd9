/* test_metrics.c — loss, top-1, top-5, ties, numbers that are none, the confusion table, Wilson's interval.
 *
 * Losses are PyTorch's (CrossEntropyLoss, label_smoothing 0 and 0.1) for the same logits; intervals are
 * scipy's binomtest(…).proportion_ci(method="wilson"). SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval/interval.h"
#include "eval/metrics.h"

static void test_losses(void **state) {
    (void)state;
    static const float logits[] = {2, -1, 0.5F, 0, 0.1F, 0.2F, -0.3F, 1.5F};
    static const double logits_f64[] = {2, -1, 0.5, 0, 0.1, 0.2, -0.3, 1.5};
    static const int32_t labels[] = {1, 3};
    struct arena arena = {0};
    struct metrics m;
    assert_int_equal(metrics_new(&m, &arena, 4, true), SK_OK);
    assert_int_equal(metrics_add(&m, 2, logits, labels), SK_OK);
    struct metrics_result r = metrics_result(&m);
    assert_true(fabs(r.loss - 1.9318877) < 1e-6);
    assert_true(r.images == 2 && r.top1 == 50 && r.top5 == 100);
    metrics_reset(&m);
    assert_int_equal(m.images + m.top1 + m.confusion[1 * 4 + 0], 0);
    m.smoothing = 0.1;
    assert_int_equal(metrics_add_f64(&m, 2, logits_f64, labels), SK_OK);
    assert_true(fabs(metrics_result(&m).loss - 1.9193877) < 1e-6);
    assert_int_equal(m.confusion[1 * 4 + 0], 1);
    assert_int_equal(m.confusion[3 * 4 + 3], 1);
    int64_t images = 0, right = 0;
    metrics_class(&m, 3, &images, &right);
    assert_true(images == 1 && right == 1);
    metrics_class(&m, 1, &images, &right);
    assert_true(images == 1 && right == 0);
    arena_free(&arena);
}

static void test_large_logits(void **state) {
    (void)state;
    static const float logits[] = {1000, 0, -1000};
    struct metrics m;
    assert_int_equal(metrics_new(&m, NULL, 3, false), SK_OK);
    assert_int_equal(metrics_add(&m, 1, logits, (const int32_t[]){1}), SK_OK);
    assert_true(metrics_result(&m).loss == 1000);
}

/* Of equal logits the lower index ranks first. */
static void test_ties(void **state) {
    (void)state;
    static const float flat[7] = {1, 1, 1, 1, 1, 1, 1};
    static const struct {
        int32_t label;
        int64_t top1, top5;
    } cases[] = {{0, 1, 1}, {1, 0, 1}, {4, 0, 1}, {5, 0, 0}, {6, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct metrics m;
        assert_int_equal(metrics_new(&m, NULL, 7, false), SK_OK);
        assert_int_equal(metrics_add(&m, 1, flat, &cases[i].label), SK_OK);
        assert_int_equal(m.top1, cases[i].top1);
        assert_int_equal(m.top5, cases[i].top5);
    }
}

static void test_not_numbers(void **state) {
    (void)state;
    struct arena arena = {0};
    struct metrics m;
    static const float rows[2][3] = {{NAN, NAN, NAN}, {NAN, 2, 1}};
    assert_int_equal(metrics_new(&m, &arena, 3, true), SK_OK);
    assert_int_equal(metrics_add(&m, 1, rows[0], (const int32_t[]){0}), SK_OK);
    assert_int_equal(m.top1 + m.top5, 0);
    assert_true(isnan(m.loss_sum));
    assert_int_equal(metrics_add(&m, 1, rows[1], (const int32_t[]){1}), SK_OK);
    assert_int_equal(m.top1, 1);
    assert_int_equal(m.confusion[1 * 3 + 1], 1);
    arena_free(&arena);
}

static void test_labels_outside(void **state) {
    (void)state;
    static const float logits[3] = {0};
    struct metrics m;
    assert_int_equal(metrics_new(&m, NULL, 3, false), SK_OK);
    assert_int_equal(metrics_add(&m, 1, logits, (const int32_t[]){3}), SK_EDATA);
    assert_int_equal(metrics_add(&m, 1, logits, (const int32_t[]){-1}), SK_EDATA);
    assert_non_null(strstr(sk_error(), "label -1"));
    assert_int_equal(m.images, 0);
    assert_int_equal(metrics_new(&m, NULL, 0, false), SK_ESHAPE);
}

static void test_wilson(void **state) {
    (void)state;
    static const struct {
        int64_t right, n;
        double low, high;
    } cases[] = {
        {9156, 10000, 0.909990678840553, 0.920890141713741},
        {0, 10, 0, 0.277532799862889},
        {10, 10, 0.722467200137111, 1},
        {1, 3, 0.0614919447203963, 0.792340399197952},
        {35922, 50000, 0.714481087546941, 0.722365349901051},
        {0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double low = 0, high = 0;
        interval_wilson(cases[i].right, cases[i].n, &low, &high);
        assert_true(fabs(low - cases[i].low) < 1e-12);
        assert_true(fabs(high - cases[i].high) < 1e-12);
    }
}

/* scipy.stats.t.ppf(0.975, n - 1) * v.std(ddof=1) / n**0.5 */
static void test_student(void **state) {
    (void)state;
    static const struct {
        int64_t n;
        double mean, low, high;
    } cases[] = {{14, 9.214285714285714, 5.7394301675437855, 12.689141261027642},
                 {40, 8.25, 6.418160705220737, 10.081839294779263}};
    static const double three[] = {91.2, 91.5, 90.9};
    double values[40], mean, low, high;
    interval_student(three, 3, &mean, &low, &high);
    assert_true(fabs(mean - 91.2) < 1e-12 && fabs(low - 90.45475868647492) < 1e-4 &&
                fabs(high - 91.94524131352509) < 1e-4);
    for (int i = 0; i < 40; i++) values[i] = i * i % 17 + 0.5;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        interval_student(values, cases[i].n, &mean, &low, &high);
        assert_true(fabs(mean - cases[i].mean) < 1e-12);
        assert_true(fabs(low - cases[i].low) < 2e-3 && fabs(high - cases[i].high) < 2e-3);
    }
    interval_student(three, 1, &mean, &low, &high);
    assert_true(mean == 91.2 && isinf(low) && isinf(high));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),      cmocka_unit_test(test_large_logits),   cmocka_unit_test(test_ties),
        cmocka_unit_test(test_not_numbers), cmocka_unit_test(test_labels_outside), cmocka_unit_test(test_wilson),
        cmocka_unit_test(test_student),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
