/* test_transfer.c — what is frozen stays, to the last bit; what is thawed moves from its epoch on; rates by part.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "train/freeze.h"
#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_transfer"
enum { EPOCH = 23 }; /* batches: 95 pictures, 4 a batch */

/* ---- names ---- */

static void names(void **state) {
    (void)state;
    static const struct {
        const char *entry, *name;
        bool hit;
    } cases[] = {
        {"backbone", "features.0.0.weight", true},
        {"backbone", "classifier.1.weight", false},
        {"head", "classifier.1.bias", true},
        {"head", "features.1.conv.0.0.weight", false},
        {"all", "classifier.1.bias", true},
        {"features.3", "features.3.conv.0.0.weight", true},
        {"features.3", "features.30.conv.0.0.weight", false},
        {"features.3", "features.3", true},
        {"features", "features.0.0.weight", true},
        {"features.0-12", "features.0.0.weight", true},
        {"features.0-12", "features.12.conv.3.bias", true},
        {"features.0-12", "features.13.conv.3.bias", false},
        {"features.0-12", "features.1", true},
        {"features.0-12", "features", false},
        {"features.10-12", "features.1.conv.0.0.weight", false},
        {"layer1-3", "layer2.0.conv1.weight", true},
        {"layer1-3", "layer4.0.conv1.weight", false},
        {"layer1-3", "layer.2", false},
        {"*.bias", "classifier.1.bias", true},
        {"*.bias", "classifier.1.weight", false},
        {"features.?.*", "features.10.0.weight", false},
        {"features.?.*", "features.7.0.weight", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (name_hit(cases[i].entry, cases[i].name, "classifier.") != cases[i].hit)
            print_error("%s, %s\n", cases[i].entry, cases[i].name);
        assert_int_equal(name_hit(cases[i].entry, cases[i].name, "classifier."), cases[i].hit);
    }
}

static void refuses(const char *key, const char *value, const char *sentence) {
    struct arena arena = {0};
    struct recipe recipe;
    struct network *network;
    struct model_args args;
    struct freeze freeze;
    ok(recipe_default(&recipe, &arena));
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.1;
    ok(network_new(&network, &args));
    if (strcmp(key, "unfreeze") == 0) ok(recipe_set(&recipe, "freeze", "backbone"));
    ok(recipe_set(&recipe, key, value));
    assert_int_equal(freeze_make(&freeze, &arena, &recipe, network), SK_EUSAGE);
    if (!strstr(sk_error(), sentence)) print_error("%s\n", sk_error());
    assert_non_null(strstr(sk_error(), sentence));
    network_free(network);
    arena_free(&arena);
}

static void refusals(void **state) {
    (void)state;
    refuses("freeze", "feature.0", "freeze: 'feature.0' names no parameter");
    refuses("freeze", "features.40-50", "names no parameter");
    refuses("freeze", "all", "freezes every parameter");
    refuses("freeze", "features,classifier", "freezes every parameter");
    refuses("unfreeze", "features.3", "two parts with a colon");
    refuses("unfreeze", "0: features.3", "epochs trained before it");
    refuses("unfreeze", "x: features.3", "epochs trained before it");
    refuses("unfreeze", "2: nothing", "names no parameter");
    refuses("lr_mult", "features", "two parts with a colon");
    refuses("lr_mult", "features: 0", "a factor above 0");
    refuses("lr_mult", "features: fast", "a factor above 0");
    refuses("lr_mult", "nothing: 2", "names no parameter");
}

/* ---- training ---- */

static void run_steps(struct run *run, int64_t end) {
    while (trainer_position(run->trainer).micro_step < end) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run->loader, &batch));
        ok(trainer_step(run->trainer, batch, false, &result));
        if (batch->last) trainer_drop(run->trainer);
    }
}

struct snapshot {
    struct arena arena;
    float *params, *state, *slots;
};

static struct snapshot take_snapshot(struct run *run) {
    struct snapshot s = {0};
    struct trainer_block blocks[TRAINER_BLOCKS];
    int count = trainer_blocks(run->trainer, blocks);
    size_t p = (size_t)run->network->graph->param_elements, q = (size_t)run->network->graph->state_elements;
    s.params = arena_array(&s.arena, p, sizeof(float));
    s.state = arena_array(&s.arena, q, sizeof(float));
    s.slots = arena_array(&s.arena, p, sizeof(float));
    memcpy(s.params, blocks[0].data, p * sizeof(float));
    memcpy(s.state, blocks[1].data, q * sizeof(float));
    memcpy(s.slots, blocks[count - 1].data, p * sizeof(float));
    return s;
}

/* What of a parameter or running statistic has changed since. */
static bool has_moved(const struct snapshot *before, const struct snapshot *after, const struct param *p) {
    const float *a = p->state ? before->state : before->params, *b = p->state ? after->state : after->params;
    bool moved = memcmp(a + p->offset, b + p->offset, (size_t)p->count * sizeof *a) != 0;
    if (!p->state)
        moved |= memcmp(before->slots + p->offset, after->slots + p->offset, (size_t)p->count * sizeof *a) != 0;
    return moved;
}

/* Trains `steps` and holds each tensor to `moves`. */
static void expect_moves(struct run *run, int64_t steps, bool (*moves)(const struct param *param)) {
    struct snapshot before = take_snapshot(run);
    run_steps(run, trainer_position(run->trainer).micro_step + steps);
    struct snapshot after = take_snapshot(run);
    for (size_t i = 0; i < run->network->graph->param_count; i++) {
        const struct param *param = &run->network->graph->params[i];
        bool moved = has_moved(&before, &after, param);
        if (moved != moves(param)) print_error("%s: %s\n", param->name, moved ? "moved" : "did not move");
        assert_int_equal(moved, moves(param));
    }
    arena_free(&before.arena);
    arena_free(&after.arena);
}

