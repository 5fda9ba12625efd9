/* test_policy.c — policies: lists, sets and strings as their sources have them, runs from given draws to the same pixels,
 * and draws with the stated distribution.
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

enum { H = 56, W = 83 };

static const struct json *open_fixture(struct arena *arena) {
    const struct json *json = fixture(arena, FIXTURES "/augment/policies.json");
    assert_non_null(json);
    return json;
}

static enum pixel_op op_of(const struct json *row) {
    enum pixel_op op = PIXEL_IDENTITY;
    if (!pixel_op_by_name(json_string(row, "op", "?"), &op)) fail_msg("no operation %s", json_string(row, "op", "?"));
    return op;
}

static double number(const struct json *row, const char *key) {
    const struct json *member = json_get(row, key);
    if (!member || member->kind != JSON_NUMBER) fail_msg("no number %s", key);
    return member->number;
}

static struct policy from_words(const char *words) {
    struct policy p = policy_default();
    ok(policy_from_timm(words, &p));
    return p;
}

/* ---- lists ---- */

static struct policy policy_of_list(const struct json *list) {
    if (json_get(list, "words")) return from_words(json_string(list, "words", "?"));
    static const char *const names[] = {"imagenet", "cifar10", "svhn"};
    struct policy p = policy_default();
    p.kind = POLICY_AUTO;
    p.of = PIXEL_RULES_TORCHVISION;
    p.bins = 10;
    for (int i = 0; i < 3; i++)
        if (!strcmp(json_string(list, "list", "?"), names[i])) p.list = (enum policy_list)i;
    return p;
}

static int check_row(const struct policy *p, const struct json *row, int index) {
    const struct policy_row *own = policy_row_at(p->list, index);
    assert_non_null(own);
    int k = 0;
    for (const struct json *s = row->child; s; s = s->next, k++) {
        const struct policy_op op = policy_list_op(p, own->step[k].op);
        assert_int_equal(op.op, op_of(s));
        assert_true(own->step[k].probability == number(s, "p"));
        for (int negative = 0; negative < 2 && op.scale != LEVEL_BLUR_DRAWN && op.scale != LEVEL_NONE; negative++) {
            struct policy_chance chance = {.level = own->step[k].level, .negative = negative};
            double argument = policy_step(p, &op, &chance, H, W).argument;
            double wanted = number(s, negative && level_is_signed(op.scale) ? "minus" : "plus");
            if (argument != wanted)
                fail_msg("row %d, %s: %.17g; the source's %.17g", index, pixel_op_name(op.op), argument, wanted);
        }
    }
    assert_true(k == 3 || own->step[k].op == PIXEL_IDENTITY);
    return k;
}

static void lists_are_the_sources(void **state) {
    (void)state;
    struct arena arena = {0};
    int steps = 0;
    for (const struct json *list = json_get(open_fixture(&arena), "lists")->child; list; list = list->next) {
        struct policy p = policy_of_list(list);
        int index = 0;
        for (const struct json *row = json_get(list, "rows")->child; row; row = row->next)
            steps += check_row(&p, row, index++);
        assert_null(policy_row_at(p.list, index));
    }
    assert_int_equal(steps, 7 * 50 + 3);
    arena_free(&arena);
}

/* ---- timm's strings ---- */

static void check_words(const struct json *row) {
    struct policy p = from_words(json_string(row, "words", "?"));
    assert_int_equal(p.of, PIXEL_RULES_TIMM);
    assert_true(p.magnitude == number(row, "magnitude") && p.magnitude_max == number(row, "max"));
    assert_true(p.kind == POLICY_MIX || p.probability == number(row, "probability"));
    assert_int_equal(isinf(p.magnitude_std) != 0, json_boolean(row, "uniform", false));
    if (!isinf(p.magnitude_std)) assert_true(p.magnitude_std == number(row, "std"));
    int i = 0;
    double sum = 0;
    for (const struct json *name = json_get(row, "ops")->child; name; name = name->next, i++) {
        const struct policy_op *op = policy_op_at(p.set, i);
        assert_non_null(op);
        assert_string_equal(pixel_op_name(op->op), name->string);
        sum += op->weight;
    }
    assert_null(policy_op_at(p.set, i));
    const struct json *weight = json_get(row, "weights") ? json_get(row, "weights")->child : NULL;
    for (i = 0; weight; weight = weight->next, i++)
        assert_true(fabs(policy_op_at(p.set, i)->weight / sum - weight->number) < 1e-12);
    if (p.kind == POLICY_RAND) {
        assert_int_equal(p.layers, json_integer(row, "layers", -1));
    } else {
        assert_int_equal(p.mix_width, json_integer(row, "width", -1));
        assert_int_equal(p.mix_depth, json_integer(row, "depth", -1));
        assert_true(p.mix_alpha == number(row, "alpha") && p.mix_blended == json_boolean(row, "blended", true));
        assert_true(p.translate_share == 0.3);
    }
}

