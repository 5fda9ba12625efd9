/* test_diverge.c — a step that is not finite is given up: it says where the first bad number came from, moves nothing,
 * and training can go on with the next batch.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_diverge"

static const char *const single_step[] = {"accumulate=1", NULL};
static const char *const huge_rate[] = {"accumulate=1", "optimizer.name=sgd", "optimizer.momentum=0",
                                        "schedule.lr=1000", "weight_decay.value=0", NULL};

static const struct batch *next_batch(struct run *run) {
    const struct batch *batch;
    ok(loader_next(run->loader, &batch));
    return batch;
}

/* The sentence names all of these. */
static void says(const char *const *parts) {
    for (; *parts; parts++) {
        if (!strstr(sk_error(), *parts)) print_error("\"%s\" does not say \"%s\"\n", sk_error(), *parts);
        assert_non_null(strstr(sk_error(), *parts));
    }
}

/* The step fails, names `where`, and not a bit has moved. */
static void gives_up(struct run *run, const struct batch *batch, const char *where) {
    char step[64], place[64];
    struct trainer_result result;
    snprintf(step, sizeof step, "optimizer step %lld", (long long)trainer_position(run->trainer).step);
    snprintf(place, sizeof place, "epoch %llu, batch %lld", (unsigned long long)batch->epoch, (long long)batch->number);
    uint64_t before = run_hash(run);
    assert_int_equal(trainer_step(run->trainer, batch, false, &result), SK_EDIVERGED);
    says((const char *const[]){step, place, where, NULL});
    assert_true(run_hash(run) == before);
    assert_false(result.stepped);
}

static void bad_picture(float bad, const char *const *recipe, int64_t steps_before) {
    struct run run;
    struct trainer_result result;
    run_begin(&run, &(struct run_options){FOLDER, recipe, 2, 1});
    for (int64_t i = 0; i < steps_before; i++) ok(trainer_step(run.trainer, next_batch(&run), false, &result));
    const struct batch *batch = next_batch(&run);
    float kept = batch->images[100];
    batch->images[100] = bad;
    gives_up(&run, batch, "features.0.0, conv"); /* the first node that reads the picture */
    batch->images[100] = kept;
    ok(trainer_step(run.trainer, batch, false, &result)); /* the same batch, mended */
    assert_true(isfinite(result.loss));
    run_end(&run);
}

static void nan_in_a_picture(void **state) {
    (void)state;
    bad_picture(NAN, single_step, 0);
    bad_picture(NAN, single_step, 3);
    bad_picture(NAN, NULL, 3); /* one micro-batch is in the accumulator, which must stay as it is */
}

static void infinity_in_a_picture(void **state) {
    (void)state;
    bad_picture(INFINITY, single_step, 1);
    bad_picture(-INFINITY, single_step, 0);
}

/* Wherever the weight is, its own layer is named. */
static void bad_weight(const char *name, float bad, const char *where) {
    struct run run;
    struct trainer_result result;
    run_begin(&run, &(struct run_options){FOLDER, single_step, 2, 0});
    ok(trainer_step(run.trainer, next_batch(&run), false, &result));
    const struct param *param = graph_find_param(run.network->graph, name);
    assert_non_null(param);
    float *weight = (param->state ? run.network->state : run.network->params) + param->offset + param->count / 2;
    float kept = *weight;
    *weight = bad;
    const struct batch *batch = next_batch(&run);
    gives_up(&run, batch, where);
    *weight = kept;
    ok(trainer_step(run.trainer, batch, false, &result));
    run_end(&run);
}

static void bad_weights(void **state) {
    (void)state;
    bad_weight("features.0.0.weight", INFINITY, "features.0.0, conv");
    bad_weight("features.5.conv.1.0.weight", NAN, "features.5.conv.1.0, conv");
    bad_weight("features.5.conv.1.1.weight", NAN, "features.5.conv.1.1, batch_norm");
    bad_weight("features.18.1.bias", NAN, "features.18.1, batch_norm");
    bad_weight("classifier.1.weight", NAN, "classifier.1, conv");
    bad_weight("classifier.1.bias", INFINITY, "classifier.1, conv");
    bad_weight("classifier.1.bias", -INFINITY, "classifier.1, conv");
}

static bool all_finite(const struct run *run) {
    struct trainer_block blocks[TRAINER_BLOCKS];
    int count = trainer_blocks(run->trainer, blocks);
    for (int b = 0; b < count; b++)
        for (int64_t j = 0; j < blocks[b].count; j++)
            if (!isfinite(((const float *)blocks[b].data)[j])) return false;
    return true;
}

/* A rate of 1000: some step is the last, and it leaves finite weights behind. */
static void huge_learning_rate(void **state) {
    (void)state;
    struct run run;
    struct trainer_result result;
    sk_status status = SK_OK;
    const struct batch *batch = NULL;
    run_begin(&run, &(struct run_options){FOLDER, huge_rate, 2, 0});
    uint64_t before = 0;
    for (int i = 0; i < 200 && status == SK_OK; i++) {
        batch = next_batch(&run);
        before = run_hash(&run);
        status = trainer_step(run.trainer, batch, false, &result);
    }
    assert_int_equal(status, SK_EDIVERGED);
    assert_true(run_hash(&run) == before);
    assert_true(trainer_position(run.trainer).step > 0);
    assert_true(all_finite(&run)); /* its loss was still finite, its gradient was not */
    says((const char *const[]){"diverged at optimizer step", "the first tensor that is not finite comes from ",
                               "epoch ", "batch ", "schedule.lr", NULL});
    print_message("%s\n", sk_error());
    run_end(&run);
}

static int setup(void **state) {
    (void)state;
    run_pictures(FOLDER);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_in_a_picture),
        cmocka_unit_test(infinity_in_a_picture),
        cmocka_unit_test(bad_weights),
        cmocka_unit_test(huge_learning_rate),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
