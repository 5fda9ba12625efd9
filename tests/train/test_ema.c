/* test_ema.c — every form of the moving average, and clipping, against the framework that has it.
 *
 * f32 against f32 within 1e-6 of the sequence's largest number; a neighbouring form must not pass.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/ema.h"

#include "sequences.h"
#include "train/accumulate.h"
#include "train/clip.h"

enum { COUNT = 8 };

static void fill(struct recipe *recipe, struct arena *arena, const struct json *json, struct ema *ema) {
    recipe_from_keys(recipe, arena, json_get(json, "keys"));
    if (ema_make(ema, recipe) != SK_OK) fail_msg("%s: %s", json_string(json, "name", "?"), sk_error());
}

/* A state block of a running mean and a counter. */
static const struct param state_params[] = {
    {.name = "mean", .state = true, .kind = STATE_MEAN, .offset = 0, .count = 1},
    {.name = "counter", .state = true, .kind = STATE_COUNTER, .offset = 1, .count = 1}};
static struct param state_copy[2];

struct played {
    double average[COUNT], evaluated[COUNT], twin[COUNT], ints[COUNT];
};

/* `twin`: the same in double. */
static struct played play(const struct ema *ema, double start, const double *x, int warmup) {
    struct played played;
    struct ema_counters counters = ema_counters_new();
    float e = ema->from_zero ? 0 : (float)start, state[2] = {e, 0};
    double twin = ema->from_zero ? 0 : start;
    memcpy(state_copy, state_params, sizeof state_params);
    struct graph graph = {.params = state_copy, .param_count = 2};
    for (int k = 0; k < COUNT; k++) {
        const float p = (float)x[k], now[2] = {p, (float)(k + 1)};
        double d = ema_next(ema, &counters, k < warmup);
        ema_move_f32(ema, d, &e, &p, 0, 1);
        ema_move_f64(ema, d, &twin, &x[k], 0, 1);
        ema_move_state_f32(ema, d, &graph, state, now);
        played.average[k] = e;
        played.evaluated[k] = e * ema_factor(ema, &counters);
        played.twin[k] = twin;
        played.ints[k] = state[1];
        assert_true(state[0] == (ema->statistics ? e : p));
    }
    return played;
}

static bool near(const double *found, const double *expected, double tolerance) {
    double largest = 0, worst = 0;
    for (int k = 0; k < COUNT; k++) largest = fmax(largest, fabs(expected[k]));
    for (int k = 0; k < COUNT; k++) worst = fmax(worst, fabs(found[k] - expected[k]));
    return worst <= tolerance * largest;
}

/* torch.lerp goes out from the nearer end, at one half from the far one: its own words, to the bit. */
static void test_lerp_ends(void **state) {
    (void)state;
    static const double decays[] = {0.25, 0.5, 0.75};
    const struct ema ema = {.on = true, .form = CHOICE_EMA_TIMM_V3};
    int other[3] = {0};
    for (int d = 0; d < 3; d++) {
        for (int i = 1; i < 200; i++) {
            float e = 1.0F / (float)i, p = 7.0F / (float)(i + 3), average = e, take = (float)(1 - decays[d]);
            float from_e = e + take * (p - e), from_p = p - (p - e) * (1 - take);
            ema_move_f32(&ema, decays[d], &average, &p, 0, 1);
            assert_true(average == (take < 0.5F ? from_e : from_p));
            other[d] += from_e != from_p;
        }
        assert_true(other[d] > 0); /* it matters */
    }
}

