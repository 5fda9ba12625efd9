/* test_run_mixed.c — runs with mixed batches, erasing and repeated pictures: the same bits for any threads and workers and
 * after a stop in the middle of an epoch; the engine against references; evaluations of a stream.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "train/evaluate.h"
#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_mixing"
enum { STEPS = 30, STOP = 14 }; /* an epoch has 23 batches */

static const char *const timm[] = {"mix.of=timm",
                                   "mix.mixup=0.8",
                                   "mix.cutmix=1",
                                   "mix.smoothing=0.1",
                                   "label_smoothing=0",
                                   "mix.mode=pair",
                                   "augment.erasing.probability=0.5",
                                   "augment.erasing.of=timm",
                                   "augment.erasing.fill=noise",
                                   "augment.erasing.count=[3]",
                                   "sampling=repeated",
                                   "repeat_of=timm",
                                   "repeat=2.5",
                                   "repeat_replicas=2",
                                   "loss=bce",
                                   NULL};
static const char *const torchvision[] = {"mix.of=torchvision", "mix.mixup=0.2", "mix.cutmix=1",
                                          "augment.erasing.probability=0.5", NULL};
static const char *const garden[] = {"mix.of=tf",
                                     "mix.mixup=0.8",
                                     "mix.cutmix=1",
                                     "augment.erasing.probability=0.5",
                                     "augment.erasing.of=tf",
                                     "augment.erasing.fill=noise",
                                     "augment.crop_sampler=tf",
                                     "preprocess.resize_by=tf",
                                     "augment.random_resized_crop.antialias=false",
                                     NULL};
static const char *const plain[] = {NULL};

static void run_steps(struct run *run, int64_t end) {
    while (trainer_position(run->trainer).micro_step < end) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run->loader, &batch));
        ok(trainer_step(run->trainer, batch, false, &result));
        assert_true(isfinite(result.loss));
        if (batch->last) trainer_drop(run->trainer);
    }
}

static uint64_t run_of(const char *const *recipe, int threads, int workers) {
    struct run run;
    run_begin(&run, &(struct run_options){FOLDER, recipe, threads, workers});
    run_steps(&run, STEPS);
    uint64_t hash = run_hash(&run);
    run_end(&run);
    return hash;
}

static void threads_and_workers(void **state) {
    (void)state;
    const char *const *const recipes[] = {timm, torchvision, garden};
    uint64_t unmixed = run_of(plain, 1, 0), first[3];
    for (int r = 0; r < 3; r++) {
        first[r] = run_of(recipes[r], 1, 0);
        assert_true(first[r] == run_of(recipes[r], 2, 3));
        assert_true(first[r] == run_of(recipes[r], 3, 1));
        assert_true(first[r] != unmixed);
        for (int other = 0; other < r; other++) assert_true(first[r] != first[other]);
    }
}

/* In the middle of an epoch and of an accumulation; everything but the state is made anew. */
static void stop_and_go_on(void **state) {
    (void)state;
    struct run run;
    struct arena arena = {0};
    struct trainer_block blocks[TRAINER_BLOCKS], fresh[TRAINER_BLOCKS];
    uint64_t expected = run_of(timm, 1, 0);
    run_begin(&run, &(struct run_options){FOLDER, timm, 2, 2});
    run_steps(&run, STOP + 1);
    struct trainer_position position = trainer_position(run.trainer);
    int count = trainer_blocks(run.trainer, blocks);
    for (int b = 0; b < count; b++) {
        size_t bytes = (size_t)blocks[b].count * dtype_size(blocks[b].dtype);
        void *kept = arena_alloc(&arena, bytes);
        blocks[b].data = memcpy(kept, blocks[b].data, bytes);
    }
    run_end(&run);
    run_begin(&run, &(struct run_options){FOLDER, timm, 1, 1});
    assert_int_equal(trainer_blocks(run.trainer, fresh), count);
    for (int b = 0; b < count; b++)
        memcpy(fresh[b].data, blocks[b].data, (size_t)blocks[b].count * dtype_size(blocks[b].dtype));
    trainer_seek(run.trainer, position);
    ok(loader_seek(run.loader, 0, STOP + 1, 0));
    run_steps(&run, STEPS);
    assert_true(run_hash(&run) == expected);
    run_end(&run);
    arena_free(&arena);
}

