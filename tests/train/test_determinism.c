/* test_determinism.c — a run is a function of recipe, seed and data: the same bits for any threads, workers, restart.
 *
 * 200 micro-steps with augmentation, dropout and accumulation. Also: what a plan places, it places tightly.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "plan/passes.h"
#include "plan/plan.h"
#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_determinism"
/* Sanitized builds are many times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEPS = 84 };
#else
enum { STEPS = 200 };
#endif
enum { STOP = 78, FEW = 20 }; /* an epoch has 23 batches: its last one is dropped from accumulation */

/* Micro-steps until `end`; gives the next batch's place. */
struct next {
    uint64_t epoch;
    int64_t batch;
};
static void run_steps(struct run *run, int64_t end, struct next *next) {
    while (trainer_position(run->trainer).micro_step < end) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run->loader, &batch));
        ok(trainer_step(run->trainer, batch, false, &result));
        *next = (struct next){batch->epoch + batch->last, batch->last ? 0 : batch->number + 1};
        if (batch->last) trainer_drop(run->trainer);
    }
}

static uint64_t run_of(const struct run_options *options, int64_t steps) {
    struct run run;
    struct next next;
    run_begin(&run, options);
    run_steps(&run, steps, &next);
    uint64_t hash = run_hash(&run);
    run_end(&run);
    return hash;
}

static const char *const resized[] = {"augment.random_resized_crop.enabled=true", NULL};
static const char *const padded[] = {"augment.random_resized_crop.enabled=false", "augment.crop_padding=4", NULL};
static const char *const other_seed[] = {"augment.random_resized_crop.enabled=true", "seed=43", NULL};
static const char *const no_dropout[] = {"augment.random_resized_crop.enabled=true", "model.dropout=0", NULL};
static const char *const no_flip[] = {"augment.random_resized_crop.enabled=true", "augment.flip=0", NULL};

static uint64_t expected; /* of `resized`, one thread, no workers */

static void threads_and_workers(void **state) {
    (void)state;
    static const int workers[] = {0, 1, 2, 5};
    expected = run_of(&(struct run_options){FOLDER, resized, 1, 0}, STEPS);
    for (int threads = 1; threads <= 3; threads++)
        for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
            if (threads == 1 && w == 0) continue;
            uint64_t hash = run_of(&(struct run_options){FOLDER, resized, threads, workers[w]}, STEPS);
            if (hash != expected) print_error("%d threads, %d workers: other bits\n", threads, workers[w]);
            assert_true(hash == expected);
        }
}

static void pad_and_crop(void **state) {
    (void)state;
    uint64_t one = run_of(&(struct run_options){FOLDER, padded, 1, 0}, STEPS);
    assert_true(one == run_of(&(struct run_options){FOLDER, padded, 2, 3}, STEPS));
    assert_true(one != expected);
}

/* Otherwise the tests above could not fail: seed, dropout, flip and crop all leave their mark. */
static void seed_and_recipe_count(void **state) {
    (void)state;
    static const char *const *const others[] = {other_seed, no_dropout, no_flip, padded};
    uint64_t few = run_of(&(struct run_options){FOLDER, resized, 2, 0}, FEW);
    assert_true(few == run_of(&(struct run_options){FOLDER, resized, 2, 0}, FEW));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(run_of(&(struct run_options){FOLDER, others[i], 2, 0}, FEW) != few);
}

/* Stopped in the middle of an accumulation, and gone on with by other threads and workers. */
static void go_on(const char *const *recipe, int64_t stop, int64_t end, uint64_t whole) {
    struct run run;
    struct next next;
    struct arena arena = {0};
    struct trainer_block blocks[TRAINER_BLOCKS], fresh[TRAINER_BLOCKS];
    run_begin(&run, &(struct run_options){FOLDER, recipe, 1, 2});
    run_steps(&run, stop, &next);
    struct trainer_position position = trainer_position(run.trainer);
    assert_int_equal(position.gathered, 1);
    int count = trainer_blocks(run.trainer, blocks);
    for (int b = 0; b < count; b++) {
        void *kept = arena_array(&arena, (size_t)blocks[b].count, dtype_size(blocks[b].dtype));
        blocks[b].data = memcpy(kept, blocks[b].data, (size_t)blocks[b].count * dtype_size(blocks[b].dtype));
    }
    run_end(&run);

    run_begin(&run, &(struct run_options){FOLDER, recipe, 3, 1});
    assert_int_equal(trainer_blocks(run.trainer, fresh), count);
    for (int b = 0; b < count; b++) {
        assert_string_equal(fresh[b].name, blocks[b].name);
        assert_int_equal(fresh[b].count, blocks[b].count);
        memcpy(fresh[b].data, blocks[b].data, (size_t)blocks[b].count * dtype_size(blocks[b].dtype));
    }
    trainer_seek(run.trainer, position);
    ok(loader_seek(run.loader, next.epoch, next.batch, 0));
    run_steps(&run, end, &next);
    assert_true(run_hash(&run) == whole);
    run_end(&run);
    arena_free(&arena);
}

