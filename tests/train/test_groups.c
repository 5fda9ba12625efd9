/* test_groups.c — batch norm over groups of a batch: the groups are what as many small batches are, in losses, gradients and
 * running statistics; finite differences; the engine beside the reference; equal bits for threads and levels.
 *
 * That the groups are PyTorch's and JAX's, too, is test_whole_recipe.c's. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/team.h"
#include "plan/formula.h"
#include "train/trainer.h"
#include "ok.h"

enum { SIZE = 32, LARGE = 64, CLASSES = 10, MOST = 12 };

struct run {
    struct arena arena;
    struct recipe recipe;
    struct network *network;
    struct team *team;
    struct trainer *trainer;
    struct epoch_plan epochs;
    int size;
    float images[MOST * LARGE * LARGE * 3];
    int32_t labels[MOST];
    uint32_t indices[MOST];
    struct trainer_result result;
};

struct wanted {
    int batch, group, accumulate, threads;
    bool reference, random, frozen; /* random: dropout and stochastic depth; frozen: running statistics are used */
    int short_batch, size;          /* size: of the pictures, or 0 */
};

static struct run *run_new(struct wanted wanted) {
    struct run *run = calloc(1, sizeof *run);
    struct model_args args;
    run->size = wanted.size ? wanted.size : SIZE;
    ok(recipe_default(&run->recipe, &run->arena));
    ok(recipe_override(&run->recipe, "optimizer.name=sgd"));
    ok(recipe_override(&run->recipe, "schedule.name=constant"));
    ok(recipe_override(&run->recipe, "label_smoothing=0.1"));
    ok(recipe_override(&run->recipe, arena_printf(&run->arena, "batch_size=%d", wanted.batch)));
    ok(recipe_override(&run->recipe, arena_printf(&run->arena, "batch_norm.group=%d", wanted.group)));
    if (wanted.accumulate)
        ok(recipe_override(&run->recipe, arena_printf(&run->arena, "accumulate=%d", wanted.accumulate)));
    if (wanted.frozen) ok(recipe_override(&run->recipe, "freeze_batch_norm=true"));
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.35, args.num_classes = CLASSES, args.height = args.width = run->size;
    args.dropout = wanted.random ? 0.3 : 0, args.stochastic_depth = wanted.random ? 0.5 : 0;
    ok(network_new(&run->network, &args));
    formula_fill(run->network->graph, run->network->params, run->network->state, NULL, NULL);
    ok(team_new(&run->team, wanted.threads ? wanted.threads : 2));
    ok(epoch_plan_make(&run->epochs, &run->recipe, 1024, 1));
    struct trainer_options options = {.recipe = &run->recipe,
                                      .network = run->network,
                                      .team = run->team,
                                      .epochs = &run->epochs,
                                      .reference = wanted.reference};
    ok(trainer_new(&run->trainer, &options, wanted.short_batch));
    return run;
}

static void run_free(struct run *run) {
    trainer_free(run->trainer);
    team_free(run->team);
    network_free(run->network);
    arena_free(&run->arena);
    free(run);
}

/* One micro-batch of pictures first … first+count-1. */
static void run_step(struct run *run, int first, int count) {
    formula_images(first, count, run->size, run->images, NULL);
    for (int i = 0; i < count; i++) run->labels[i] = (7 * (first + i) + 3) % CLASSES;
    struct batch batch = {
        .images = run->images, .labels = run->labels, .indices = run->indices, .count = count, .number = first};
    ok(trainer_step(run->trainer, &batch, false, &run->result));
}

static double *state_of(struct run *run) {
    struct trainer_block blocks[TRAINER_BLOCKS];
    int count = trainer_blocks(run->trainer, blocks);
    for (int b = 0; b < count; b++)
        if (!strcmp(blocks[b].name, "state")) return blocks[b].data;
    return NULL;
}

/* ||a - b|| / ||b|| */
static double distance(const double *a, const double *b, int64_t count) {
    double far = 0, size = 0;
    for (int64_t j = 0; j < count; j++) far += (a[j] - b[j]) * (a[j] - b[j]), size += b[j] * b[j];
    return sqrt(far / size);
}