/* One step of each loss on a mixed batch: the engine's gradient is that of references in double. */
static void engine_and_reference(void **state) {
    (void)state;
    const char *const *const recipes[] = {timm, torchvision};
    for (int r = 0; r < 2; r++) {
        struct run run;
        struct trainer *reference;
        struct trainer_result one, other;
        const struct batch *batch;
        run_begin(&run, &(struct run_options){FOLDER, recipes[r], 1, 0});
        struct trainer_options options = {&run.recipe, run.network, run.team, &run.epochs, .reference = true};
        ok(trainer_new(&reference, &options, 0));
        ok(loader_next(run.loader, &batch));
        assert_non_null(batch->mix);
        ok(trainer_step(reference, batch, false, &other));
        ok(trainer_step(run.trainer, batch, false, &one));
        assert_true(fabs(one.loss - other.loss) < 1e-5 * other.loss);
        assert_true(fabs(one.gradient_norm - other.gradient_norm) < 1e-3 * other.gradient_norm);
        struct batch unmixed = *batch;
        unmixed.mix = NULL; /* the targets count: without them another loss */
        ok(trainer_step(reference, &unmixed, false, &one));
        assert_true(fabs(one.loss - other.loss) > 1e-4 * other.loss);
        trainer_free(reference);
        run_end(&run);
    }
}

/* ---- evaluation streams ---- */

static void streams(void **state) {
    (void)state;
    struct evaluation_plan once = evaluation_plan(CHOICE_STREAM_ONCE, 50000, 1024);
    struct evaluation_plan repeat = evaluation_plan(CHOICE_STREAM_REPEAT, 50000, 1024);
    struct evaluation_plan drop = evaluation_plan(CHOICE_STREAM_DROP, 50000, 1024);
    assert_true(once.scored == 50000 && once.distinct == 50000 && once.batches == 49);
    assert_true(repeat.scored == 50176 && repeat.distinct == 49152 && repeat.batches == 49);
    assert_true(drop.scored == 49152 && drop.distinct == 49152 && drop.batches == 48);
}

/* What is scored, told by the counts of a confusion matrix's rows: labels are index % 7, batches of 10 of 95 pictures. */
static void scored(const struct run *run, enum recipe_eval_stream stream, int64_t turn, int workers, int64_t rows[7]) {
    struct evaluator_options o = {.network = run->network,
                                  .dataset = run->dataset,
                                  .pipeline = &run->pipeline,
                                  .part = DATA_TRAIN,
                                  .team = run->team,
                                  .batch_size = 10,
                                  .workers = workers,
                                  .confusion = true,
                                  .stream = stream};
    struct evaluator *e;
    struct metrics_result result;
    ok(evaluator_new(&e, &o));
    evaluator_turn(e, turn);
    ok(evaluator_run(e, &result));
    const struct metrics *m = evaluator_metrics(e);
    int64_t all = 0;
    for (int c = 0; c < 7; c++) {
        rows[c] = 0;
        for (int k = 0; k < 7; k++) rows[c] += m->confusion[c * 7 + k];
        all += rows[c];
    }
    assert_int_equal(result.images, all);
    evaluator_free(e);
}

static void streams_score(void **state) {
    (void)state;
    struct run run;
    run_begin(&run, &(struct run_options){FOLDER, plain, 1, 0});
    for (int workers = 0; workers < 3; workers += 2)
        for (int64_t turn = 0; turn < 11; turn++) {
            int64_t got[3][7], want[3][7] = {{0}};
            for (int s = 0; s < 3; s++) scored(&run, (enum recipe_eval_stream)s, turn, workers, got[s]);
            for (int i = 0; i < 95; i++) want[CHOICE_STREAM_ONCE][i % 7]++;
            for (int i = 0; i < 90; i++) want[CHOICE_STREAM_DROP][i % 7]++;
            for (int64_t b = turn * 10; b < turn * 10 + 10; b++) /* ten of a stream that has nine */
                for (int64_t i = 0; i < 10; i++) want[CHOICE_STREAM_REPEAT][(b % 9 * 10 + i) % 7]++;
            assert_memory_equal(got, want, sizeof got);
        }
    run_end(&run);
}

static int setup(void **state) {
    (void)state;
    run_pictures(FOLDER);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_workers),  cmocka_unit_test(stop_and_go_on),
        cmocka_unit_test(engine_and_reference), cmocka_unit_test(streams),
        cmocka_unit_test(streams_score),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