static void test_golden_averages(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *root = read_fixture(&arena, "ema.json"), *runs = json_get(root, "runs");
    double x[COUNT], expected[COUNT], evaluated[COUNT], ints[COUNT];
    assert_int_equal(numbers(json_get(root, "x"), x, COUNT), COUNT);
    assert_true(runs->count >= 14);
    for (const struct json *json = runs->child; json; json = json->next) {
        const char *name = json_string(json, "name", "?");
        struct recipe recipe;
        struct ema ema;
        fill(&recipe, &arena, json, &ema);
        double start = json_number(json, "start", 0);
        int warmup = (int)json_integer(json, "warmup", 0);
        numbers(json_get(json, "average"), expected, COUNT);
        numbers(json_get(json, "evaluated"), evaluated, COUNT);
        struct played played = play(&ema, start, x, warmup);
        if (!near(played.average, expected, 1e-6)) fail_msg("%s: another average", name);
        if (!near(played.twin, expected, 1e-6)) fail_msg("%s: another average in double", name);
        if (!near(played.evaluated, evaluated, 1e-6)) fail_msg("%s: evaluated", name);
        if (numbers(json_get(json, "ints"), ints, COUNT)) assert_memory_equal(ints, played.ints, sizeof ints);
        /* Wrong forms: the other start, and one more copy. */
        struct ema other = ema;
        other.from_zero = !ema.from_zero;
        if (ema.copies == 0 && ema.dynamic == CHOICE_EMA_CONSTANT)
            assert_false(near(play(&other, start, x, warmup).average, expected, 1e-6));
        other = ema;
        other.copies++;
        assert_false(near(play(&other, start, x, warmup).average, expected, 1e-6));
    }
    arena_free(&arena);
}

static double decay_at(struct recipe *recipe, double since) {
    struct ema ema;
    struct ema_counters counters = ema_counters_new();
    if (ema_make(&ema, recipe) != SK_OK) fail_msg("%s", sk_error());
    counters.since = since;
    return ema_next(&ema, &counters, false);
}

static void set(struct recipe *recipe, const char *key, const char *text) {
    if (recipe_set(recipe, key, text) != SK_OK) fail_msg("%s", sk_error());
}

static void test_decays(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    const struct json *root = read_fixture(&arena, "ema.json");
    double row[5];
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    set(&recipe, "ema.form", "optax");
    set(&recipe, "ema.dynamic", "updates");
    for (const struct json *item = json_get(root, "v2_decays")->child; item; item = item->next) {
        assert_int_equal(numbers(item, row, 2), 2);
        assert_true(fabs(decay_at(&recipe, row[0]) - row[1]) < 1e-15);
    }
    set(&recipe, "ema.form", "timm_v3");
    set(&recipe, "ema.dynamic", "timm_warmup");
    set(&recipe, "ema.decay", "0.9998");
    for (const struct json *item = json_get(root, "v3_decays")->child; item; item = item->next) {
        assert_int_equal(numbers(item, row, 2), 2);
        assert_true(fabs(decay_at(&recipe, row[0] - 1) - row[1]) < 1e-15);
    }
    for (const struct json *item = json_get(root, "adjusted")->child; item; item = item->next) {
        assert_int_equal(numbers(item, row, 5), 5);
        double d = ema_adjusted(0.99998, (int64_t)(row[0] * row[1]), (int64_t)row[2], (int64_t)row[3]);
        assert_true(fabs(d - row[4]) < 1e-14);
    }
    assert_true(ema_adjusted(0.5, 1000, 100, 1) == 0);
    arena_free(&arena);
}

/* 0.9999 of f32 and its rest do not make 1: TF takes the rest of the rounded one, torch of the one that was meant. */
static void test_rounding(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct ema tf, timm;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    set(&recipe, "ema.form", "tf");
    assert_int_equal(ema_make(&tf, &recipe), SK_OK);
    set(&recipe, "ema.form", "timm");
    assert_int_equal(ema_make(&timm, &recipe), SK_OK);
    float a = 0, b = 0, p = 1;
    ema_move_f32(&tf, 0.9999, &a, &p, 0, 1);
    ema_move_f32(&timm, 0.9999, &b, &p, 0, 1);
    assert_true(a == 1.0F - 0.9999F && b == 1e-4F && a != b);
    arena_free(&arena);
}

static void test_refusals(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct ema ema;
    struct clip clip;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    set(&recipe, "ema.form", "tf");
    set(&recipe, "ema.evaluate", "debiased");
    assert_int_equal(ema_make(&ema, &recipe), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "ema.evaluate"));
    set(&recipe, "ema.start", "zero");
    assert_int_equal(ema_make(&ema, &recipe), SK_OK);
    set(&recipe, "ema.dynamic_from", "1");
    assert_int_equal(ema_make(&ema, &recipe), SK_EUSAGE);
    set(&recipe, "clip.norm_of", "optax");
    assert_int_equal(clip_make(&clip, &recipe), SK_EUSAGE);
    set(&recipe, "clip.norm", "1");
    assert_int_equal(clip_make(&clip, &recipe), SK_OK);
    set(&recipe, "clip.value", "1");
    assert_int_equal(clip_make(&clip, &recipe), SK_EUSAGE);
    arena_free(&arena);
}

