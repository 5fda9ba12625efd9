/* test_average.c — the mean of model files, and batch-norm statistics taken anew against one batch at a time.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/average.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/model_file.h"
#include "train/recalibrate.h"
#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_average"

/* PyTorch's convention with momentum 1: running statistics are the last batch's. */
static const char *const last_batch[] = {"batch_norm.momentum=1", "schedule.lr=0", "accumulate=1",
                                         "weight_decay.value=0", NULL};

static void test_recalibrate(void **state) {
    (void)state;
    struct run run;
    run_begin(&run, &(struct run_options){FOLDER, last_batch, 2, 0});
    const struct graph *graph = run.network->graph;
    double *mean = arena_array(&run.arena, (size_t)graph->state_elements, sizeof *mean);
    enum { EPOCH = 3, BATCHES = RUN_PICTURES / RUN_BATCH };
    ok(loader_seek(run.loader, EPOCH, 0, EPOCH + 1));
    for (int b = 0; b < BATCHES; b++) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run.loader, &batch));
        ok(trainer_step(run.trainer, batch, false, &result));
        for (int64_t j = 0; j < graph->state_elements; j++) mean[j] += run.network->state[j] / BATCHES;
    }
    int64_t batches;
    struct recalibration options = {.network = run.network,
                                    .team = run.team,
                                    .loader = run.loader,
                                    .epoch = EPOCH,
                                    .seed = (uint64_t)run.recipe.seed,
                                    .batch = RUN_BATCH};
    ok(recalibrate(&options, &batches));
    assert_int_equal(batches, BATCHES);
    double worst = 0;
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        for (int64_t j = param->offset; param->state && j < param->offset + param->count; j++) {
            if (param->kind == STATE_COUNTER)
                assert_true(run.network->state[j] == BATCHES);
            else
                worst = fmax(worst, fabs(run.network->state[j] - mean[j]) / (1e-3 + fabs(mean[j])));
        }
    }
    if (worst > 1e-5) fail_msg("statistics off by %g", worst);
    /* Another epoch's augmentation gives other ones: the test can fail. */
    float *kept = arena_array(&run.arena, (size_t)graph->state_elements, sizeof *kept);
    memcpy(kept, run.network->state, (size_t)graph->state_elements * sizeof *kept);
    options.epoch = EPOCH + 1;
    ok(recalibrate(&options, &batches));
    assert_memory_not_equal(kept, run.network->state, (size_t)graph->state_elements * sizeof *kept);
    run_end(&run);
}

/* (1,2,7), (3,5,7), (5,5,1) have the mean (3,4,5); counters 100, 101, 103 the mean 101. */
static void test_mean(void **state) {
    (void)state;
    static const float numbers[3][3] = {{1, 2, 7}, {3, 5, 7}, {5, 5, 1}}, want[3] = {3, 4, 5};
    static const float counters[3] = {100, 101, 103};
    struct arena arena = {0};
    struct model_args args;
    struct team *team;
    const char *paths[4];
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.1, args.num_classes = 3, args.height = args.width = 32;
    ok(team_new(&team, 1));
    for (int f = 0; f < 4; f++) {
        struct network *network;
        if (f == 3) args.dropout = 0.5; /* another kind */
        ok(network_new(&network, &args));
        for (int64_t j = 0; j < network->graph->param_elements; j++) network->params[j] = numbers[f % 3][j % 3];
        for (size_t i = 0; i < network->graph->param_count; i++) {
            const struct param *p = &network->graph->params[i];
            for (int64_t j = p->offset; p->state && j < p->offset + p->count; j++)
                network->state[j] = p->kind == STATE_COUNTER ? counters[f % 3] : numbers[f % 3][j % 3];
        }
        paths[f] = arena_printf(&arena, "%s/average-%d.safetensors", SCRATCH, f);
        ok(model_file_save(network, team, paths[f]));
        network_free(network);
    }
    struct network *mean;
    ok(average_files(paths, 3, &mean));
    for (size_t i = 0; i < mean->graph->param_count; i++) {
        const struct param *p = &mean->graph->params[i];
        const float *block = p->state ? mean->state : mean->params;
        for (int64_t j = p->offset; j < p->offset + p->count; j++)
            assert_true(block[j] == (p->kind == STATE_COUNTER ? 101 : want[j % 3]));
    }
    assert_non_null(strstr(mean->provenance, "mean of "));
    network_free(mean);
    assert_int_equal(average_files(paths, 4, &mean), SK_ESHAPE);
    assert_non_null(strstr(sk_error(), "average-3.safetensors"));
    team_free(team);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recalibrate), cmocka_unit_test(test_mean)};
    run_pictures(FOLDER);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