static void words_as_timm(void **state) {
    (void)state;
    struct arena arena = {0};
    int count = 0;
    for (const struct json *row = json_get(open_fixture(&arena), "words")->child; row; row = row->next, count++)
        check_words(row);
    assert_int_equal(count, 12);
    arena_free(&arena);
}

static void words_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",          "rant-m9",      "rand-",    "rand-m",
        "rand-m9.5", "rand-m-",      "rand-q3",  "rand-p1.5",
        "rand-w0",   "rand-tweight", "v1",       "v0-m9",
        "augmix-d9", "augmix-w0",    "rand-n99", "augmix-a0",
        "rand-mstd", "3a-mstd-1",    "RAND-m9",  "rand-m9-abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct policy p = policy_default(), before = p;
        if (policy_from_timm(bad[i], &p) != SK_EUSAGE) fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(sk_error(), "expected"));
        assert_int_equal(p.kind, before.kind);
    }
}

/* ---- runs from given draws ---- */

static void take_run(const struct json *run, struct policy *p, struct policy_draw *draw) {
    *p = policy_default();
    p->kind = POLICY_RAND;
    p->of = strcmp(json_string(run, "of", "?"), "timm") ? PIXEL_RULES_TORCHVISION : PIXEL_RULES_TIMM;
    *draw = (struct policy_draw){0};
    for (const struct json *s = json_get(run, "steps")->child; s; s = s->next) {
        const char *filter = json_string(s, "filter", "nearest");
        draw->step[draw->count++] = (struct pixel_step){
            .op = op_of(s),
            .argument = number(s, "argument"),
            .filter = !strcmp(filter, "bicubic")    ? PIXEL_BICUBIC
                      : !strcmp(filter, "bilinear") ? PIXEL_BILINEAR
                                                    : PIXEL_NEAREST,
        };
    }
    if (!json_get(run, "ends")) return;
    p->kind = POLICY_MIX;
    p->mix_blended = json_boolean(run, "blended", false);
    draw->share = (float)number(run, "share");
    const struct json *end = json_get(run, "ends")->child, *weight = json_get(run, "weights")->child;
    for (; end; end = end->next, weight = weight->next, draw->chains++) {
        draw->chain_end[draw->chains] = (int)end->integer;
        draw->weight[draw->chains] = (float)weight->number;
    }
}

static void runs_to_the_same_pixels(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    struct picture source = {0};
    struct decode_options options = {0};
    const struct json *json = open_fixture(&arena);
    uint8_t *data;
    size_t size;
    ok(file_read(&arena, FIXTURES "/augment/photos/wide.png", 1 << 20, &data, &size));
    ok(decode_picture(data, size, "wide.png", &options, &scratch, &source));
    int count = 0;
    for (const struct json *run = json_get(json, "runs")->child; run; run = run->next, count++) {
        struct policy p;
        struct policy_draw draw;
        struct picture result = source;
        char sum[16];
        take_run(run, &p, &draw);
        for (int c = 0; c < 3; c++) p.fill[c] = (uint8_t)list_item(json_get(json, "fill"), c);
        ok(policy_apply(&p, &draw, &scratch, &result));
        snprintf(sum, sizeof sum, "%08lx", crc32(0, result.pixels, (uInt)pixel_bytes(&result)));
        if (strcmp(sum, json_string(run, "sum", "?")) != 0) fail_msg("run %d: other pixels", count);
    }
    assert_int_equal(count, 154);
    scratch_free(&scratch);
    arena_free(&arena);
}

/* ---- what is drawn ---- */

enum { DRAWS = 20000 };

/* Counted over many draws. */
struct counts {
    double op[PIXEL_OPS], steps, none, signed_steps, negative, level, level2, levels, bilinear;
};

static void count_step(struct counts *c, const struct pixel_step *s) {
    c->op[s->op]++;
    c->steps++;
    c->bilinear += s->filter == PIXEL_BILINEAR;
    bool moves = s->op >= PIXEL_SHEAR_X && s->op <= PIXEL_ROTATE;
    c->signed_steps += moves;
    c->negative += moves && s->argument < 0;
    if (s->op == PIXEL_ROTATE) {
        double level = fabs(s->argument) / 3; /* 30 degrees at 10 */
        c->level += level;
        c->level2 += level * level;
        c->levels++;
    }
}

