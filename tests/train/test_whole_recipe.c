/* test_whole_recipe.c — ten optimizer steps with everything at once, against PyTorch and Optax in float64: AdamW, an average of
 * the weights, Mixup, stochastic depth, accumulation; layer scales in a ConvNeXt, grouped batch norm in a MobileNetV2.
 *
 * The reference run is held to 1e-8 in every loss, weight, running statistic and average. Fixture:
 * tests/golden/make_whole_recipe.py, where masks and mixed pictures are made again. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/team.h"
#include "ok.h"
#include "plan/formula.h"
#include "train/trainer.h"

/* Sanitized builds are many times slower: they see three optimizer steps. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MICRO = 6 };
#else
enum { MICRO = 20 };
#endif
enum { CLASSES = 10, SIZE = 64, MOST = 8, WHOLE = 20 };

struct golden {
    struct arena arena;
    struct json *json;
};

static int golden_open(void **state) {
    struct golden *golden = calloc(1, sizeof *golden);
    uint8_t *bytes;
    size_t size;
    ok(file_read(&golden->arena, FIXTURES "/golden/whole_recipe.json", 1 << 24, &bytes, &size));
    ok(json_parse(&golden->arena, (const char *)bytes, size, "whole_recipe.json", &golden->json));
    *state = golden;
    return 0;
}

static int golden_close(void **state) {
    struct golden *golden = *state;
    arena_free(&golden->arena);
    free(golden);
    return 0;
}

static const struct json *find_case(const struct golden *golden, const char *member) {
    for (const struct json *one = json_get(golden->json, "cases")->child; one; one = one->next)
        if (!strcmp(json_string(one, "member", ""), member)) return one;
    fail_msg("no case of %s", member);
    return NULL;
}

struct run {
    struct arena arena;
    struct recipe recipe;
    struct network *network;
    struct team *team;
    struct trainer *trainer;
    struct epoch_plan epochs;
    int batch;
    float images[MOST * SIZE * SIZE * 3], plain[MOST * SIZE * SIZE * 3];
};

static const char *const common[] = {"optimizer.name=adam",
                                     "optimizer.beta1=0.9",
                                     "optimizer.beta2=0.999",
                                     "optimizer.eps=1e-6",
                                     "schedule.name=constant",
                                     "schedule.lr=0.001",
                                     "weight_decay.value=0.05",
                                     "weight_decay.order=decoupled",
                                     "weight_decay.exclude=[bias, norm, depthwise, layer_scale]",
                                     "accumulate=2",
                                     "ema.decay=0.9",
                                     "ema.batch_statistics=true",
                                     "mix.of=timm",
                                     "mix.mixup=1",
                                     "seed=42",
                                     "epochs=1"};

static struct run *run_new(const struct json *one, const char *form, bool reference) {
    struct run *run = calloc(1, sizeof *run);
    struct model_args args;
    run->batch = (int)json_integer(one, "batch", 0);
    ok(recipe_default(&run->recipe, &run->arena));
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) ok(recipe_override(&run->recipe, common[i]));
    ok(recipe_override(&run->recipe, arena_printf(&run->arena, "ema.form=%s", form)));
    ok(recipe_override(&run->recipe, arena_printf(&run->arena, "batch_size=%d", run->batch)));
    ok(recipe_override(&run->recipe,
                       arena_printf(&run->arena, "batch_norm.group=%d", (int)json_integer(one, "group", 0))));
    ok(model_args_read(json_get(one, "args"), "args", &args));
    ok(network_new(&run->network, &args));
    formula_fill(run->network->graph, run->network->params, run->network->state, NULL, NULL);
    ok(team_new(&run->team, 2));
    ok(epoch_plan_make(&run->epochs, &run->recipe, run->batch * WHOLE, 1));
    struct trainer_options options = {.recipe = &run->recipe,
                                      .network = run->network,
                                      .team = run->team,
                                      .epochs = &run->epochs,
                                      .reference = reference};
    ok(trainer_new(&run->trainer, &options, 0));
    return run;
}

static void run_free(struct run *run) {
    trainer_free(run->trainer);
    team_free(run->team);
    network_free(run->network);
    arena_free(&run->arena);
    free(run);
}

/* Micro-batch `micro`: picture i mixed with the one as far from the other end. */
static double run_micro(struct run *run, int micro) {
    static const double shares[] = {0.75, 0.5, 0.9, 0.3, 0.65};
    struct mixed mixed[MOST];
    int32_t labels[MOST];
    uint32_t indices[MOST] = {0};
    struct trainer_result result;
    int64_t floats = SIZE * SIZE * 3;
    double share = shares[micro % 5], own = (float)share, other = (float)(1 - share);
    formula_images(micro * run->batch, run->batch, SIZE, run->plain, NULL);
    for (int i = 0; i < run->batch; i++) labels[i] = (7 * (micro * run->batch + i) + 3) % CLASSES;
    for (int i = 0; i < run->batch; i++) {
        int partner = run->batch - 1 - i;
        const float *a = run->plain + i * floats, *b = run->plain + partner * floats;
        mixed[i] =
            (struct mixed){.kind = MIX_UP, .partner = (uint32_t)partner, .label = labels[partner], .share = share};
        for (int64_t j = 0; j < floats; j++) run->images[i * floats + j] = (float)(own * a[j] + other * b[j]);
    }
    struct batch batch = {.images = run->images,
                          .labels = labels,
                          .indices = indices,
                          .mix = mixed,
                          .count = run->batch,
                          .number = micro};
    ok(trainer_step(run->trainer, &batch, false, &result));
    assert_true(result.stepped == (micro % 2 == 1));
    return result.loss;
}

