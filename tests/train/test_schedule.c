/* test_schedule.c — learning rates against Optax, PyTorch, Keras, timm and Model Garden; the cut of an epoch.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/schedule.h"

#include "sequences.h"

enum { VALUES = 64 };

static void check_schedule(struct arena *arena, const struct json *json) {
    const char *name = json_string(json, "name", "?");
    struct recipe recipe;
    struct schedule schedule;
    recipe_from_keys(&recipe, arena, json_get(json, "keys"));
    recipe.epochs = json_integer(json, "epochs", 0);
    recipe.batch_size = 1;
    struct epoch_plan plan;
    assert_int_equal(epoch_plan_make(&plan, &recipe, json_integer(json, "steps_per_epoch", 0), 1), SK_OK);
    if (schedule_make(&schedule, &recipe, &plan) != SK_OK) fail_msg("%s: %s", name, sk_error());
    double steps[VALUES], values[VALUES];
    size_t count = numbers(json_get(json, "steps"), steps, VALUES);
    assert_int_equal(numbers(json_get(json, "values"), values, VALUES), count);
    bool single = strstr(name, "keras") || strstr(name, "model_garden"); /* these print float32 */
    double tolerance = (single ? 1e-6 : 1e-12) * recipe.schedule_lr;
    for (size_t i = 0; i < count; i++) {
        double lr = schedule_lr(&schedule, (int64_t)steps[i]);
        if (!(fabs(lr - values[i]) <= tolerance))
            fail_msg("%s: step %.0f: %.17g, expected %.17g", name, steps[i], lr, values[i]);
    }
}

static void check_file(const char *name, size_t least) {
    struct arena arena = {0};
    const struct json *schedules = json_get(read_fixture(&arena, name), "schedules");
    assert_non_null(schedules);
    assert_true(schedules->count >= least);
    for (const struct json *json = schedules->child; json; json = json->next) check_schedule(&arena, json);
    arena_free(&arena);
}

static void test_golden_schedules(void **state) {
    (void)state;
    check_file("schedules.json", 28);
    check_file("schedules_timm.json", 23);
}

struct cut {
    const char *batch, *accumulate, *drop_last, *steps;
    int64_t images;
    int world;
    int64_t batches_made, steps_made, used, per_step;
};

static void test_epoch_plan(void **state) {
    (void)state;
    static const struct cut cuts[] = {
        {"1024", "1", "true", "floor", 1281167, 1, 1251, 1251, 1281024, 1024},
        {"1024", "1", "false", "floor", 1281167, 1, 1252, 1252, 1281167, 1024},
        {"1024", "4", "true", "floor", 1281167, 1, 1248, 312, 1277952, 4096},
        {"1024", "4", "true", "ceil", 1281167, 1, 1251, 313, 1281024, 4096},
        {"1024", "4", "false", "ceil", 1281167, 1, 1252, 313, 1281167, 4096},
        {"128", "1", "true", "floor", 1281167, 8, 1251, 1251, 1281024, 1024},
        {"128", "1", "true", "floor", 60000, 1, 468, 468, 59904, 128},
        {"128", "1", "false", "floor", 60000, 1, 469, 469, 60000, 128},
        {"100", "1", "false", "ceil", 60000, 1, 600, 600, 60000, 100},
        {"64", "8", "false", "ceil", 10, 1, 1, 1, 10, 512},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        const struct cut *c = &cuts[i];
        struct arena arena = {0};
        struct recipe recipe;
        struct epoch_plan plan;
        assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
        assert_int_equal(recipe_set(&recipe, "batch_size", c->batch), SK_OK);
        assert_int_equal(recipe_set(&recipe, "accumulate", c->accumulate), SK_OK);
        assert_int_equal(recipe_set(&recipe, "drop_last", c->drop_last), SK_OK);
        assert_int_equal(recipe_set(&recipe, "steps_per_epoch", c->steps), SK_OK);
        assert_int_equal(epoch_plan_make(&plan, &recipe, c->images, c->world), SK_OK);
        assert_int_equal(plan.batches, c->batches_made);
        assert_int_equal(plan.steps, c->steps_made);
        assert_int_equal(plan.images_used, c->used);
        assert_int_equal(plan.images_left_out, c->images - c->used);
        assert_int_equal(plan.images_per_step, c->per_step);
        assert_int_equal(plan.total_steps, c->steps_made * 90);
        arena_free(&arena);
    }
}