/* A batch in groups against each group as a batch of its own: all begin alike, and their means are the batch's. */
static void check_replicas(int group, int count) {
    struct run *whole =
        run_new((struct wanted){.batch = 12, .group = group, .reference = true, .short_batch = count % 12});
    run_step(whole, 0, count);
    int64_t params = whole->network->graph->param_elements, states = whole->network->graph->state_elements;
    double *gradient = calloc((size_t)params, sizeof *gradient), *state = calloc((size_t)states, sizeof *state),
           loss = 0;
    for (int first = 0; first < count; first += group) {
        int pictures = count - first < group ? count - first : group;
        struct run *one = run_new((struct wanted){.batch = pictures, .reference = true});
        run_step(one, first, pictures);
        double share = (double)pictures / count;
        const double *g = trainer_gradients_f64(one->trainer), *s = state_of(one);
        for (int64_t j = 0; j < params; j++) gradient[j] += share * g[j];
        for (int64_t j = 0; j < states; j++) state[j] += share * s[j];
        loss += share * one->result.loss;
        run_free(one);
    }
    assert_true(fabs(whole->result.loss - loss) < 1e-13 * loss);
    assert_true(distance(trainer_gradients_f64(whole->trainer), gradient, params) < 1e-13);
    assert_true(distance(state_of(whole), state, states) < 1e-13);
    /* and, unless it is one group, it is not what the whole batch at once is */
    struct run *plain = run_new((struct wanted){.batch = 12, .reference = true, .short_batch = count % 12});
    run_step(plain, 0, count);
    assert_true(count <= group || distance(trainer_gradients_f64(plain->trainer), gradient, params) > 1e-3);
    assert_true(count <= group || distance(state_of(plain), state, states) > 1e-5);
    run_free(plain);
    run_free(whole);
    free(gradient);
    free(state);
}

static void groups_are_replicas(void **state) {
    (void)state;
    check_replicas(4, 12);
    check_replicas(6, 12);
}

/* A short last batch ends with a smaller group, which counts by its pictures. */
static void short_batches_have_a_rest(void **state) {
    (void)state;
    check_replicas(4, 10);
    check_replicas(4, 8);
    check_replicas(6, 5);
}

/* With running statistics nothing depends on groups: the same draws of dropout and stochastic depth for every picture. */
static void draws_do_not_depend_on_groups(void **state) {
    (void)state;
    struct wanted wanted = {.batch = 12, .reference = true, .random = true, .frozen = true};
    struct run *plain = run_new(wanted);
    wanted.group = 4;
    struct run *grouped = run_new(wanted);
    run_step(plain, 0, 12);
    run_step(grouped, 0, 12);
    int64_t params = plain->network->graph->param_elements;
    assert_true(distance(trainer_gradients_f64(grouped->trainer), trainer_gradients_f64(plain->trainer), params) <
                1e-13);
    assert_true(fabs(grouped->result.loss - plain->result.loss) < 1e-13);
    run_free(plain);
    run_free(grouped);
}

/* The slope of the loss that the trainer reports, by moving single parameters. */
static void gradients_are_finite_differences(void **state) {
    (void)state;
    struct run *run = run_new((struct wanted){.batch = 8, .group = 4, .reference = true, .accumulate = 64});
    const struct graph *graph = run->network->graph;
    struct trainer_block blocks[TRAINER_BLOCKS];
    trainer_blocks(run->trainer, blocks);
    assert_string_equal(blocks[0].name, "params");
    double *params = blocks[0].data;
    run_step(run, 0, 8);
    double *gradient = calloc((size_t)graph->param_elements, sizeof *gradient);
    memcpy(gradient, trainer_gradients_f64(run->trainer), (size_t)graph->param_elements * sizeof *gradient);
    int checked = 0;
    for (size_t i = 0; i < graph->param_count; i += 11) {
        const struct param *param = &graph->params[i];
        if (param->state) continue;
        double *p = params + param->offset + param->count / 3, kept = *p, slope[2], width = 1e-6;
        for (int h = 0; h < 2; h++, width /= 2) {
            *p = kept + width;
            run_step(run, 0, 8);
            double up = run->result.loss;
            *p = kept - width;
            run_step(run, 0, 8);
            slope[h] = (up - run->result.loss) / (2 * width);
            *p = kept;
        }
        if (fabs(slope[0] - slope[1]) > 1e-6) continue; /* a kink lies between */
        double found = gradient[p - params];
        if (!(fabs(found - slope[1]) < 1e-6)) print_error("%s: %.9g, not %.9g\n", param->name, found, slope[1]);
        assert_true(fabs(found - slope[1]) < 1e-6);
        checked++;
    }
    print_message("%d gradients equal finite differences\n", checked);
    assert_true(checked >= 6);
    free(gradient);
    run_free(run);
}

/* Four micro-batches, two to an optimizer step, the network random. */
static void run_all(struct run *run) {
    for (int step = 0; step < 4; step++) run_step(run, 12 * step, 12);
}

