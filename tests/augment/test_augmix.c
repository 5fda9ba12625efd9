/* test_augmix.c — torchvision's AugMix: magnitudes and operations on tensors as torch computes them, whole runs from given
 * draws to the same bytes, and draws with the stated distribution.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "augment/policy.h"
#include "data/decode.h"
#include "ok.h"

static struct arena arena;
static struct scratch scratch;
static struct picture wide;
static const struct json *golden;

static int open_all(void **state) {
    (void)state;
    struct decode_options options = {0};
    uint8_t *data;
    size_t size;
    golden = fixture(&arena, FIXTURES "/augment/augmix.json");
    ok(file_read(&arena, FIXTURES "/augment/photos/wide.png", 1 << 20, &data, &size));
    struct picture read = {0};
    ok(decode_picture(data, size, "wide.png", &options, &scratch, &read));
    wide = read;
    wide.pixels = arena_alloc(&arena, pixel_bytes(&read));
    memcpy(wide.pixels, read.pixels, pixel_bytes(&read));
    return golden ? 0 : 1;
}

static int close_all(void **state) {
    (void)state;
    scratch_free(&scratch);
    arena_free(&arena);
    return 0;
}

static double number(const struct json *row, const char *key) {
    const struct json *member = json_get(row, key);
    if (!member || member->kind != JSON_NUMBER) fail_msg("no number %s", key);
    return member->number;
}

static struct picture picture_of(const struct json *row) {
    const struct json *named = json_get(row, "picture");
    if (named->kind == JSON_STRING) return wide;
    return noise(&arena, list_item(named, 0), list_item(named, 1), list_item(named, 2), (uint32_t)list_item(named, 3),
                 false);
}

static struct pixel_step step_of(const struct json *row) {
    struct pixel_step step = {.argument = number(row, "argument")};
    if (!pixel_op_by_name(json_string(row, "op", "?"), &step.op)) fail_msg("no %s", json_string(row, "op", "?"));
    if (!strcmp(json_string(row, "filter", "?"), "bilinear")) step.filter = PIXEL_BILINEAR;
    return step;
}

static bool same_sum(const struct json *row, const struct picture *picture) {
    char sum[16];
    snprintf(sum, sizeof sum, "%08lx", crc32(0, picture->pixels, (uInt)pixel_bytes(picture)));
    return !strcmp(sum, json_string(row, "sum", "?"));
}

static struct policy augmix(void) {
    struct policy p = policy_default();
    p.kind = POLICY_MIX;
    p.of = PIXEL_RULES_TENSOR;
    p.set = POLICY_SET_TENSOR_MIX;
    p.bins = 10;
    p.magnitude = 3;
    return p;
}

static void magnitudes(void **state) {
    (void)state;
    struct policy p = augmix();
    int count = 0;
    for (const struct json *space = json_get(golden, "spaces")->child; space; space = space->next) {
        int index = 0, h = (int)number(space, "height"), w = (int)number(space, "width");
        for (const struct json *row = json_get(space, "rows")->child; row; row = row->next, index++) {
            const struct policy_op *op = policy_op_at(p.set, index);
            const struct json *plus = json_get(row, "plus")->child, *minus = json_get(row, "minus")->child;
            assert_string_equal(pixel_op_name(op->op), json_string(row, "op", "?"));
            for (int bin = 0; bin < 10; bin++, plus = plus->next, minus = minus->next, count++) {
                struct policy_chance up = {.level = bin}, down = {.level = bin, .negative = true};
                if (policy_step(&p, op, &up, h, w).argument != plus->number ||
                    policy_step(&p, op, &down, h, w).argument != minus->number)
                    fail_msg("%s, bin %d of %dx%d", pixel_op_name(op->op), bin, w, h);
            }
        }
        assert_null(policy_op_at(p.set, index));
    }
    assert_int_equal(count, 3 * 13 * 10);
    for (int i = 0; i < 9; i++) { /* without the four of colour: the same first nine */
        const struct policy_op *all = policy_op_at(POLICY_SET_TENSOR_MIX, i),
                               *few = policy_op_at(POLICY_SET_TENSOR_MIX_FEW, i);
        assert_true(all->op == few->op && all->scale == few->scale && all->high == few->high);
    }
    assert_null(policy_op_at(POLICY_SET_TENSOR_MIX_FEW, 9));
}

static void operations(void **state) {
    (void)state;
    int count = 0;
    for (const struct json *row = json_get(golden, "single")->child; row; row = row->next, count++) {
        struct pixel_style style = {.rules = PIXEL_RULES_TENSOR, .filled = json_boolean(row, "filled", false)};
        for (int c = 0; c < 3; c++) style.fill[c] = (uint8_t)list_item(json_get(golden, "fill"), c);
        struct pixel_step step = step_of(row);
        struct picture picture = picture_of(row);
        ok(pixel_apply(&step, &style, &scratch, &picture));
        if (!same_sum(row, &picture))
            fail_msg("%s %g of %dx%dx%d, filter %d%s: other pixels", pixel_op_name(step.op), step.argument,
                     picture.height, picture.width, picture.channels, step.filter, style.filled ? ", filled" : "");
    }
    assert_int_equal(count, 612);
}