static const double *block_of(struct run *run, const char *name) {
    struct trainer_block blocks[TRAINER_BLOCKS];
    int count = trainer_blocks(run->trainer, blocks);
    for (int b = 0; b < count; b++)
        if (!strcmp(blocks[b].name, name) && blocks[b].dtype == F64) return blocks[b].data;
    fail_msg("no block %s in double", name);
    return NULL;
}

/* Sampled entries and norms of every tensor, on the tensor's own scale: the largest distance. */
static double tensors_off(struct run *run, const struct json *list, const char *params, const char *state) {
    double worst = 0;
    int count = 0, wanted = 0;
    for (const struct json *item = list->child; item; item = item->next, count++) {
        const struct param *param = graph_find_param(run->network->graph, json_string(item, "name", ""));
        assert_non_null(param);
        const double *block = block_of(run, param->state ? state : params) + param->offset;
        double squares = 0, l2 = json_number(item, "l2", 0);
        for (int64_t j = 0; j < param->count; j++) {
            const struct json *value = json_get(item, "value")->child;
            squares += block[j] * block[j];
            for (const struct json *at = json_get(item, "index")->child; at; at = at->next, value = value->next)
                if (at->integer == param_file_index(param, j)) worst = fmax(worst, fabs(block[j] - value->number) / l2);
        }
        worst = fmax(worst, fabs(sqrt(squares) - l2) / l2);
    }
    for (size_t i = 0; i < run->network->graph->param_count; i++)
        wanted += run->network->graph->params[i].kind != STATE_COUNTER;
    assert_int_equal(count, wanted);
    return worst;
}

static void follows(const struct golden *golden, const char *member, const char *truth, const char *form) {
    const struct json *one = find_case(golden, member), *run_of = json_get(one, truth);
    struct run *run = run_new(one, form, true);
    double worst = 0, largest = 0;
    int micro = 0;
    for (const struct json *loss = json_get(run_of, "losses")->child; micro < MICRO; loss = loss->next, micro++) {
        worst = fmax(worst, fabs(run_micro(run, micro) - loss->number));
        largest = fmax(largest, loss->number);
    }
    assert_true(worst < 1e-8 * largest);
    if (micro < WHOLE) {
        run_free(run);
        return;
    }
    double state = tensors_off(run, json_get(run_of, "state"), "params", "state");
    double average = tensors_off(run, json_get(run_of, "average"), "ema.params", "ema.state");
    print_message("%s, %s: losses off by %.2g, weights and statistics by %.2g, their average by %.2g\n", member, truth,
                  worst / largest, state, average);
    assert_true(state < 1e-8 && average < 1e-8);
    run_free(run);
}

static void grouped_is_torch(void **state) {
    follows(*state, "mobilenet_v2", "torch", "torchvision");
}

static void grouped_is_optax(void **state) {
    follows(*state, "mobilenet_v2", "optax", "optax");
}

static void scaled_is_torch(void **state) {
    follows(*state, "convnext", "torch", "torchvision");
}

static void scaled_is_optax(void **state) {
    follows(*state, "convnext", "optax", "optax");
}

/* The same in f32: the fast path has every part. Norms of sixteen numbers under AdamW magnify rounding tenfold a step. */
static void engine_follows(void **state) {
    static const struct {
        const char *member;
        int losses;
    } rows[] = {{"mobilenet_v2", 4}, {"convnext", MICRO}};
    for (int r = 0; r < 2; r++) {
        const struct json *one = find_case(*state, rows[r].member),
                          *loss = json_get(json_get(one, "torch"), "losses")->child;
        struct run *run = run_new(one, "torchvision", false);
        double worst = 0;
        for (int micro = 0; micro < rows[r].losses; micro++, loss = loss->next)
            worst = fmax(worst, fabs(run_micro(run, micro) - loss->number) / loss->number);
        print_message("%s: f32 losses off by %.2g\n", rows[r].member, worst);
        assert_true(worst < 1e-3);
        run_free(run);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grouped_is_torch), cmocka_unit_test(grouped_is_optax), cmocka_unit_test(scaled_is_torch),
        cmocka_unit_test(scaled_is_optax),  cmocka_unit_test(engine_follows),
    };
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}