static struct counts draw_many(const struct policy *p) {
    struct counts c = {0};
    for (int i = 0; i < DRAWS; i++) {
        struct rng rng = rng_at(5, RNG_TEST, 1, (uint64_t)i);
        struct policy_draw draw;
        policy_draw(p, &rng, H, W, &draw);
        for (int k = 0; k < draw.count; k++) count_step(&c, &draw.step[k]);
        c.none += draw.count == 0;
    }
    return c;
}

/* Within five standard errors of a share of n. */
static void near_share(double found, double share, double n) {
    double slack = 5 * sqrt(n * share * (1 - share)) + 1e-9;
    if (fabs(found - n * share) > slack) fail_msg("%g of %g; expected %g +- %g", found, n, n * share, slack);
}

static void timm_draws(void **state) {
    (void)state;
    struct policy p = from_words("rand-m7-mstd0.5-inc1");
    p.filter = POLICY_FILTER_RANDOM;
    struct counts c = draw_many(&p);
    near_share(c.steps, 0.5, 2.0 * DRAWS);
    for (int i = 0; policy_op_at(p.set, i); i++) near_share(c.op[policy_op_at(p.set, i)->op], 1.0 / 15, c.steps);
    assert_true(c.op[PIXEL_CUTOUT] == 0 && c.op[PIXEL_BLUR] == 0);
    near_share(c.none, 0.25, DRAWS);
    near_share(c.negative, 0.5, c.signed_steps);
    near_share(c.bilinear, 0.5 * 5 / 15, c.steps); /* of the five that move pixels */
    double mean = c.level / c.levels, deviation = sqrt(c.level2 / c.levels - mean * mean);
    assert_true(fabs(mean - 7) < 5 * 0.5 / sqrt(c.levels));
    assert_true(fabs(deviation - 0.5) < 0.04);

    p = from_words("rand-m8-mstd101-p1"); /* uniform */
    c = draw_many(&p);
    assert_true(c.steps == 2.0 * DRAWS);
    mean = c.level / c.levels;
    assert_true(fabs(mean - 4) < 5 * 8 / sqrt(12 * c.levels));

    p = from_words("rand-m10-mstd3-p1"); /* cut at 10: half of them are 10 */
    c = draw_many(&p);
    assert_true(c.level / c.levels < 9.2);
}

/* Two of weighted operations without replacement: P(i) = w_i (1 + sum over j != i of w_j / (1 - w_j)). */
static void weighted_draws(void **state) {
    (void)state;
    struct policy p = from_words("rand-tweights-p1");
    struct counts c = draw_many(&p);
    double sum = 0, all = 0;
    for (int i = 0; policy_op_at(p.set, i); i++) sum += policy_op_at(p.set, i)->weight;
    for (int i = 0; policy_op_at(p.set, i); i++) {
        double w = policy_op_at(p.set, i)->weight / sum;
        all += w / (1 - w);
    }
    for (int i = 0; policy_op_at(p.set, i); i++) {
        double w = policy_op_at(p.set, i)->weight / sum;
        near_share(c.op[policy_op_at(p.set, i)->op], w * (1 + all - w / (1 - w)), DRAWS);
    }
    assert_true(c.steps == 2.0 * DRAWS);
}

static void model_garden_draws(void **state) {
    (void)state;
    struct policy p = policy_default();
    p.kind = POLICY_RAND;
    p.of = PIXEL_RULES_TF;
    p.set = POLICY_SET_TF;
    struct counts c = draw_many(&p);
    near_share(c.steps, 16.0 / 17, 2.0 * DRAWS); /* one index too many is nothing */
    for (int i = 0; i < 16; i++) near_share(c.op[policy_op_at(p.set, i)->op], 1.0 / 17, 2.0 * DRAWS);
    near_share(c.negative, 0.5, c.signed_steps);
    assert_true(fabs(c.level / c.levels - 9) < 1e-6);
    p.exclude = 1U << PIXEL_CUTOUT | 1U << PIXEL_INVERT;
    p.probability = 0.3;
    p.magnitude = 5;
    p.magnitude_std = 0.01; /* its value is passed over: 1 */
    c = draw_many(&p);
    assert_true(c.op[PIXEL_CUTOUT] == 0 && c.op[PIXEL_INVERT] == 0);
    near_share(c.steps, 0.3 * 14 / 15, 2.0 * DRAWS);
    double mean = c.level / c.levels, deviation = sqrt(c.level2 / c.levels - mean * mean);
    assert_true(fabs(mean - 5) < 5 / sqrt(c.levels) && fabs(deviation - 1) < 0.1);
}

