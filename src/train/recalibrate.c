/* recalibrate.c — the training graph forwards alone, and a cumulative mean.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/recalibrate.h"

#include "base/cpu.h"
#include "plan/passes.h"
#include "plan/workspace.h"

enum { SIZES = 2 };

struct recalibrator {
    const struct recalibration *options;
    struct arena arena;
    struct workspace workspace;
    struct bound_plan bound[SIZES];
    double *state; /* the state block's layout: means so far */
    int64_t batches, images;
};

static sk_status plan_size(struct recalibrator *r, int64_t batch, struct plan **plan) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    struct graph *graph, *lowered;
    struct model_request request = {.batch = batch, .training = true};
    struct model_args args = r->options->network->args;
    if (r->options->size > 0) args.height = args.width = r->options->size;
    TRY(model_graph(&r->arena, &args, &request, &graph));
    struct lowering lowering = {.kernels = kernels, .training = true, .forward = true};
    TRY(passes_run(&r->arena, graph, &lowering, &lowered));
    struct plan_options options = {.kernels = kernels, .threads = team_size(r->options->team)};
    TRY(plan_new(&r->arena, lowered, &options, plan));
    workspace_want(&r->workspace, *plan);
    return SK_OK;
}

static sk_status prepare(struct recalibrator *r) {
    const struct recalibration *o = r->options;
    const int64_t sizes[SIZES] = {o->batch, o->rest};
    struct plan *plans[SIZES] = {NULL};
    for (int s = 0; s < SIZES; s++)
        if (sizes[s]) TRY(plan_size(r, sizes[s], &plans[s]));
    TRY(workspace_allocate(&r->workspace));
    struct model_blocks blocks = {.params = o->network->params, .state = o->network->state};
    for (int s = 0; s < SIZES; s++)
        if (plans[s]) TRY(bound_plan_new(&r->bound[s], &r->arena, plans[s], &r->workspace, &blocks));
    r->state = arena_array(&r->arena, (size_t)o->network->graph->state_elements, sizeof *r->state);
    return r->state ? SK_OK : SK_EMEMORY;
}

static void take_mean(double *mean, const float *batch, int64_t count, double factor, int64_t seen) {
    for (int64_t c = 0; c < count; c++) mean[c] += (factor * batch[c] - mean[c]) / (double)seen;
}

static void take_batch(struct recalibrator *r, struct bound_plan *bound, const struct batch *batch) {
    const struct graph *graph = bound->plan->graph;
    struct run_env env = {.seed = r->options->seed, .step = (uint64_t)r->batches};
    bound_plan_input(bound, "image", batch->images);
    plan_run(bound->plan, r->options->team, &env);
    r->batches++;
    for (size_t u = 0; u < graph->update_count; u++) {
        const struct update *update = &graph->updates[u];
        const struct param *mean = &graph->params[update->running_mean];
        const struct param *variance = &graph->params[update->running_variance];
        double n = (double)update->count, unbias = update->unbiased ? n / (n - 1) : 1;
        take_mean(r->state + mean->offset, plan_value(bound->plan, update->mean), mean->count, 1, r->batches);
        take_mean(r->state + variance->offset, plan_value(bound->plan, update->variance), mean->count, unbias, r->batches);
        r->state[graph->params[update->counter].offset] = (double)r->batches;
    }
}

static sk_status run(struct recalibrator *r) {
    const struct recalibration *o = r->options;
    const struct batch *batch;
    TRY(loader_seek(o->loader, o->epoch, 0, o->epoch + 1));
    for (;;) {
        TRY(loader_next(o->loader, &batch));
        if (!batch) return SK_OK;
        struct bound_plan *bound = batch->count == o->batch ? &r->bound[0] : &r->bound[1];
        FAIL_IF(batch->count != o->batch && batch->count != o->rest, SK_EINTERNAL, "no plan for a batch of %d",
                batch->count);
        take_batch(r, bound, batch);
        r->images += batch->count;
        if (o->progress) o->progress(o->user, r->images, loader_pictures(o->loader));
        FAIL_IF(o->stop && atomic_load(o->stop), SK_EINTERRUPTED, "stopped while batch-norm statistics were taken anew");
    }
}

/* A number that is not finite changes nothing. */
static sk_status finish(struct recalibrator *r) {
    const struct network *network = r->options->network;
    const struct graph *graph = network->graph;
    for (int64_t j = 0; j < graph->state_elements; j++)
        FAIL_IF(!(r->state[j] - r->state[j] == 0), SK_EDIVERGED,
                "a batch-norm statistic of these weights is not finite; nothing was changed");
    for (int64_t j = 0; j < graph->state_elements && r->batches; j++) network->state[j] = (float)r->state[j];
    return SK_OK;
}

sk_status recalibrate(const struct recalibration *options, int64_t *batches) {
    struct recalibrator r = {.options = options};
    sk_status status = SK_OK;
    *batches = 0;
    if (options->network->graph->state_elements == 0) return SK_OK;
    status = prepare(&r);
    if (status == SK_OK) status = run(&r);
    if (status == SK_OK) status = finish(&r);
    *batches = r.batches;
    for (int s = 0; s < SIZES; s++) bound_plan_free(&r.bound[s]);
    workspace_free(&r.workspace);
    arena_free(&r.arena);
    return status;
}
