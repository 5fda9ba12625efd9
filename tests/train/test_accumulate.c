/* test_accumulate.c — accumulation: exact is the large batch, to the bit; a stop in the middle of one, with a moving average
 * and clipping, changes no bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_accumulate"

enum { STEPS = 30, STOP = 13 };

static const char *const large[] = {"batch_size=8", "accumulate=1", NULL};
static const char *const exact[] = {"batch_size=4", "accumulate=2", "accumulate_batch_norm=exact", NULL};
static const char *const micro[] = {"batch_size=4", "accumulate=2", NULL};
static const char *const average[] = {"ema.form=timm_v3", "ema.decay=0.9",  "ema.dynamic=timm_warmup", "ema.per=micro_batch",
                                      "clip.norm=0.5",    "accumulate=3", NULL};
static const char *const twice[] = {"ema.form=timm_v3", "ema.decay=0.9",  "ema.dynamic=timm_warmup", "ema.per=micro_batch",
                                    "ema.every=2",      "clip.norm=0.5", "accumulate=3",            NULL};

static void run_steps(struct run *run, int64_t end) {
    while (trainer_position(run->trainer).micro_step < end) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run->loader, &batch));
        ok(trainer_step(run->trainer, batch, false, &result));
        if (batch->last) trainer_drop(run->trainer);
    }
}

static uint64_t hash_of(const char *const *recipe, int64_t steps) {
    struct run run;
    run_begin(&run, &(struct run_options){FOLDER, recipe, 2, 0});
    run_steps(&run, steps);
    uint64_t hash = run_hash(&run);
    run_end(&run);
    return hash;
}

static void test_exact(void **state) {
    (void)state;
    uint64_t want = hash_of(large, 6);
    assert_true(hash_of(exact, 6) == want);
    assert_true(hash_of(micro, 12) != want);
}

/* 65,536 pictures of 224 at once: more memory than there is, said before any is taken. */
static void test_refused(void **state) {
    (void)state;
    struct run run;
    struct trainer *none = NULL;
    struct network *network;
    struct model_args args;
    run_begin(&run, &(struct run_options){FOLDER, exact, 1, 0});
    ok(model_defaults("mobilenet_v2", &args));
    ok(network_new(&network, &args));
    struct recipe huge = run.recipe;
    struct trainer_options options = {.recipe = &huge, .network = network, .team = run.team, .epochs = &run.epochs};
    huge.batch_size = 4096;
    huge.accumulate = 16;
    assert_int_equal(trainer_new(&none, &options, 0), SK_EUSAGE);
    if (!strstr(sk_error(), "accumulate_batch_norm: a pass over 65536 pictures needs ")) fail_msg("%s", sk_error());
    assert_non_null(strstr(sk_error(), " bytes, and "));
    assert_null(none);
    network_free(network);
    run_end(&run);
}

static void test_stop(void **state) {
    (void)state;
    struct run run;
    struct arena arena = {0};
    struct trainer_block blocks[TRAINER_BLOCKS], fresh[TRAINER_BLOCKS];
    uint64_t want = hash_of(average, STEPS);
    assert_true(hash_of(average, STEPS) == want);
    assert_true(hash_of(twice, STEPS) != want);
    run_begin(&run, &(struct run_options){FOLDER, average, 1, 1});
    run_steps(&run, STOP);
    struct trainer_position position = trainer_position(run.trainer);
    assert_int_equal(position.gathered, 1);
    int count = trainer_blocks(run.trainer, blocks);
    for (int b = 0; b < count; b++) {
        size_t bytes = (size_t)blocks[b].count * dtype_size(blocks[b].dtype);
        blocks[b].data = memcpy(arena_alloc(&arena, bytes), blocks[b].data, bytes);
    }
    run_end(&run);
    for (int without = 0; without < 2; without++) { /* without the counters: other bits */
        run_begin(&run, &(struct run_options){FOLDER, average, 2, 0});
        assert_int_equal(trainer_blocks(run.trainer, fresh), count);
        for (int b = 0; b < count - without; b++)
            memcpy(fresh[b].data, blocks[b].data, (size_t)blocks[b].count * dtype_size(blocks[b].dtype));
        assert_string_equal(blocks[count - 1].name, "ema.counters");
        trainer_seek(run.trainer, position);
        ok(loader_seek(run.loader, 0, STOP, 0));
        run_steps(&run, STEPS);
        assert_true((run_hash(&run) == want) == !without);
        run_end(&run);
    }
    arena_free(&arena);
}

/* What is clipped is the mean gradient: a step of plain SGD is exactly as long as clip.norm says. */
static void test_clipped_mean(void **state) {
    (void)state;
    static const char *const plain[] = {"optimizer.name=sgd", "optimizer.momentum=0", "weight_decay.value=0",
                                        "schedule.lr=1",      "accumulate=3",         "clip.norm=0.01", NULL};
    struct run run;
    run_begin(&run, &(struct run_options){FOLDER, plain, 2, 0});
    size_t count = (size_t)run.network->graph->param_elements;
    float *before = arena_array(&run.arena, count, sizeof *before);
    memcpy(before, run.network->params, count * sizeof *before);
    run_steps(&run, 3);
    double square = 0;
    for (size_t j = 0; j < count; j++) {
        double moved = (double)run.network->params[j] - before[j];
        square += moved * moved;
    }
    if (!(fabs(sqrt(square) / 0.01 - 1) < 1e-3)) fail_msg("a step of %g", sqrt(square));
    run_end(&run);
}

/* Lending the average to an evaluation leaves no trace, in both kinds of runs. */
static void test_lent(void **state) {
    (void)state;
    struct run run;
    run_begin(&run, &(struct run_options){FOLDER, average, 2, 0});
    run_steps(&run, 5);
    uint64_t before = run_hash(&run);
    struct trainer_block blocks[TRAINER_BLOCKS];
    int count = trainer_blocks(run.trainer, blocks);
    trainer_show_ema(run.trainer);
    assert_memory_equal(run.network->params, blocks[count - 3].data, (size_t)blocks[count - 3].count * sizeof(float));
    assert_true(run_hash(&run) != before);
    trainer_show_raw(run.trainer);
    assert_true(run_hash(&run) == before);
    run_end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_clipped_mean),
        cmocka_unit_test(test_lent),
    };
    run_pictures(FOLDER);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