struct off {
    double gradients, statistics;
};
/* How far the engine is from the reference on `batch` pictures from `first` on. */
static struct off engine_off(int first, int batch, int group) {
    struct wanted wanted = {.batch = batch, .group = group, .accumulate = 2, .size = LARGE};
    struct run *engine = run_new(wanted);
    wanted.reference = true;
    struct run *reference = run_new(wanted);
    run_step(engine, first, batch);
    run_step(reference, first, batch);
    int64_t params = engine->network->graph->param_elements, states = engine->network->graph->state_elements;
    double *found = calloc((size_t)(params + states), sizeof *found);
    for (int64_t j = 0; j < params; j++) found[j] = trainer_gradients_f32(engine->trainer)[j];
    struct off off = {.gradients = distance(found, trainer_gradients_f64(reference->trainer), params)};
    for (int64_t j = 0; j < states; j++) found[j] = engine->network->state[j];
    off.statistics = distance(found, state_of(reference), states);
    assert_int_equal(engine->result.right, reference->result.right);
    free(found);
    run_free(engine);
    run_free(reference);
    return off;
}

/* f32 is as near in groups of four as it is on the same groups as batches. */
static void engine_follows_the_reference(void **state) {
    (void)state;
    struct off grouped = engine_off(0, 12, 4), most = {0, 0};
    for (int first = 0; first < 12; first += 4) {
        struct off one = engine_off(first, 4, 0);
        most.gradients = fmax(most.gradients, one.gradients);
        most.statistics = fmax(most.statistics, one.statistics);
    }
    print_message("engine: gradients off by %.2g (a group alone: at most %.2g), running statistics by %.2g (%.2g)\n",
                  grouped.gradients, most.gradients, grouped.statistics, most.statistics);
    assert_true(grouped.gradients < 1e-3 && grouped.gradients < 2 * most.gradients);
    assert_true(grouped.statistics < 1e-5 && grouped.statistics < 2 * most.statistics);
}

static uint64_t hash_of(int threads) {
    struct run *run =
        run_new((struct wanted){.batch = 12, .group = 4, .accumulate = 2, .random = true, .threads = threads});
    struct trainer_block blocks[TRAINER_BLOCKS];
    uint64_t hash = 14695981039346656037u;
    run_all(run);
    int count = trainer_blocks(run->trainer, blocks);
    for (int b = 0; b < count; b++)
        for (int64_t j = 0; j < blocks[b].count; j++) hash = (hash ^ ((uint32_t *)blocks[b].data)[j]) * 1099511628211u;
    run_free(run);
    return hash;
}

static void threads_and_levels_change_no_bit(void **state) {
    (void)state;
    char kept[32] = "";
    if (getenv("SISKIN_ISA")) snprintf(kept, sizeof kept, "%s", getenv("SISKIN_ISA"));
    uint64_t hash = hash_of(1);
    assert_true(hash == hash_of(3));
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (!cpu_has_isa((enum isa)isa) || !kernels_of((enum isa)isa)) continue;
        setenv("SISKIN_ISA", cpu_isa_name((enum isa)isa), 1);
        if (hash != hash_of(2)) print_error("%s: other bits\n", cpu_isa_name((enum isa)isa));
        assert_true(hash == hash_of(2));
    }
    if (*kept)
        setenv("SISKIN_ISA", kept, 1);
    else
        unsetenv("SISKIN_ISA");
}

static void refused(const char *name, const char *group, const char *sentence) {
    struct arena arena = {0};
    struct recipe recipe;
    struct model_args args;
    struct network *network;
    struct team *team;
    struct epoch_plan epochs;
    struct trainer *trainer;
    ok(recipe_default(&recipe, &arena));
    ok(recipe_override(&recipe, "batch_size=12"));
    ok(recipe_override(&recipe, group));
    ok(model_defaults(name, &args));
    args.width_mult = 0.25, args.height = args.width = SIZE, args.num_classes = 2;
    ok(network_new(&network, &args));
    ok(team_new(&team, 1));
    ok(epoch_plan_make(&epochs, &recipe, 24, 1));
    struct trainer_options options = {.recipe = &recipe, .network = network, .team = team, .epochs = &epochs};
    assert_int_equal(trainer_new(&trainer, &options, 0), SK_EUSAGE);
    if (!strstr(sk_error(), sentence)) print_error("%s\n", sk_error());
    assert_non_null(strstr(sk_error(), sentence));
    team_free(team);
    network_free(network);
    arena_free(&arena);
}

static void refusals(void **state) {
    (void)state;
    refused("mobilenet_v2", "batch_norm.group=5", "a batch of 12 does not divide into such groups");
    refused("mobilenet_v2", "batch_norm.group=24", "a batch of 12 does not divide into such groups");
    refused("convnext_tiny", "batch_norm.group=4", "a convnext_tiny has no batch norm");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_replicas),
        cmocka_unit_test(short_batches_have_a_rest),
        cmocka_unit_test(draws_do_not_depend_on_groups),
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(engine_follows_the_reference),
        cmocka_unit_test(threads_and_levels_change_no_bit),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
