/* test_transfer.c — what is frozen stays, to the last bit; what is thawed moves from its epoch on; rates by part.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ops/op.h"
#include "plan/plan.h"
#include "train/freeze.h"
#include "train/run.h"
#include "train/target.h"

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
    return (struct run_options){.folder = FOLDER, .recipe = recipe, .threads = threads};
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
    moves_of(
        (const char *const[]){"freeze=features.0-12", "weight_decay.order=decoupled", "weight_decay.exclude=[]", NULL},
        above_12);
}

static const char *const gradual[] = {
    "freeze=backbone", "unfreeze=[1: features.13-18, 2: features.9-12, 2: features.8]",
    "lr_mult=[features.*: 0.5, features.13-18: 0.25]", "optimizer.bias_correction=true", NULL};

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
    static const char *const rated[] = {"optimizer.name=sgd",
                                        "optimizer.momentum=0",
                                        "schedule.lr=0.5",
                                        "weight_decay.value=0",
                                        "lr_mult=[features.*: 0.125, features.3-4: 2, *.1.bias: 0.5]",
                                        NULL};
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

/* ---- the cut ---- */

static int nodes_of(const struct graph *graph, const struct op *op) {
    int count = 0;
    for (size_t i = 0; i < graph->node_count; i++) count += graph->nodes[i].op == op;
    return count;
}

/* Engine runs fall in two below the first trained layer; reference runs do not: both must say the same. */
static void cut_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *freeze, *norms, *cut;
    } cases[] = {
        {"freeze=backbone", "freeze_batch_norm=auto", "avgpool"},
        {"freeze=features.0-12", "freeze_batch_norm=auto", "features.12.add"},
        {"freeze=features.0-12", "freeze_batch_norm=false", "features.0.0"}, /* the first norm is live */
        {"freeze=features.5-9", "freeze_batch_norm=true", NULL},             /* trained layers below */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const char *const recipe[] = {cases[c].freeze,
                                      cases[c].norms,
                                      "augment.flip=0",
                                      "model.dropout=0.5",
                                      "schedule.lr=0.0001",
                                      "accumulate=1",
                                      NULL};
        struct run engine, exact;
        struct run_options options = options_of(recipe, 2);
        run_begin(&engine, &options);
        run_begin(&exact, &options);
        trainer_free(exact.trainer);
        struct trainer_options reference = {&exact.recipe, exact.network, exact.team, &exact.epochs, .reference = true};
        ok(trainer_new(&exact.trainer, &reference, 0));
        const char *name = trainer_cut(engine.trainer, 0).name;
        assert_int_equal(name != NULL, cases[c].cut != NULL);
        if (name) assert_string_equal(name, cases[c].cut);
        const struct batch *a, *b; /* one step: norms over four numbers make later ones drift apart at once */
        struct trainer_result x, y;
        ok(loader_next(engine.loader, &a));
        ok(loader_next(exact.loader, &b));
        ok(trainer_step(engine.trainer, a, false, &x));
        ok(trainer_step(exact.trainer, b, false, &y));
        if (!(fabs(x.loss - y.loss) < 1e-5 * y.loss)) print_error("case %d: %.9g, %.9g\n", (int)c, x.loss, y.loss);
        assert_true(fabs(x.loss - y.loss) < 1e-5 * y.loss);
        assert_true(fabs(x.gradient_norm - y.gradient_norm) < 1e-3 * y.gradient_norm);
        run_end(&engine);
        run_end(&exact);
    }
}

/* A frozen backbone costs no backward pass: the training graph of the head holds no convolution but the last layer. */
static void frozen_costs_nothing(void **state) {
    (void)state;
    struct run run;
    struct run_options options = options_of((const char *const[]){"freeze=backbone", NULL}, 1);
    run_begin(&run, &options);
    const struct graph *graph = trainer_full_plan(run.trainer)->graph;
    assert_int_equal(nodes_of(graph, &op_conv), 1);
    assert_int_equal(nodes_of(graph, &op_conv_grad), 1);
    run_end(&run);
    options = options_of((const char *const[]){"freeze=features.0-16", "freeze_batch_norm=false", NULL}, 1);
    run_begin(&run,
              &options); /* live norms: cut behind the first convolution, but backwards no further than features.17 */
    graph = trainer_full_plan(run.trainer)->graph;
    assert_int_equal(nodes_of(graph, &op_conv), 52);
    assert_int_equal(nodes_of(graph, &op_conv_grad), 5);
    run_end(&run);
}