static void stop_and_go_on(void **state) {
    (void)state;
    go_on(resized, STOP, STEPS, expected);
}

/* 24 batches of 4 make an epoch of 95 pictures and one of the next pass. */
static void stop_in_a_stream(void **state) {
    static const char *const streamed[] = {"augment.random_resized_crop.enabled=true", "data.stream=repeat",
                                           "steps_per_epoch=ceil", NULL};
    (void)state;
    uint64_t whole = run_of(&(struct run_options){FOLDER, streamed, 2, 0}, STOP + 6);
    go_on(streamed, STOP - 1, STOP + 6, whole);
}

/* All levels of one numeric class: not only each kernel, the whole run has equal bits. */
static void levels_agree(void **state) {
    (void)state;
    char kept[32] = "";
    if (getenv("SISKIN_ISA")) snprintf(kept, sizeof kept, "%s", getenv("SISKIN_ISA"));
    uint64_t few = run_of(&(struct run_options){FOLDER, resized, 2, 0}, FEW);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const char *name = cpu_isa_name((enum isa)isa);
        if (!cpu_has_isa((enum isa)isa) || !kernels_of((enum isa)isa)) {
            print_message("%s: not run here\n", name);
            continue;
        }
        setenv("SISKIN_ISA", name, 1);
        uint64_t hash = run_of(&(struct run_options){FOLDER, resized, 2, 0}, FEW);
        if (hash != few) print_error("%s: other bits\n", name);
        assert_true(hash == few);
    }
    if (*kept)
        setenv("SISKIN_ISA", kept, 1);
    else
        unsetenv("SISKIN_ISA");
}

/* ---- memory ---- */

static void plan_is_tight(int64_t batch, bool is_training) {
    struct arena arena = {0};
    struct model_args args;
    struct graph *graph, *lowered;
    struct plan *plan;
    enum isa isa;
    ok(cpu_isa(&isa));
    ok(model_defaults("mobilenet_v2", &args));
    struct model_request request = {.batch = batch, .training = is_training, .loss = is_training};
    ok(model_graph(&arena, &args, &request, &graph));
    const struct kernels *kernels = kernels_of(isa);
    ok(passes_run(&arena, graph, &(struct lowering){.kernels = kernels, .training = is_training}, &lowered));
    ok(plan_new(&arena, lowered, &(struct plan_options){.kernels = kernels, .threads = 2, .constants = !is_training}, &plan));
    double mib = 1024 * 1024, peak = (double)plan->arena_bytes, bound = (double)plan->bound_bytes;
    print_message("%s, batch %d: peak %.1f MiB, bound %.1f MiB: %.3f\n", is_training ? "training" : "inference",
                  (int)batch, peak / mib, bound / mib, peak / bound);
    assert_true(bound > 0 && peak >= bound && peak <= 1.1 * bound);
    arena_free(&arena);
}

static void plans_are_tight(void **state) {
    (void)state;
    plan_is_tight(1, false);
    plan_is_tight(16, false);
    plan_is_tight(4, true);
}

static int setup(void **state) {
    (void)state;
    run_pictures(FOLDER);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_workers),   cmocka_unit_test(pad_and_crop),
        cmocka_unit_test(seed_and_recipe_count), cmocka_unit_test(stop_and_go_on),
        cmocka_unit_test(stop_in_a_stream),      cmocka_unit_test(levels_agree),
        cmocka_unit_test(plans_are_tight),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
