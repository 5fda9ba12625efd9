/* test_optimizer.c — every published form of RMSProp, SGD and Adam against its framework's own five steps.
 *
 * Float against float32 within 1e-6 of the largest number; double against float64 within 1e-12.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/optimizer.h"

#include "sequences.h"
#include "train/accumulate.h"

enum { N = 3, STEPS = 5 };

struct run {
    const char *name;
    double lr[STEPS], p0[N], grads[STEPS][N], f32[STEPS][N], f64[STEPS][N];
    struct recipe recipe;
    struct optimizer optimizer;
};

static void read_rows(const struct json *array, double rows[STEPS][N]) {
    int row = 0;
    assert_non_null(array);
    for (const struct json *item = array->child; item; item = item->next) assert_int_equal(numbers(item, rows[row++], N), N);
    assert_int_equal(row, STEPS);
}

static void read_run(struct run *run, struct arena *arena, const struct json *root, const struct json *json) {
    run->name = json_string(json, "name", "?");
    assert_int_equal(numbers(json_get(json, "lr"), run->lr, STEPS), STEPS);
    assert_int_equal(numbers(json_get(root, "p0"), run->p0, N), N);
    read_rows(json_get(root, "grads"), run->grads);
    read_rows(json_get(json, "f32"), run->f32);
    read_rows(json_get(json, "f64"), run->f64);
    recipe_from_keys(&run->recipe, arena, json_get(json, "keys"));
    if (optimizer_make(&run->optimizer, &run->recipe) != SK_OK) fail_msg("%s", sk_error());
}

static void near(const char *name, int step, const double *found, const double *expected, double tolerance) {
    for (int i = 0; i < N; i++) {
        if (!(fabs(found[i] - expected[i]) <= tolerance * 3))
            fail_msg("%s, step %d, element %d: %.17g, expected %.17g", name, step + 1, i, found[i], expected[i]);
    }
}

static void check_f32(const struct run *run) {
    float p[N], g[N], slot[OPTIMIZER_SLOTS][N];
    struct decay_segment all = {0, N, run->recipe.weight_decay_value, 0};
    for (int i = 0; i < N; i++) {
        p[i] = (float)run->p0[i];
        for (int s = 0; s < run->optimizer.slots; s++) slot[s][i] = (float)optimizer_slot_start(&run->optimizer, s);
    }
    for (int t = 0; t < STEPS; t++) {
        double found[N];
        struct optimizer_step step = {.lr = run->lr[t], .step = t, .segments = &all, .segment_count = 1};
        struct blocks_f32 blocks = {.parameters = p, .gradients = g};
        for (int s = 0; s < run->optimizer.slots; s++) blocks.slot[s] = slot[s];
        for (int i = 0; i < N; i++) g[i] = (float)run->grads[t][i];
        optimizer_update_f32(&run->optimizer, &step, &blocks, 0, N);
        for (int i = 0; i < N; i++) found[i] = p[i];
        near(run->name, t, found, run->f32[t], 1e-6);
    }
}

static void check_f64(const struct run *run) {
    double p[N], slot[OPTIMIZER_SLOTS][N];
    struct decay_segment all = {0, N, run->recipe.weight_decay_value, 0};
    for (int i = 0; i < N; i++) {
        p[i] = run->p0[i];
        for (int s = 0; s < run->optimizer.slots; s++) slot[s][i] = optimizer_slot_start(&run->optimizer, s);
    }
    for (int t = 0; t < STEPS; t++) {
        struct optimizer_step step = {.lr = run->lr[t], .step = t, .segments = &all, .segment_count = 1};
        struct blocks_f64 blocks = {.parameters = p, .gradients = run->grads[t]};
        for (int s = 0; s < run->optimizer.slots; s++) blocks.slot[s] = slot[s];
        optimizer_update_f64(&run->optimizer, &step, &blocks, 0, N);
        near(run->name, t, p, run->f64[t], 1e-12);
    }
}

static void test_golden_sequences(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *root = read_fixture(&arena, "optimizers.json"), *runs = json_get(root, "runs");
    assert_non_null(runs);
    assert_true(runs->count >= 92);
    for (const struct json *json = runs->child; json; json = json->next) {
        struct run run;
        read_run(&run, &arena, root, json);
        check_f32(&run);
        check_f64(&run);
    }
    arena_free(&arena);
}

/* Optax's MultiSteps(4) around L2 and RMSProp: the learning rate moves by optimizer steps. Chained the other way round, L2
 * would come out elsewhere. */