static void runs(void **state) {
    (void)state;
    int count = 0;
    for (const struct json *run = json_get(golden, "runs")->child; run; run = run->next, count++) {
        struct policy p = augmix();
        struct policy_draw draw = {.share = (float)number(run, "share"), .kept = (float)number(run, "kept")};
        p.filled = json_boolean(run, "filled", false);
        for (int c = 0; c < 3; c++) p.fill[c] = (uint8_t)list_item(json_get(golden, "fill"), c);
        for (const struct json *s = json_get(run, "steps")->child; s; s = s->next) draw.step[draw.count++] = step_of(s);
        const struct json *end = json_get(run, "ends")->child, *weight = json_get(run, "weights")->child;
        for (; end; end = end->next, weight = weight->next, draw.chains++) {
            draw.chain_end[draw.chains] = (int)end->integer;
            draw.weight[draw.chains] = (float)weight->number;
        }
        struct picture picture = picture_of(run);
        ok(policy_apply(&p, &draw, &scratch, &picture));
        if (!same_sum(run, &picture)) fail_msg("run %d: other pixels", count);
    }
    assert_int_equal(count, 66);
}

/* ---- what is drawn ---- */

enum { DRAWS = 20000 };

static void near_share(double found, double share, double n) {
    double slack = 5 * sqrt(n * share * (1 - share)) + 1e-9;
    if (fabs(found - n * share) > slack) fail_msg("%g of %g; expected %g +- %g", found, n, n * share, slack);
}

static struct policy_draw drawn(const struct policy *p, int i) {
    struct rng rng = rng_at(7, RNG_TEST, 4, (uint64_t)i);
    struct policy_draw draw;
    policy_draw(p, &rng, 56, 83, &draw);
    return draw;
}

/* Weights sum to one with what is kept; Beta(a, a) has a mean of 1/2 and a variance of 1 / (4 (2 a + 1)), a weight of a
 * symmetric Dirichlet of n a mean of 1/n and E x² = (a + 1) / (n (n a + 1)), and both are independent. */
static void weights(void **state) {
    (void)state;
    struct policy p = augmix();
    p.mix_alpha = 0.5;
    p.mix_width = 4;
    double kept = 0, kept2 = 0, weight = 0, weight2 = 0, depth[4] = {0};
    for (int i = 0; i < DRAWS; i++) {
        struct policy_draw d = drawn(&p, i);
        double sum = (double)d.kept;
        for (int k = 0; k < 4; k++) sum += (double)d.weight[k];
        assert_true(d.chains == 4 && fabs(sum - 1) < 1e-5);
        kept += (double)d.kept;
        kept2 += (double)d.kept * (double)d.kept;
        weight += (double)d.weight[2];
        weight2 += (double)d.weight[2] * (double)d.weight[2];
        assert_in_range(d.chain_end[1] - d.chain_end[0], 1, 3);
        depth[d.chain_end[1] - d.chain_end[0]]++;
    }
    assert_true(fabs(kept / DRAWS - 0.5) < 0.015 && fabs(kept2 / DRAWS - 0.375) < 0.015);
    assert_true(fabs(weight / DRAWS - 0.125) < 0.006);
    assert_true(fabs(weight2 / DRAWS - 0.375 * 1.5 / (4 * 3)) < 0.004);
    for (int k = 1; k <= 3; k++) near_share(depth[k], 1.0 / 3, DRAWS);
}

/* Operations alike, bins alike below the severity, signs by a coin. */
static void steps(void **state) {
    (void)state;
    struct policy p = augmix();
    double op[PIXEL_OPS] = {0}, bin[10] = {0}, negative = 0, all = 0;
    p.magnitude = 4;
    p.mix_depth = 2;
    for (int i = 0; i < DRAWS; i++) {
        struct policy_draw d = drawn(&p, i);
        assert_int_equal(d.count, 6);
        for (int k = 0; k < d.count; k++) {
            const struct pixel_step *s = &d.step[k];
            assert_int_equal(s->filter, PIXEL_BILINEAR);
            op[s->op]++, all++;
            if (s->op != PIXEL_ROTATE) continue;
            bin[(int)lround(fabs(s->argument) / (30.0 / 9))]++; /* 30 degrees are bin 9 */
            negative += signbit(s->argument) != 0;
        }
    }
    for (int i = 0; i < 13; i++) near_share(op[policy_op_at(p.set, i)->op], 1.0 / 13, all);
    for (int i = 0; i < 4; i++) near_share(bin[i], 0.25, op[PIXEL_ROTATE]);
    near_share(negative, 0.5, op[PIXEL_ROTATE]);
    p.set = POLICY_SET_TENSOR_MIX_FEW;
    for (int i = 0; i < 2000; i++) {
        struct policy_draw d = drawn(&p, i);
        for (int k = 0; k < d.count; k++)
            assert_true(d.step[k].op < PIXEL_BRIGHTNESS || d.step[k].op > PIXEL_SHARPNESS);
    }
}

static void refused(void **state) {
    (void)state;
    struct policy p = augmix();
    ok(policy_check(&p));
    p.filter = POLICY_FILTER_BICUBIC;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "nearest and bilinear alone"));
    p = augmix();
    p.magnitude = 11;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    p.magnitude = 2.5;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    p = augmix();
    p.mix_depth = 21; /* 63 operations are as many as fit */
    ok(policy_check(&p));
    p.mix_depth = 22;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    p.mix_width = 17;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    struct pixel_style style = {.rules = PIXEL_RULES_TENSOR};
    struct pixel_step step = {.op = PIXEL_HUE};
    struct picture picture = wide;
    assert_int_equal(pixel_apply(&step, &style, &scratch, &picture), SK_EINTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magnitudes), cmocka_unit_test(operations), cmocka_unit_test(runs),
        cmocka_unit_test(weights),    cmocka_unit_test(steps),      cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
