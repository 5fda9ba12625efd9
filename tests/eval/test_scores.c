/* test_scores.c — the paired test and its interval against SciPy's numbers, calibration by hand, worst mistakes in order.
 *
 * Numbers: scipy.stats.binomtest and the formula of Agresti and Min in NumPy. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "eval/scores.h"
#include "ok.h"

static void scores_follow_from_logits(void **state) {
    (void)state;
    const float logits[4] = {1, 3, 3, -2};
    double sum = 2 * exp(3) + exp(1) + exp(-2);
    struct score s = score_of(logits, 4, 0);
    assert_int_equal(s.first, 1); /* the lower of equal ones */
    assert_int_equal(s.label, 0);
    assert_true(fabs((double)s.confidence - exp(3) / sum) < 1e-7);
    assert_true(fabs((double)s.own - exp(1) / sum) < 1e-7);
}

static void paired_equals_scipy(void **state) {
    (void)state;
    static const struct {
        int64_t both, only_a, only_b, neither;
        double p, low, high;
    } rows[] = {{80, 5, 15, 10, 0.041389465332, 1.08154256436, 16.7756002928},
                {900, 30, 30, 40, 1, -1.52772535679, 1.52772535679},
                {0, 0, 0, 5, 1, -27.9994854934, 27.9994854934},
                {50, 0, 7, 3, 0.015625, 2.80214770691, 19.7784974544},
                {9000, 120, 171, 709, 0.00330879863313, 0.175195336863, 0.844600703929}};
    static struct score a[10000], b[10000];
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int64_t n = 0, ends[4] = {rows[r].both, rows[r].only_a, rows[r].only_b, rows[r].neither};
        for (int kind = 0; kind < 4; kind++)
            for (int64_t i = 0; i < ends[kind]; i++, n++) {
                a[n] = (struct score){.label = 1, .first = kind == 0 || kind == 1};
                b[n] = (struct score){.label = 1, .first = kind == 0 || kind == 2};
            }
        struct paired t = paired_test(a, b, n);
        assert_int_equal(t.images, n);
        assert_int_equal(t.only_a, rows[r].only_a);
        assert_int_equal(t.neither, rows[r].neither);
        assert_true(fabs(t.p - rows[r].p) < 1e-10);
        assert_true(fabs(t.low - rows[r].low) < 1e-9 && fabs(t.high - rows[r].high) < 1e-9);
        assert_true(fabs(t.difference - 100.0 * (double)(rows[r].only_b - rows[r].only_a) / (double)n) < 1e-12);
    }
}

static void calibration_by_hand(void **state) {
    (void)state;
    /* Two pictures in the last bin, one right; one in the bin (6/15, 7/15], wrong; one exactly on a bin's upper edge. */
    const struct score s[4] = {{.label = 0, .first = 0, .confidence = 1.0F},
                               {.label = 0, .first = 1, .confidence = 0.95F},
                               {.label = 0, .first = 1, .confidence = 0.45F},
                               {.label = 0, .first = 0, .confidence = 0.2F}};
    struct calibration c = calibration_of(s, 4);
    assert_int_equal(c.count[14], 2);
    assert_int_equal(c.count[6], 1);
    assert_true(fabs(c.confidence[14] - 0.975) < 1e-7);
    assert_true(fabs(c.accuracy[14] - 0.5) < 1e-12);
    assert_true(fabs(c.ece - (0.95 + 0.45 + 0.8) / 4) < 1e-7);
    assert_true(fabs(c.overconfident - (0.95 + 0.45 - 0.8) / 4) < 1e-7);
    assert_true(calibration_of(s, 0).ece == 0);
}

static void worst_come_first(void **state) {
    (void)state;
    const struct score s[6] = {
        {.label = 0, .first = 1, .confidence = 0.5F}, {.label = 0, .first = 0, .confidence = 1},
        {.label = 0, .first = 1, .confidence = 0.9F}, {.label = 0, .first = 2, .confidence = 0.7F},
        {.label = 1, .first = 0, .confidence = 0.9F}, {.label = 1, .first = 0, .confidence = 0.1F}};
    int64_t order[3];
    assert_int_equal(scores_worst(s, 6, 3, order), 3);
    assert_int_equal(order[0], 2); /* of equal ones the earlier */
    assert_int_equal(order[1], 4);
    assert_int_equal(order[2], 3);
    assert_int_equal(scores_worst(s, 2, 3, order), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_follow_from_logits),
        cmocka_unit_test(paired_equals_scipy),
        cmocka_unit_test(calibration_by_hand),
        cmocka_unit_test(worst_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