static void test_multisteps(void **state) {
    (void)state;
    static const float micro[8][N] = {{0.1F, -0.2F, 0.3F},  {0.05F, 0.4F, -0.1F},  {-0.3F, 0.2F, 0.2F},   {0, 0.1F, -0.5F},
                                      {0.25F, -0.35F, 0.15F}, {0.05F, -0.1F, 0.15F}, {0.025F, 0.2F, -0.05F}, {-0.15F, 0.1F, 0.1F}};
    static const double want[2][N] = {{1.002895474433899, -2.0110490322113037, 2.9994735717773438},
                                      {1.0043079853057861, -2.0197155475616455, 2.996394157409668}};
    static const double rates[2] = {0.1, 0.02}, wrong[N] = {1.003265, -2.0065525, 3.0098839};
    struct arena arena = {0};
    struct recipe recipe;
    struct optimizer optimizer;
    static const char *const keys[] = {"optimizer.name=rmsprop", "optimizer.alpha=0.9", "optimizer.eps=0.002",
                                       "optimizer.eps_in_sqrt=true", "optimizer.lr_in_momentum=true",
                                       "optimizer.initial_mean_square=1", "weight_decay.value=0.01"};
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) assert_int_equal(recipe_override(&recipe, keys[i]), SK_OK);
    assert_int_equal(optimizer_make(&optimizer, &recipe), SK_OK);
    float p[N] = {1, -2, 3}, slot[2][N] = {{1, 1, 1}, {0, 0, 0}}, acc[N];
    struct decay_segment all = {.end = N, .decay = 0.01};
    for (int k = 0; k < 8; k++) {
        double found[N];
        accumulate_f32(acc, micro[k], k % 4, 0, N);
        if (k % 4 < 3) continue;
        struct optimizer_step step = {.lr = rates[k / 4], .step = k / 4, .segments = &all, .segment_count = 1};
        struct blocks_f32 blocks = {p, acc, {slot[0], slot[1], NULL}};
        optimizer_update_f32(&optimizer, &step, &blocks, 0, N);
        for (int i = 0; i < N; i++) found[i] = p[i];
        near("multisteps", k, found, want[k / 4], 1e-6);
        assert_true(fabs(found[2] - wrong[2]) > 1e-3);
    }
    arena_free(&arena);
}

