/* test_plateau.c — the schedule that follows evaluations, against timm's own sequences; what it does with odd metrics.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/plateau.h"

#include "sequences.h"

enum { STEPS = 7 }; /* of an epoch */

static void schedule_of(struct schedule *s, struct recipe *recipe, struct arena *arena, const struct json *keys,
                        int64_t epochs) {
    struct epoch_plan plan = {.steps = STEPS, .epochs = epochs, .total_steps = STEPS * epochs, .images_per_step = 1};
    recipe_from_keys(recipe, arena, keys);
    if (schedule_make(s, recipe, &plan) != SK_OK) fail_msg("%s", sk_error());
    assert_true(schedule_follows_run(s));
}

/* Every epoch's rate, from its first step to its last. */
static void follow(const struct json *row) {
    struct arena arena = {0};
    struct recipe recipe;
    struct schedule s;
    struct plateau plateau = {0};
    const char *name = json_string(row, "name", "?");
    const struct json *values = json_get(row, "values"), *value = values->child;
    schedule_of(&s, &recipe, &arena, json_get(row, "keys"), (int64_t)values->count);
    int64_t epoch = 0;
    for (const struct json *metric = json_get(row, "metrics")->child; metric; metric = metric->next, epoch++) {
        for (int64_t step = epoch * STEPS; step < (epoch + 1) * STEPS; step++) {
            double lr = schedule_lr(&s, step);
            if (!(fabs(lr - value->number) <= 1e-12 * recipe.schedule_lr))
                fail_msg("%s: epoch %d: %.17g, expected %.17g", name, (int)epoch, lr, value->number);
        }
        value = value->next;
        if (metric->kind != JSON_NUMBER) continue;
        plateau_feed(&plateau, &s, (epoch + 1) * STEPS, metric->number);
        if (plateau.fed) s.reached = plateau.lr;
    }
    assert_null(value);
    arena_free(&arena);
}

static void as_timm(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *rows = json_get(read_fixture(&arena, "plateau.json"), "plateaus");
    assert_int_equal(rows->count, 10);
    for (const struct json *row = rows->child; row; row = row->next) follow(row);
    arena_free(&arena);
}

static struct arena kept;

static struct schedule made(struct recipe *recipe, const char *name) {
    struct schedule s;
    struct epoch_plan plan = {.steps = STEPS, .epochs = 100, .total_steps = 100 * STEPS, .images_per_step = 1};
    assert_int_equal(recipe_default(recipe, &kept), SK_OK);
    recipe->schedule_name = name;
    recipe->schedule_patience_epochs = 1;
    recipe->schedule_decay_rate = 0.5;
    recipe->schedule_lr = 1;
    if (schedule_make(&s, recipe, &plan) != SK_OK) fail_msg("%s", sk_error());
    return s;
}

/* PyTorch's: what is no number is never better; the first number is, whatever it is. */
static void odd_metrics(void **state) {
    (void)state;
    struct recipe recipe;
    struct schedule s = made(&recipe, "plateau");
    struct plateau p = {0};
    assert_false(plateau_feed(&p, &s, 1, NAN));
    assert_true(p.fed == 1 && p.better == 0 && p.waited == 1);
    assert_true(plateau_feed(&p, &s, 2, NAN));
    assert_true(p.lr == 0.5);
    assert_false(plateau_feed(&p, &s, 3, 5));
    assert_true(p.better == 1 && p.best == 5);
    assert_false(plateau_feed(&p, &s, 4, NAN));
    assert_true(plateau_feed(&p, &s, 5, 5));
    assert_true(p.lr == 0.25);
}

static void others_are_not_fed(void **state) {
    (void)state;
    struct recipe recipe;
    struct schedule s = made(&recipe, "plateau");
    struct plateau p = {0};
    s.warmup = 10;
    assert_false(plateau_feed(&p, &s, 10, 1));
    assert_int_equal(p.fed, 0);
    plateau_feed(&p, &s, 11, 1);
    assert_int_equal(p.fed, 1);
    s = made(&recipe, "constant");
    p = (struct plateau){0};
    assert_false(plateau_feed(&p, &s, 11, 1));
    assert_int_equal(p.fed, 0);
}

static void metrics(void **state) {
    (void)state;
    struct recipe recipe;
    struct metrics_result result = {.loss = 1, .top1 = 2, .top5 = 3};
    assert_int_equal(recipe_default(&recipe, &kept), SK_OK);
    assert_true(plateau_metric(&recipe, &result) == 2);
    recipe.schedule_metric = CHOICE_METRIC_LOSS;
    assert_true(plateau_metric(&recipe, &result) == 1);
    recipe.schedule_metric = CHOICE_METRIC_TOP5;
    assert_true(plateau_metric(&recipe, &result) == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_timm),
        cmocka_unit_test(odd_metrics),
        cmocka_unit_test(others_are_not_fed),
        cmocka_unit_test(metrics),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&kept);
    return failed;
}