/* ---- clipping ---- */

enum { N = 3 };

static void clip_one(const struct json *json, const struct clip *clip, const double *g, double norm,
                     const double *want) {
    float f[N];
    double d[N], largest = 0;
    for (int i = 0; i < N; i++) f[i] = (float)g[i], d[i] = g[i], largest = fmax(largest, fabs(want[i]));
    if (clip_acts(clip, norm)) {
        clip_f32(clip, norm, f, 0, 1);
        clip_f32(clip, norm, f, 1, N);
        clip_f64(clip, norm, d, 0, N);
    }
    for (int i = 0; i < N; i++)
        if (!(fabs(f[i] - want[i]) <= 1e-6 * largest) || !(fabs(d[i] - want[i]) <= 1e-6 * largest))
            fail_msg("%s: %.9g and %.17g, expected %.9g", json_string(json, "name", "?"), (double)f[i], d[i], want[i]);
}

static void test_golden_clips(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *root = read_fixture(&arena, "ema.json"), *clips = json_get(root, "clips");
    assert_int_equal(clips->count, 5);
    for (const struct json *json = clips->child; json; json = json->next) {
        struct recipe recipe;
        struct clip clip;
        double g[N], want[N], norms[8];
        recipe_from_keys(&recipe, &arena, json_get(json, "keys"));
        assert_int_equal(clip_make(&clip, &recipe), SK_OK);
        numbers(json_get(json, "norms"), norms, 8);
        const struct json *row = json_get(root, "gradients")->child, *clipped = json_get(json, "clipped")->child;
        for (int r = 0; row; row = row->next, clipped = clipped->next, r++) {
            numbers(row, g, N);
            numbers(clipped, want, N);
            clip_one(json, &clip, g, norms[r], want);
        }
    }
    arena_free(&arena);
}

/* PyTorch's 1e-6 beside the norm shows where norms are small. */
static void test_clip_forms_differ(void **state) {
    (void)state;
    struct clip torch = {.norm = 1e-5}, optax = {.norm = 1e-5, .optax = true};
    float a = 1e-4F, b = 1e-4F;
    clip_f32(&torch, 1e-4, &a, 0, 1);
    clip_f32(&optax, 1e-4, &b, 0, 1);
    assert_true(fabs(a / 1e-5 - 1) > 0.009 && fabs(b / 1e-5 - 1) < 1e-6);
    assert_true(clip_acts(&torch, 9.5e-6) && !clip_acts(&optax, 9.5e-6));
}

/* Optax's MultiSteps, four micro-batches: its own accumulators. */
static void test_accumulator(void **state) {
    (void)state;
    static const float micro[4][N] = {{0.1F, -0.2F, 0.3F}, {0.05F, 0.4F, -0.1F}, {-0.3F, 0.2F, 0.2F}, {0, 0.1F, -0.5F}};
    static const float want[3][N] = {{0.10000000149011612F, -0.20000000298023224F, 0.30000001192092896F},
                                     {0.07500000298023224F, 0.10000000894069672F, 0.10000000894069672F},
                                     {-0.05000000074505806F, 0.13333334028720856F, 0.13333334028720856F}};
    float acc[N] = {7, 7, 7};
    double twin[N] = {7, 7, 7};
    for (int k = 0; k < 4; k++) {
        double g[N];
        for (int i = 0; i < N; i++) g[i] = micro[k][i];
        accumulate_f32(acc, micro[k], k, 0, 2);
        accumulate_f32(acc, micro[k], k, 2, N);
        accumulate_f64(twin, g, k, 0, N);
        for (int i = 0; i < N && k < 3; i++) assert_true(fabsf(acc[i] - want[k][i]) <= 1e-6F * 0.4F);
        for (int i = 0; i < N; i++) assert_true(fabs(acc[i] - twin[i]) < 1e-7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_averages),   cmocka_unit_test(test_decays),
        cmocka_unit_test(test_lerp_ends),         cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_refusals),          cmocka_unit_test(test_golden_clips),
        cmocka_unit_test(test_clip_forms_differ), cmocka_unit_test(test_accumulator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