/* Any cut into ranges, across segments of different coefficients, gives the bits of one call. */
static void test_ranges_and_segments(void **state) {
    (void)state;
    enum { LENGTH = 1000 };
    static const char *const settings[][2] = {{"rmsprop", "before"}, {"rmsprop", "decoupled"}, {"sgd", "before"}, {"sgd", "decoupled"}, {"adam", "before"}, {"adam", "decoupled"}};
    struct decay_segment segments[] = {{0, 7, 0, 0},       {7, 100, 0.1, 0}, {100, 101, 0, 0}, {101, 640, 0.1, 0},
                                       {640, 800, 0.1, 0}, {800, LENGTH, 0, 0}};
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        struct arena arena = {0};
        struct recipe recipe;
        struct optimizer optimizer;
        assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
        assert_int_equal(recipe_set(&recipe, "optimizer.name", settings[k][0]), SK_OK);
        assert_int_equal(recipe_set(&recipe, "weight_decay.order", settings[k][1]), SK_OK);
        assert_int_equal(optimizer_make(&optimizer, &recipe), SK_OK);
        static float p[3][LENGTH], g[LENGTH], slot[3][OPTIMIZER_SLOTS][LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            g[i] = sinf((float)i);
            for (int c = 0; c < 3; c++) p[c][i] = cosf((float)(3 * i));
        }
        memset(slot, 0, sizeof slot);
        static const int64_t cuts[][4] = {{0, LENGTH, LENGTH, LENGTH}, {0, 3, 101, LENGTH}, {0, 500, 641, LENGTH}};
        for (int t = 0; t < 3; t++) {
            struct optimizer_step step = {.lr = 0.05, .step = t, .segments = segments, .segment_count = 6};
            for (int c = 0; c < 3; c++) {
                struct blocks_f32 blocks = {p[c], g, {slot[c][0], slot[c][1], slot[c][2]}};
                for (int piece = 0; piece < 3; piece++)
                    optimizer_update_f32(&optimizer, &step, &blocks, cuts[c][piece], cuts[c][piece + 1]);
            }
        }
        assert_memory_equal(p[0], p[1], sizeof p[0]);
        assert_memory_equal(p[0], p[2], sizeof p[0]);
        assert_memory_equal(slot[0], slot[1], sizeof slot[0]);
        assert_memory_equal(slot[0], slot[2], sizeof slot[0]);
        /* Each segment had its own coefficient: the same elements with that coefficient throughout. */
        for (int s = 0; s < 6; s++) {
            static float q[LENGTH], own[OPTIMIZER_SLOTS][LENGTH];
            struct decay_segment whole = {0, LENGTH, segments[s].decay, 0};
            struct blocks_f32 blocks = {q, g, {own[0], own[1], own[2]}};
            for (int i = 0; i < LENGTH; i++) q[i] = cosf((float)(3 * i));
            memset(own, 0, sizeof own);
            for (int t = 0; t < 3; t++) {
                struct optimizer_step step = {.lr = 0.05, .step = t, .segments = &whole, .segment_count = 1};
                optimizer_update_f32(&optimizer, &step, &blocks, 0, LENGTH);
            }
            size_t bytes = (size_t)(segments[s].end - segments[s].begin) * sizeof *q;
            assert_memory_equal(q + segments[s].begin, p[0] + segments[s].begin, bytes);
        }
        arena_free(&arena);
    }
}

static void test_slots(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct optimizer o;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(optimizer_make(&o, &recipe), SK_OK);
    assert_int_equal(o.slots, 1);
    assert_string_equal(optimizer_slot_name(&o, 0), "momentum");
    assert_int_equal(recipe_set(&recipe, "optimizer.name", "rmsprop"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "optimizer.initial_mean_square", "1"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "optimizer.centered", "true"), SK_OK);
    assert_int_equal(optimizer_make(&o, &recipe), SK_OK);
    assert_int_equal(o.slots, 3);
    assert_string_equal(optimizer_slot_name(&o, 0), "mean_square");
    assert_string_equal(optimizer_slot_name(&o, 1), "momentum");
    assert_string_equal(optimizer_slot_name(&o, 2), "mean_gradient");
    assert_null(optimizer_slot_name(&o, 3));
    assert_true(optimizer_slot_start(&o, 0) == 1 && optimizer_slot_start(&o, 1) == 0);
    assert_int_equal(recipe_set(&recipe, "optimizer.momentum", "0"), SK_OK);
    assert_int_equal(optimizer_make(&o, &recipe), SK_OK);
    assert_int_equal(o.slots, 2);
    assert_string_equal(optimizer_slot_name(&o, 1), "mean_gradient");
    assert_int_equal(recipe_set(&recipe, "optimizer.name", "rmsporp"), SK_OK);
    assert_int_equal(optimizer_make(&o, &recipe), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean 'rmsprop'?"));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_sequences),
        cmocka_unit_test(test_multisteps),
        cmocka_unit_test(test_ranges_and_segments),
        cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
