/* test_layer_decay.c — layers and their shares of the learning rate against timm's; what a step really moves.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/sequences.h"

#include "train/freeze.h"
#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_layers"

static void set_number(struct recipe *recipe, struct arena *arena, const char *key, const struct json *run,
                       const char *theirs) {
    ok(recipe_set(recipe, key, arena_printf(arena, "%.17g", json_get(run, theirs)->number)));
}

static void check_run(const struct json *run) {
    struct arena arena = {0};
    struct recipe recipe;
    struct model_args args;
    struct network *network;
    struct freeze freeze;
    const char *name = json_get(run, "model")->string;
    ok(recipe_default(&recipe, &arena));
    ok(model_defaults(name, &args));
    if (strncmp(name, "convnext", 8) != 0) args.width_mult = 0.25;
    args.height = args.width = 32;
    ok(network_new(&network, &args));
    set_number(&recipe, &arena, "layer_decay", run, "layer_decay");
    set_number(&recipe, &arena, "layer_decay_min_scale", run, "min_scale");
    set_number(&recipe, &arena, "layer_decay_no_opt_scale", run, "no_opt_scale");
    ok(freeze_make(&freeze, &arena, &recipe, network));
    size_t count = 0;
    for (const struct json *item = json_get(run, "factors")->child; item; item = item->next, count++) {
        double factor;
        ok(freeze_rate(&freeze, item->key, &factor));
        assert_non_null(layer_rate_find(&freeze.layers, item->key));
        if (freeze_holds(&freeze, 0, item->key)) factor = 0;
        if (!(fabs(factor - item->number) <= 1e-15))
            print_error("%s: %s %g, %g\n", name, item->key, factor, item->number);
        assert_true(fabs(factor - item->number) <= 1e-15);
    }
    assert_int_equal(count, freeze.layers.count);
    network_free(network);
    arena_free(&arena);
}

static void layers_are_timms(void **state) {
    struct arena arena = {0};
    struct json *json = read_fixture(&arena, "layer_decay.json");
    (void)state;
    for (const struct json *run = json_get(json, "runs")->child; run; run = run->next) check_run(run);
    arena_free(&arena);
}

static void train(struct run *run, int steps) {
    for (int i = 0; i < steps; i++) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run->loader, &batch));
        ok(trainer_step(run->trainer, batch, false, &result));
    }
}

#define PLAIN "optimizer.name=sgd", "optimizer.momentum=0", "schedule.lr=0.5", "weight_decay.value=0", "accumulate=1"

/* Plain SGD: a layer's first step is its share of what it would be; lr_mult multiplies it; what is held stays. */
static void a_step_has_the_share(void **state) {
    static const char *const plain[] = {PLAIN, NULL};
    static const char *const layered[] = {PLAIN, "layer_decay=0.5", "layer_decay_no_opt_scale=0.01",
                                          "lr_mult=[features.17: 2]", NULL};
    struct run a, b;
    struct arena arena = {0};
    struct run_options options = {.folder = FOLDER, .recipe = plain, .threads = 1}, more = options;
    (void)state;
    more.recipe = layered;
    run_pictures(FOLDER);
    run_begin(&a, &options);
    run_begin(&b, &more);
    size_t size = (size_t)a.network->graph->param_elements;
    float *before = arena_array(&arena, size, sizeof *before);
    memcpy(before, a.network->params, size * sizeof *before);
    train(&a, 1);
    train(&b, 1);
    for (size_t i = 0; i < a.network->graph->param_count; i++) {
        const struct param *p = &a.network->graph->params[i];
        if (p->state) continue;
        int layer = 18; /* features.0 to 17, the last of which takes features.18; the head */
        double factor = sscanf(p->name, "features.%d", &layer) == 1 && layer > 17 ? 0.5 : pow(0.5, 18 - layer);
        if (layer == 17) factor *= 2; /* lr_mult */
        if (layer < 18 && pow(0.5, 18 - layer) < 0.01) factor = 0;
        for (int64_t j = p->offset; j < p->offset + p->count; j++) {
            double moved = (double)a.network->params[j] - before[j], found = (double)b.network->params[j] - before[j];
            if (factor == 0) assert_true(found == 0);
            assert_true(fabs(found - factor * moved) <= 1e-6 * (fabs(before[j]) + fabs(moved)));
        }
    }
    /* statistics of what is held go on: they are those of the run without it */
    assert_memory_equal(a.network->state, b.network->state, (size_t)a.network->graph->state_elements * sizeof(float));
    run_end(&a);
    run_end(&b);
    arena_free(&arena);
}

static void needless_keys_are_refused(void **state) {
    struct arena arena = {0};
    struct recipe recipe;
    (void)state;
    ok(recipe_default(&recipe, &arena));
    ok(recipe_set(&recipe, "layer_decay_min_scale", "0.1"));
    assert_int_equal(recipe_check(&recipe), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "layer_decay is 1"));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_timms),
        cmocka_unit_test(a_step_has_the_share),
        cmocka_unit_test(needless_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
