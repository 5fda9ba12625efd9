/* verb_bench.c — siskin bench: pictures per second of inference or training, beside this machine's own peaks.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/rng.h"
#include "base/team.h"
#include "plan/plan.h"
#include "train/from_recipe.h"
#include "train/precision.h"
#include "train/progress.h"
#include "train/trainer.h"
#include "verbs/bench_data.h"
#include "verbs/layer_times.h"
#include "verbs/layers.h"
#include "verbs/model_arg.h"

const struct option options_bench[] = {
    {"batch", 0, "N", "Pictures per run; 1 by default, 16 with --train, 64 with --data."},
    {"train", 0, NULL, "Training steps: forward, backward, optimizer."},
    {"layers", 0, NULL, "Best time of every fused step, with its rates."},
    {"seconds", 0, "N", "Measure at least so long; 2 by default."},
    {"precision", 0, "f32|bf16", "Training: how activations and gradients are kept; f32 by default."},
    {"data", 0, "SPEC", "Instead of a model, reading and augmenting these training pictures."},
    {"recipe", 'r', "RECIPE", "With --data: how; the keys' defaults without it."},
    {"workers", 0, "N", "With --data: threads that decode and augment; all cores by default."},
    {0},
};

enum { RUNS_FEWEST = 5, RUNS_MOST = 100000, WARM = 3 };

struct bench {
    struct call *call;
    struct network *network;
    struct team *team;
    int64_t batch, seconds;
    bool train, layers;
    const char *precision;
    struct peaks peaks;
    float *images, *logits;
    struct runner *runner;
    struct trainer *trainer;
    struct batch data;
    double *times; /* of each run */
    int64_t runs;
    int64_t macs, bytes; /* of one run; bytes of the fused steps, inference alone */
    size_t peak_bytes;
    double bound; /* seconds of a run that the peaks allow */
};