static bool above_12(const struct param *p) {
    return !name_hit("features.0-12", p->name, "classifier.");
}

static bool above_12_and_statistics(const struct param *p) {
    return p->state || above_12(p);
}

static bool above_12_no_statistics(const struct param *p) {
    return !p->state && above_12(p);
}

static bool head_alone(const struct param *p) {
    return name_hit("classifier", p->name, "classifier.");
}

static bool weights_alone(const struct param *p) {
    return p->state || !name_hit("*.bias", p->name, "classifier.");
}

static struct run_options options_of(const char *const *recipe, int threads) {
    return (struct run_options){FOLDER, recipe, threads, 0};
}

static void moves_of(const char *const *recipe, bool (*moves)(const struct param *param)) {
    struct run run;
    struct run_options options = options_of(recipe, 2);
    run_begin(&run, &options);
    expect_moves(&run, 6, moves);
    run_end(&run);
}

static void what_is_frozen_stays(void **state) {
    (void)state;
    moves_of((const char *const[]){"freeze=features.0-12", NULL}, above_12);
    moves_of((const char *const[]){"freeze=features.0-12", "freeze_batch_norm=false", NULL}, above_12_and_statistics);
    moves_of((const char *const[]){"freeze=features.0-12", "freeze_batch_norm=true", NULL}, above_12_no_statistics);
    moves_of((const char *const[]){"freeze=backbone", NULL}, head_alone);
    moves_of((const char *const[]){"freeze=backbone", "model.stochastic_depth=0.5", NULL}, head_alone);
    moves_of((const char *const[]){"freeze=*.bias", NULL}, weights_alone);
    moves_of((const char *const[]){"freeze=features.0-12", "weight_decay.order=decoupled", "weight_decay.exclude=[]",
                                   NULL},
             above_12);
}

static const char *const gradual[] = {"freeze=backbone", "unfreeze=[1: features.13-18, 2: features.9-12, 2: features.8]",
                                      "lr_mult=[features.*: 0.5, features.13-18: 0.25]",
                                      "optimizer.bias_correction=true", NULL};

static bool above_7(const struct param *p) {
    return !name_hit("features.0-7", p->name, "classifier.");
}

static void thaws_by_epoch(void **state) {
    (void)state;
    struct run run;
    struct run_options options = options_of(gradual, 2);
    run_begin(&run, &options);
    expect_moves(&run, EPOCH, head_alone);
    expect_moves(&run, EPOCH, above_12);
    expect_moves(&run, EPOCH, above_7);
    run_end(&run);
}

/* A run that is stopped in the second stage and gone on with in another process has the bits of one that is not. */
static void stop_and_go_on(void **state) {
    (void)state;
    enum { STOP = EPOCH + 9, END = 2 * EPOCH + 5 };
    struct run whole, first, second;
    struct run_options options = options_of(gradual, 2), one = options_of(gradual, 1);
    run_begin(&whole, &options);
    run_steps(&whole, END);
    run_begin(&first, &options);
    run_steps(&first, STOP);
    run_begin(&second, &one);
    struct trainer_block from[TRAINER_BLOCKS], to[TRAINER_BLOCKS];
    int count = trainer_blocks(first.trainer, from);
    assert_int_equal(count, trainer_blocks(second.trainer, to));
    for (int i = 0; i < count; i++) memcpy(to[i].data, from[i].data, (size_t)from[i].count * sizeof(float));
    trainer_seek(second.trainer, trainer_position(first.trainer));
    ok(loader_seek(second.loader, 1, STOP - EPOCH, 0));
    run_steps(&second, END);
    assert_true(run_hash(&whole) == run_hash(&second));
    run_end(&whole);
    run_end(&first);
    run_end(&second);
}

/* Plain SGD: a part's first step is its factor times what it would be. */
static void rates_by_part(void **state) {
    (void)state;
    static const char *const plain[] = {"optimizer.name=sgd", "optimizer.momentum=0", "schedule.lr=0.5",
                                        "weight_decay.value=0", NULL};
    static const char *const rated[] = {"optimizer.name=sgd",    "optimizer.momentum=0",
                                        "schedule.lr=0.5",       "weight_decay.value=0",
                                        "lr_mult=[features.*: 0.125, features.3-4: 2, *.1.bias: 0.5]", NULL};
    struct run a, b;
    struct run_options plainly = options_of(plain, 2), by_part = options_of(rated, 2);
    run_begin(&a, &plainly);
    run_begin(&b, &by_part);
    struct snapshot before = take_snapshot(&a);
    run_steps(&a, 2);
    run_steps(&b, 2);
    for (size_t i = 0; i < a.network->graph->param_count; i++) {
        const struct param *p = &a.network->graph->params[i];
        if (p->state) continue;
        double factor = 1;
        if (glob_match("features.*", p->name)) factor = 0.125;
        if (name_hit("features.3-4", p->name, "classifier.")) factor = 2;
        if (glob_match("*.1.bias", p->name)) factor = 0.5;
        for (int64_t j = p->offset; j < p->offset + p->count; j++) {
            double moved = (double)a.network->params[j] - before.params[j];
            double found = (double)b.network->params[j] - before.params[j];
            assert_true(fabs(found - factor * moved) <= 1e-6 * (fabs(before.params[j]) + fabs(moved)));
        }
    }
    arena_free(&before.arena);
    run_end(&a);
    run_end(&b);
}

static int setup(void **state) {
    (void)state;
    run_pictures(FOLDER);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),          cmocka_unit_test(refusals),       cmocka_unit_test(what_is_frozen_stays),
        cmocka_unit_test(thaws_by_epoch), cmocka_unit_test(stop_and_go_on), cmocka_unit_test(rates_by_part),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