/* The slow fall of wsd's rsqrt ends where schedule.end_lr is, long before the decay. */
static void test_rsqrt_floor(void **state) {
    (void)state;
    static const char *const keys[][2] = {{"epochs", "60"},
                                          {"batch_size", "32"},
                                          {"schedule.name", "wsd"},
                                          {"schedule.lr", "1"},
                                          {"schedule.end_lr", "0.5"},
                                          {"schedule.warmup_epochs", "0"},
                                          {"schedule.decay_epochs", "10"},
                                          {"schedule.stable", "rsqrt"},
                                          {"schedule.stable_epochs", "1"}};
    struct arena arena = {0};
    struct recipe recipe;
    struct epoch_plan plan;
    struct schedule schedule;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (recipe_set(&recipe, keys[i][0], keys[i][1]) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(epoch_plan_make(&plan, &recipe, 320, 1), SK_OK);
    if (schedule_make(&schedule, &recipe, &plan) != SK_OK) fail_msg("%s", sk_error());
    assert_true(fabs(schedule_lr(&schedule, 10) - sqrt(0.5)) < 1e-12); /* after an epoch of ten steps */
    for (int64_t step = 30; step < plan.total_steps; step += 57)
        assert_true(fabs(schedule_lr(&schedule, step) - 0.5) < 1e-12);
    arena_free(&arena);
}

/* Of a stream every batch is whole, and nothing is left out: Model Garden's 312 steps, jax_examples' 1252. */
static void test_stream_plan(void **state) {
    struct arena arena = {0};
    struct recipe recipe;
    struct epoch_plan plan;
    (void)state;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(recipe_set(&recipe, "data.stream", "repeat"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "drop_last", "false"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "batch_size", "4096"), SK_OK);
    assert_int_equal(epoch_plan_make(&plan, &recipe, 1281167, 1), SK_OK);
    assert_true(plan.steps == 312 && plan.batches == 312 && plan.images_used == 312 * 4096 &&
                plan.images_left_out == 0);
    assert_int_equal(recipe_set(&recipe, "batch_size", "1024"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "steps_per_epoch", "ceil"), SK_OK);
    assert_int_equal(epoch_plan_make(&plan, &recipe, 1281167, 1), SK_OK);
    assert_true(plan.steps == 1252 && plan.images_used == 1252 * 1024 && plan.total_steps == 1252 * 90);
    assert_int_equal(recipe_set(&recipe, "accumulate", "4"), SK_OK);
    assert_int_equal(epoch_plan_make(&plan, &recipe, 1281167, 1), SK_OK);
    assert_true(plan.steps == 313 && plan.batches == 1252);
    arena_free(&arena);
}

static void test_refusals(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct epoch_plan plan;
    struct schedule schedule;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(epoch_plan_make(&plan, &recipe, 31, 1), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "batch_size"));
    assert_int_equal(epoch_plan_make(&plan, &recipe, 320, 1), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.name", "cosin"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean 'cosine'?"));
    assert_int_equal(recipe_set(&recipe, "schedule.name", "cosine"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.warmup_epochs", "90"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "schedule.warmup_epochs"));
    assert_int_equal(recipe_set(&recipe, "schedule.warmup_epochs", "0"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.decay_epochs", "0.05"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "schedule.decay_epochs"));
    assert_int_equal(recipe_set(&recipe, "schedule.decay_steps", "3"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.unit", "epoch"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "schedule.decay_steps"));
    assert_int_equal(recipe_set(&recipe, "schedule.unit", "step"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.decay_rate", "2"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_int_equal(recipe_set(&recipe, "schedule.name", "inverse_time"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.noise_range", "0.5"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.noise_percent", "0"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "schedule.noise_percent"));
    assert_int_equal(recipe_set(&recipe, "schedule.noise_range", "[]"), SK_OK);
    static const char *const refused[][4] = {
        {"cosine", "schedule.cooldown_epochs", "90", "leave nothing"},
        {"wsd", "schedule.decay_epochs", "91", "of decay"},
        {"wsd", "schedule.stable", "rsqrt", "needs a time"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
        assert_int_equal(recipe_set(&recipe, "schedule.name", refused[i][0]), SK_OK);
        assert_int_equal(recipe_set(&recipe, refused[i][1], refused[i][2]), SK_OK);
        assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
        assert_non_null(strstr(sk_error(), refused[i][3]));
    }
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.warmup_epochs", "2"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.warmup_form", "constant"), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "nothing would move"));
    arena_free(&arena);
}

/* One pass takes the whole step: the same steps as micro-batches make, and what is left over either way. */
static void test_exact_accumulation(void **state) {
    (void)state;
    static const char *const words[][2] = {{"true", "floor"}, {"false", "ceil"}};
    for (int i = 0; i < 2; i++) {
        struct arena arena = {0};
        struct recipe recipe;
        struct epoch_plan micro, exact;
        assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
        assert_int_equal(recipe_set(&recipe, "accumulate", "4"), SK_OK);
        assert_int_equal(recipe_set(&recipe, "drop_last", words[i][0]), SK_OK);
        assert_int_equal(recipe_set(&recipe, "steps_per_epoch", words[i][1]), SK_OK);
        assert_int_equal(epoch_plan_make(&micro, &recipe, 1000, 1), SK_OK);
        assert_int_equal(recipe_set(&recipe, "accumulate_batch_norm", "exact"), SK_OK);
        assert_int_equal(epoch_plan_make(&exact, &recipe, 1000, 1), SK_OK);
        assert_int_equal(exact.steps, micro.steps);
        assert_int_equal(exact.batches, exact.steps);
        assert_int_equal(exact.images_used, micro.images_used);
        assert_int_equal(exact.images_per_step, 128);
        assert_int_equal(recipe_set(&recipe, "drop_last", words[1 - i][0]), SK_OK);
        assert_int_equal(epoch_plan_make(&exact, &recipe, 1000, 1), SK_EUSAGE);
        assert_non_null(strstr(sk_error(), "accumulate_batch_norm"));
        arena_free(&arena);
    }
}

/* 0.008 * 1024 / 128 = 0.064, as linear scaling has it. */
static void test_scaling(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct epoch_plan plan;
    struct schedule schedule;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.lr", "0.008"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "schedule.lr_for_batch", "128"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "batch_size", "256"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "accumulate", "2"), SK_OK);
    assert_int_equal(epoch_plan_make(&plan, &recipe, 10240, 2), SK_OK);
    assert_int_equal(schedule_make(&schedule, &recipe, &plan), SK_OK);
    assert_true(fabs(schedule_lr(&schedule, 0) - 0.064) < 1e-15);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_schedules), cmocka_unit_test(test_epoch_plan),
        cmocka_unit_test(test_stream_plan),      cmocka_unit_test(test_rsqrt_floor),
        cmocka_unit_test(test_refusals),         cmocka_unit_test(test_exact_accumulation),
        cmocka_unit_test(test_scaling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