static sk_status one_run(struct bench *b) {
    if (!b->train) {
        runner_run(b->runner, b->batch, b->images, b->logits);
        return SK_OK;
    }
    struct trainer_result result;
    return trainer_step(b->trainer, &b->data, false, &result);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sk_status measure(struct bench *b) {
    for (int i = 0; i < WARM; i++) TRY(one_run(b));
    double began = clock_seconds(), before = began;
    while (b->runs < RUNS_MOST && (b->runs < RUNS_FEWEST || before - began < (double)b->seconds)) {
        TRY(one_run(b));
        double now = clock_seconds();
        b->times[b->runs++] = now - before;
        before = now;
        FAIL_IF(atomic_load(&call_stop), SK_EINTERRUPTED, "stopped");
    }
    qsort(b->times, (size_t)b->runs, sizeof *b->times, by_size);
    return SK_OK;
}

/* ---- making what is measured ---- */

static sk_status prepare_inputs(struct bench *b) {
    struct arena *arena = &b->call->arena;
    const struct model_args *args = &b->network->args;
    size_t floats = (size_t)(b->batch * args->height * args->width * args->in_channels);
    struct region images; /* lives as long as the program's call */
    TRY(region_new(&images, floats * sizeof(float)));
    b->images = images.data;
    b->logits = arena_array(arena, (size_t)(b->batch * args->num_classes), sizeof *b->logits);
    b->times = arena_array(arena, RUNS_MOST, sizeof *b->times);
    b->data.labels = arena_array(arena, (size_t)b->batch, sizeof *b->data.labels);
    if (!b->logits || !b->times || !b->data.labels) {
        region_free(&images);
        b->images = NULL;
        return SK_EMEMORY;
    }
    struct rng rng = rng_at(1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < floats; i++) b->images[i] = 2 * rng_float(&rng) - 1;
    for (int64_t i = 0; i < b->batch; i++) b->data.labels[i] = (int32_t)rng_below(&rng, (uint64_t)args->num_classes);
    b->data.images = b->images;
    b->data.count = (int)b->batch;
    return SK_OK;
}

static void free_inputs(struct bench *b) {
    const struct model_args *args = &b->network->args;
    struct region images = {b->images,
                            (size_t)(b->batch * args->height * args->width * args->in_channels) * sizeof(float)};
    if (b->images) region_free(&images);
}

static sk_status prepare_training(struct bench *b, struct recipe *recipe, struct epoch_plan *plan) {
    size_t bound;
    TRY(recipe_default(recipe, &b->call->arena));
    TRY(call_overrides(b->call, recipe));
    recipe->batch_size = b->batch;
    recipe->accumulate = 1;
    const char *precision = call_option(b->call, "precision");
    if (precision) TRY(recipe_set(recipe, "precision", precision));
    b->precision = precision_name(recipe);
    if (!recipe_is_set(recipe, RECIPE_schedule_lr)) recipe->schedule_lr = 1e-3; /* noise must not diverge */
    TRY(epoch_plan_make(plan, recipe, b->batch * 1000, 1));
    struct trainer_options options = {recipe, b->network, b->team, plan, .profile = b->layers};
    TRY(trainer_new(&b->trainer, &options, 0));
    trainer_memory(b->trainer, &b->peak_bytes, &bound);
    b->bound = layer_bounds(trainer_full_plan(b->trainer), &b->peaks, b->peak_bytes);
    return SK_OK;
}

static sk_status prepare(struct bench *b, struct recipe *recipe, struct epoch_plan *plan) {
    struct graph *graph;
    struct layers layers;
    TRY(prepare_inputs(b));
    TRY(model_graph(&b->call->arena, &b->network->args, &(struct model_request){.batch = b->batch}, &graph));
    TRY(layers_of(&b->call->arena, graph, &layers));
    b->macs = layers.macs;
    if (b->train) {
        b->macs *= 3; /* the gradients of data and of weights each cost the forward's again */
        return prepare_training(b, recipe, plan);
    }
    struct runner_options options = {.batch = b->batch, .team = b->team, .profile = b->layers};
    TRY(runner_new(&b->runner, b->network, &options));
    const struct plan *made = runner_plan(b->runner);
    size_t bound;
    runner_memory(b->runner, &b->peak_bytes, &bound);
    for (int s = 0; s < made->step_count; s++)
        if (made->steps[s].first_phase >= 0) b->bytes += layer_cost(made->graph, made->steps[s].node).bytes;
    b->bytes = b->bytes * b->batch / runner_chunk(b->runner);
    b->bound = layer_bounds(made, &b->peaks, made->kept_bytes + b->peak_bytes);
    b->bound *= (double)b->batch / (double)runner_chunk(b->runner);
    return SK_OK;
}

static void answer(struct bench *b) {
    struct json_writer *w = &b->call->json;
    double best = b->times[0], median = b->times[b->runs / 2];
    double flops = 2.0 * (double)b->macs / median;
    jw_string(w, "model", b->network->args.name);
    jw_string(w, "mode", b->train ? "train" : "inference");
    jw_string(w, "dtype", b->precision);
    jw_string(w, "precision", b->precision);
    jw_integer(w, "batch", b->batch);
    jw_integer(w, "threads", team_size(b->team));
    jw_number(w, "images_per_s", (double)b->batch / median);
    jw_number(w, "latency_ms", 1e3 * median);
    jw_number(w, "best_images_per_s", (double)b->batch / best);
    jw_number(w, "best_latency_ms", 1e3 * best);
    jw_integer(w, "runs", b->runs);
    jw_integer(w, "peak_bytes", (int64_t)b->peak_bytes);
    jw_integer(w, "macs", b->macs);
    jw_number(w, "gflops", 1e-9 * flops);
    jw_number(w, "peak_gflops", 1e-9 * b->peaks.flops);
    jw_number(w, "peak_gbytes", 1e-9 * b->peaks.bytes);
    jw_number(w, "fma_share", flops / b->peaks.flops);
    if (b->bytes) jw_number(w, "copy_share", (double)b->bytes / median / b->peaks.bytes);
    jw_number(w, "bound_share", b->bound / median);
    if (b->layers) layer_times(b->call, b->train ? trainer_full_plan(b->trainer) : runner_plan(b->runner), &b->peaks);
    call_result(b->call, "%s, %s %s, input %lld x %lld, batch %lld, %d threads", b->network->args.name,
                b->train ? "training" : "inference", b->precision, (long long)b->network->args.height,
                (long long)b->network->args.width, (long long)b->batch, team_size(b->team));
    call_result(b->call, "%.1f images/s · %.3f ms a run (best %.3f ms, %lld runs) · activations %.2f MiB",
                (double)b->batch / median, 1e3 * median, 1e3 * best, (long long)b->runs,
                (double)b->peak_bytes / 1048576);
    call_result(b->call, "%.1f GFLOP/s, %.0f %% of this machine's %.1f GFLOP/s of multiply-adds", 1e-9 * flops,
                100 * flops / b->peaks.flops, 1e-9 * b->peaks.flops);
    if (b->bytes)
        call_result(b->call, "%.1f GB/s between fused steps, %.0f %% of the %.1f GB/s that it copies",
                    1e-9 * (double)b->bytes / median, 100 * (double)b->bytes / median / b->peaks.bytes,
                    1e-9 * b->peaks.bytes);
    call_result(b->call, "%.0f %% of the bound: the sum over the steps of what multiply-adds or memory allow, %.3f ms",
                100 * b->bound / median, 1e3 * b->bound);
}

sk_status verb_bench(struct call *call) {
    struct bench b = {
        .call = call, .precision = "f32", .train = call_switch(call, "train"), .layers = call_switch(call, "layers")};
    struct recipe recipe;
    struct epoch_plan plan;
    int threads;
    if (call_option(call, "data")) return bench_data(call);
    FAIL_IF(call_option(call, "recipe") || call_option(call, "workers"), SK_EUSAGE,
            "--recipe and --workers say how pictures are read: give --data SPEC, too");
    FAIL_IF(call->argument_count != 1, SK_EUSAGE, "bench needs a MODEL, or --data SPEC");
    FAIL_IF(
        !b.train && call_option(call, "precision"), SK_EUSAGE,
        "--precision says how training keeps activations; inference keeps them as f32: add --train, or leave it out");
    TRY(call_integer(call, "batch", 1, 65536, b.train ? 16 : 1, &b.batch));
    TRY(call_integer(call, "seconds", 1, 3600, 2, &b.seconds));
    TRY(call_threads(call, &threads));
    TRY(model_open(call, call->arguments[0], false, &b.network));
    sk_status status = team_new(&b.team, threads);
    if (status == SK_OK) status = peaks_measure(b.team, &b.peaks);
    if (status == SK_OK) status = prepare(&b, &recipe, &plan);
    if (status == SK_OK) status = measure(&b);
    if (status == SK_OK) answer(&b);
    runner_free(b.runner);
    trainer_free(b.trainer);
    team_free(b.team);
    free_inputs(&b);
    network_free(b.network);
    return status;
}