/* Rows that are kept give the bits that pictures give. */
static void kept_rows_change_no_bit(void **state) {
    (void)state;
    static const char *const recipe[] = {"freeze=features.0-12", "augment.flip=0",
                                         "augment.random_resized_crop.enabled=false", NULL};
    struct run plain, kept;
    struct run_options options = options_of(recipe, 2);
    run_begin(&plain, &options);
    run_begin(&kept, &options);
    int64_t floats = trainer_feature_floats(kept.trainer, 0);
    float *rows = arena_array(&kept.arena, (size_t)(RUN_PICTURES * floats), sizeof *rows);
    struct loader_options in_order = {.dataset = kept.dataset,
                                      .pipeline = &kept.pipeline,
                                      .part = DATA_TRAIN,
                                      .batch_size = 3,
                                      .seed = 42,
                                      .train = true,
                                      .in_order = true,
                                      .end = 1};
    struct loader *loader;
    ok(loader_new(&loader, &in_order));
    const struct batch *batch;
    for (ok(loader_next(loader, &batch)); batch; ok(loader_next(loader, &batch)))
        trainer_features(kept.trainer, 0, batch->count, batch->images, rows + batch->indices[0] * floats);
    loader_free(loader);
    trainer_keep(kept.trainer, rows);
    loader_labels_only(kept.loader, true);
    ok(loader_seek(kept.loader, 0, 0, 0));
    run_steps(&plain, 30);
    run_steps(&kept, 30);
    assert_true(run_hash(&plain) == run_hash(&kept));
    run_end(&plain);
    run_end(&kept);
}

/* ---- class weights ---- */

static void weights_are_torchs(void **state) {
    (void)state;
    struct arena arena = {0};
    struct json *json;
    uint8_t *bytes;
    size_t size;
    ok(file_read(&arena, FIXTURES "/golden/class_weights.json", 1 << 20, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, "class_weights.json", &json));
    enum { N = 6, K = 4 };
    int cases = 0;
    for (const struct json *c = json_get(json, "cases")->child; c; c = c->next, cases++) {
        double weights[K], logits[N * K], loss = 0;
        int32_t labels[N];
        float target[N * K];
        int i = 0, count = 0;
        for (const struct json *v = json_get(c, "weights")->child; v; v = v->next) weights[count++] = v->number;
        for (const struct json *v = json_get(c, "labels")->child; v; v = v->next) labels[i++] = (int32_t)v->integer;
        i = 0;
        for (const struct json *v = json_get(c, "logits")->child; v; v = v->next) logits[i++] = v->number;
        struct target_rule rule = {
            .classes = K, .smoothing = json_number(c, "smoothing", 0), .weights = count ? weights : NULL};
        target_fill(&rule, &(struct batch){.labels = labels, .count = N}, target);
        const struct json *gradient = json_get(c, "gradient")->child;
        for (int row = 0; row < N; row++) { /* what softmax_xent makes of targets of any mass */
            double sum = 0, mass = 0;
            for (int k = 0; k < K; k++) sum += exp(logits[row * K + k]), mass += target[row * K + k];
            for (int k = 0; k < K; k++, gradient = gradient->next) {
                double p = exp(logits[row * K + k]) / sum;
                loss -= target[row * K + k] * log(p) / N;
                assert_true(fabs((p * mass - target[row * K + k]) / N - gradient->number) < 1e-7);
            }
        }
        assert_true(fabs(loss - json_number(c, "loss", 0)) < 1e-6);
    }
    assert_int_equal(cases, 4);
    arena_free(&arena);
}

/* pictures / (classes * pictures of the class): weighting changes the loss as an explicit list of the same numbers does. */
static void balanced_weights(void **state) {
    (void)state;
    static const char *const balanced[] = {"class_weights=balanced", "augment.flip=0", NULL};
    static const char *const listed[] = {"class_weights=[2, 0.5, 1, 1, 1, 0.25, 4]", "augment.flip=0", NULL};
    static const int64_t counts[] = {10, 40, 20, 20, 20, 80, 5};
    struct run_options a = options_of(balanced, 1), b = options_of(listed, 1);
    struct run x, y;
    run_class_counts = counts;
    run_begin(&x, &a);
    run_begin(&y, &b);
    for (int i = 0; i < 3; i++) {
        const struct batch *batch;
        struct trainer_result p, q;
        ok(loader_next(x.loader, &batch));
        ok(trainer_step(x.trainer, batch, false, &p));
        ok(trainer_step(y.trainer, batch, false, &q));
        assert_true(fabs(p.loss - q.loss) < 1e-6 * p.loss); /* the lists are each other's multiples */
    }
    run_class_counts = NULL;
    run_end(&x);
    run_end(&y);
}

static int setup(void **state) {
    (void)state;
    run_pictures(FOLDER);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(refusals),
        cmocka_unit_test(what_is_frozen_stays),
        cmocka_unit_test(thaws_by_epoch),
        cmocka_unit_test(stop_and_go_on),
        cmocka_unit_test(rates_by_part),
        cmocka_unit_test(cut_changes_nothing),
        cmocka_unit_test(frozen_costs_nothing),
        cmocka_unit_test(kept_rows_change_no_bit),
        cmocka_unit_test(weights_are_torchs),
        cmocka_unit_test(balanced_weights),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