static void torchvision_draws(void **state) {
    (void)state;
    struct policy p = policy_default();
    p.kind = POLICY_RAND;
    p.set = POLICY_SET_TORCHVISION;
    struct counts c = draw_many(&p);
    near_share(c.steps, 13.0 / 14, 2.0 * DRAWS); /* identity is not kept */
    for (int i = 1; i < 14; i++) near_share(c.op[policy_op_at(p.set, i)->op], 1.0 / 14, 2.0 * DRAWS);
    assert_true(c.op[PIXEL_INVERT] == 0 && c.op[PIXEL_SOLARIZE_ADD] == 0);
    near_share(c.negative, 0.5, c.signed_steps);

    p.kind = POLICY_TRIVIAL;
    p.set = POLICY_SET_TRIVIAL;
    c = draw_many(&p);
    near_share(c.op[PIXEL_ROTATE], 1.0 / 14, DRAWS);
    assert_true(fabs(c.level / c.levels - 135.0 / 6) < 5 * 13.5 / sqrt(c.levels)); /* bins alike: half of 135 degrees */

    p.kind = POLICY_AUTO;
    p.list = POLICY_LIST_IMAGENET;
    p.bins = 10;
    c = draw_many(&p);
    double shares[PIXEL_OPS] = {0};
    for (int i = 0; i < 25; i++)
        for (int k = 0; k < 2; k++) {
            const struct policy_row *row = policy_row_at(p.list, i);
            shares[row->step[k].op] += row->step[k].probability / 25;
        }
    for (int op = 1; op < PIXEL_OPS; op++)
        if (shares[op] < 1) near_share(c.op[op], shares[op], DRAWS);
}

static void mix_draws(void **state) {
    (void)state;
    struct policy p = from_words("augmix-a0.5-w4");
    double share = 0, share2 = 0, first = 0, depth = 0;
    for (int i = 0; i < DRAWS; i++) {
        struct rng rng = rng_at(6, RNG_TEST, 2, (uint64_t)i);
        struct policy_draw draw;
        policy_draw(&p, &rng, H, W, &draw);
        assert_int_equal(draw.chains, 4);
        assert_int_equal(draw.chain_end[3], draw.count);
        double sum = 0;
        for (int k = 0; k < 4; k++) sum += (double)draw.weight[k];
        assert_true(fabs(sum - 1) < 1e-5);
        share += (double)draw.share;
        share2 += (double)draw.share * (double)draw.share;
        first += (double)draw.weight[0];
        depth += draw.chain_end[0];
    }
    assert_true(fabs(share / DRAWS - 0.5) < 0.015 && fabs(first / DRAWS - 0.25) < 0.01);
    assert_true(fabs(share2 / DRAWS - 0.25 - 0.125) < 0.01); /* Beta(a, a): variance 1 / (4 (2 a + 1)) */
    assert_true(fabs(depth / DRAWS - 2) < 0.03);
    p = from_words("augmix-b1");
    for (int i = 0; i < 100; i++) { /* one blend a chain leaves the picture as it came the same share */
        struct rng rng = rng_at(6, RNG_TEST, 3, (uint64_t)i), same = rng;
        struct policy_draw blended, summed;
        policy_draw(&p, &rng, H, W, &blended);
        p.mix_blended = false;
        policy_draw(&p, &same, H, W, &summed);
        p.mix_blended = true;
        double left = 1;
        for (int k = 2; k >= 0; left *= 1 - (double)blended.weight[k--])
            assert_true(fabs(left * (double)blended.weight[k] - (double)(summed.weight[k] * summed.share)) < 1e-5);
        assert_true(fabs(left - (1 - (double)summed.share)) < 1e-5);
    }
}

/* ---- in the pipeline ---- */

static struct augment_options small_options(int channels) {
    struct augment_options o = augment_default();
    o.preprocess.resize = 0;
    o.preprocess.crop_height = o.preprocess.crop_width = 32;
    o.preprocess.channels = channels;
    o.preprocess.divisor = 1;
    for (int c = 0; c < 3; c++) o.preprocess.mean[c] = 0, o.preprocess.std[c] = 1;
    return o;
}

