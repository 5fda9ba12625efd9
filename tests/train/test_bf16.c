/* test_bf16.c — training with precision: bf16 goes down as with f32, and is the same for any threads and any rounding.
 *
 * That nothing of the families stays f32, and what the precision's census says where something does. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "ops/build.h"
#include "plan/passes.h"
#include "train/precision.h"
#include "train/run.h"

#define FOLDER SCRATCH "/pictures_of_bf16"
enum { FEW = 4, PART = 20, STEPS = 200 };

#define CALM "batch_size=16", "accumulate=1", "model.dropout=0", "label_smoothing=0", "schedule.lr=0.0005"
static const char *const f32[] = {CALM, "precision=f32", NULL};
static const char *const bf16[] = {CALM, "precision=bf16", NULL};

/* Mean losses of the first and last PART steps; the bits at the end. */
struct trained {
    double first, last;
    uint64_t hash;
};

static struct trained train(const char *const *recipe, int threads, int steps) {
    struct run run;
    struct trained t = {0};
    run_begin(&run, &(struct run_options){FOLDER, recipe, threads, 0});
    for (int i = 0; i < steps; i++) {
        const struct batch *batch;
        struct trainer_result result;
        ok(loader_next(run.loader, &batch));
        ok(trainer_step(run.trainer, batch, false, &result));
        if (i < PART) t.first += result.loss / PART;
        if (i >= steps - PART) t.last += result.loss / PART;
    }
    t.hash = run_hash(&run);
    run_end(&run);
    return t;
}

static void loss_falls_as_with_f32(void **state) {
    (void)state;
    struct trained a = train(f32, 1, STEPS), b = train(bf16, 1, STEPS);
    print_message("loss of the first and last %d of %d steps: f32 %.4f, %.4f; bf16 %.4f, %.4f\n", PART, STEPS, a.first,
                  a.last, b.first, b.last);
    assert_true(a.hash != b.hash);
    /* Seeds 1 to 3 differ by at most 0.10 and 0.07. */
    assert_true(b.last < 0.6 * b.first);
    assert_true(fabs(b.first - a.first) < 0.15);
    assert_true(fabs(b.last - a.last) < 0.15);
}

static void threads_and_rounding_change_no_bit(void **state) {
    (void)state;
    uint64_t expected = train(bf16, 1, FEW).hash;
    for (int threads = 2; threads <= 3; threads++) assert_true(train(bf16, threads, FEW).hash == expected);
    cpu_leave_out(CPU_AVX512_BF16);
    uint64_t without = train(bf16, 2, FEW).hash;
    cpu_leave_out(0);
    assert_true(without == expected);
}

static void census(const char *const *assignments, struct precision *precision) {
    struct arena arena = {0};
    struct recipe recipe;
    ok(recipe_default(&recipe, &arena));
    for (; *assignments; assignments++) ok(recipe_override(&recipe, *assignments));
    ok(precision_read(&recipe, NULL, 2, precision));
    arena_free(&arena);
}

static void what_is_kept_is_told(void **state) {
    (void)state;
    struct precision p;
    struct text text = {0};
    census((const char *const[]){"model.name=mobilenet_v2", NULL}, &p);
    assert_false(p.bf16);
    census((const char *const[]){"model.name=mobilenet_v2", "precision=bf16", "freeze=backbone", NULL}, &p);
    assert_int_equal(p.census.bf16, 0);
    /* Every op of every family keeps bf16: pools over windows, and what wraps around, too. */
    static const char *const all[][3] = {
        {"model.name=resnet50", "model.stochastic_depth=0.1"},
        {"model.name=mobilenet_v2"},
        {"model.name=mobilenet_v2", "model.wrap_padding=true"},
        {"model.name=mobilenet_v3_large"},
        {"model.name=efficientnet_b0"},
        {"model.name=efficientnet_lite0"},
        {"model.name=convnext_tiny"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *keys[6] = {"precision=bf16"};
        for (int k = 0; all[i][k]; k++) keys[k + 1] = all[i][k];
        census(keys, &p);
        precision_text(&p, &text);
        print_message("%s: %s\n", all[i][0], text.data);
        assert_true(p.bf16 && p.census.bf16 > 100);
        assert_int_equal(p.census.f32, 0);
        assert_null(strstr(text.data, " as f32 for "));
        text_free(&text);
    }
}

/* Flattening pixels is no family's business, and its kernel knows no bf16: what it reads stays, and is told. */
static void what_stays_is_told(void **state) {
    (void)state;
    struct arena arena = {0};
    struct graph *g, *lowered;
    enum isa isa;
    ok(cpu_isa(&isa));
    ok(graph_new(&arena, &g));
    int x = graph_input(g, F32, (struct shape){4, {2, 6, 6, 3}}),
        target = graph_input(g, F32, (struct shape){2, {2, 5}});
    x = build_act(g, build_conv(g, x, (struct conv){.out = 8, .kernel = 3}, "a"), ACT_RELU, "b");
    x = build_max_pool(g, x, (struct pool){3, 2, 1, false}, "c");
    graph_port(g, "loss", build_softmax_xent(g, build_linear(g, x, 5, "d"), target, "loss"));
    ok(passes_run(&arena, g, &(struct lowering){.kernels = kernels_of(isa), .training = true, .bf16 = true}, &lowered));
    struct precision p = {.bf16 = true, .batch = 2, .census = bf16_census(lowered)};
    struct text text = {0};
    precision_text(&p, &text);
    print_message("%s\n", text.data);
    assert_true(p.census.bf16 > 0 && p.census.f32 > 0);
    int64_t tensors = 0, bytes = 0;
    for (int i = 0; i < p.census.reasons; i++) tensors += p.census.reason[i].tensors, bytes += p.census.reason[i].bytes;
    assert_int_equal(tensors, p.census.f32);
    assert_int_equal(bytes, p.census.f32_bytes);
    assert_non_null(strstr(text.data, " as f32 for flatten"));
    text_free(&text);
    arena_free(&arena);
}

static int pictures(void **state) {
    (void)state;
    run_pictures(FOLDER);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_falls_as_with_f32),
        cmocka_unit_test(threads_and_rounding_change_no_bit),
        cmocka_unit_test(what_is_kept_is_told),
        cmocka_unit_test(what_stays_is_told),
    };
    return cmocka_run_group_tests(tests, pictures, NULL);
}