static void run(const struct augment_options *o, uint64_t sample, const struct picture *picture,
                struct scratch *scratch, float *input) {
    struct pipeline pipeline;
    struct sample_key key = {.seed = 9, .epoch = 1, .sample = sample};
    ok(pipeline_prepare(&pipeline, o));
    ok(pipeline_train(&pipeline, &key, picture, scratch, input));
}

/* A picture's numbers depend on its address alone, not on what the scratch held; the trace says what was done; a grey
 * picture of a colour data set is filled with a colour. */
static void pipeline_policy(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch used = {0}, fresh;
    static float first[32 * 32 * 3], again[32 * 32 * 3];
    struct augment_options o = small_options(3);
    o.policy = from_words("rand-m9-n4-p1");
    for (int c = 0; c < 3; c++) o.policy.fill[c] = (uint8_t)(200 + c);
    for (int i = 0; i < JITTER_PARTS; i++) o.jitter[i] = 0.3;
    o.grayscale_probability = 0.5;
    int coloured = 0, lines = 0;
    for (uint64_t i = 0; i < 64; i++) {
        struct picture picture = noise(&arena, 32, 32, i % 2 ? 3 : 1, (uint32_t)i, false);
        struct augment_trace trace = {0};
        run(&o, i, &picture, &used, first);
        fresh = (struct scratch){.trace = &trace};
        run(&o, i, &picture, &fresh, again);
        scratch_free(&fresh);
        assert_memory_equal(first, again, sizeof first);
        assert_true(trace.count >= 4 && trace.count <= 9);
        lines += trace.count;
        for (int k = 0; k < 32 * 32 && i % 2 == 0; k++) coloured += first[3 * k] != first[3 * k + 1];
    }
    assert_true(coloured > 100 && lines > 64 * 8);
    assert_true(o.policy.kind == POLICY_RAND);
    struct pipeline pipeline;
    ok(pipeline_prepare(&pipeline, &o));
    assert_true(pipeline_is_random(&pipeline));
    scratch_free(&used);
    arena_free(&arena);
}

/* Every policy on grey networks and on pictures of one pixel. */
static void grey_and_tiny(void **state) {
    (void)state;
    static const char *const words[] = {"rand-m9-n8-p1-mstd0.5-inc1", "augmix-m9", "rand-t3aw-n9-p1", "v0"};
    struct arena arena = {0};
    struct scratch scratch = {0};
    static float input[32 * 32 * 3];
    for (int i = 0; i < 4 * 40; i++) {
        int side = i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 32, channels = i % 2 ? 1 : 3;
        struct augment_options o = small_options(channels);
        o.preprocess.crop_height = o.preprocess.crop_width = side;
        o.policy = from_words(words[i / 40]);
        if (i % 5 == 0) o.policy.of = PIXEL_RULES_TF;
        o.jitter[JITTER_HUE] = 0.5;
        struct picture picture = noise(&arena, side, side, channels, (uint32_t)i, false);
        run(&o, (uint64_t)i, &picture, &scratch, input);
        for (int k = 0; k < side * side * channels; k++) assert_true(input[k] >= 0 && input[k] <= 255);
    }
    scratch_free(&scratch);
    arena_free(&arena);
}

static void refused(void **state) {
    (void)state;
    struct policy p = from_words("rand-m9");
    p.layers = 99;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    p = policy_default();
    p.kind = POLICY_RAND;
    p.magnitude = 31; /* of bins 0 to 30 */
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "0 to 30"));
    p = from_words("rand-tweights");
    p.layers = 16;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    p.of = PIXEL_RULES_TF;
    p.set = POLICY_SET_TF;
    p.layers = 2;
    p.exclude = UINT32_MAX;
    assert_int_equal(policy_check(&p), SK_EUSAGE);
    struct pipeline pipeline;
    struct augment_options o = small_options(3);
    o.jitter[JITTER_HUE] = 0.6;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);
    o.jitter[JITTER_HUE] = 0;
    o.grayscale_probability = NAN;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_the_sources),
        cmocka_unit_test(words_as_timm),
        cmocka_unit_test(words_refused),
        cmocka_unit_test(runs_to_the_same_pixels),
        cmocka_unit_test(timm_draws),
        cmocka_unit_test(weighted_draws),
        cmocka_unit_test(model_garden_draws),
        cmocka_unit_test(torchvision_draws),
        cmocka_unit_test(mix_draws),
        cmocka_unit_test(pipeline_policy),
        cmocka_unit_test(grey_and_tiny),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
