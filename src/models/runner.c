/* runner.c — a network made ready for inference: planned once for its largest batch, then run without allocating.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/network.h"
#include "plan/passes.h"
#include "plan/reference.h"
#include "plan/workspace.h"

struct runner {
    struct arena arena;
    const struct network *network;
    struct team *team;
    int64_t batch, image_floats;
    struct workspace workspace;
    struct bound_plan bound;
    struct region padded;        /* a batch that is not full is copied here */
    struct reference *reference; /* instead of all that, where no_passes */
};

static sk_status plan_engine(struct runner *runner, const struct graph *graph, bool profile) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    struct graph *lowered;
    TRY(passes_run(&runner->arena, graph, &(struct lowering){.kernels = kernels}, &lowered));
    struct plan *plan;
    struct plan_options options = {.kernels = kernels, .threads = team_size(runner->team), .constants = true};
    TRY(plan_new(&runner->arena, lowered, &options, &plan));
    if (profile) TRY(plan_profile(plan, &runner->arena));
    workspace_want(&runner->workspace, plan);
    TRY(workspace_allocate(&runner->workspace));
    struct model_blocks blocks = {runner->network->params, runner->network->state, NULL};
    TRY(bound_plan_new(&runner->bound, &runner->arena, plan, &runner->workspace, &blocks));
    return region_new(&runner->padded, (size_t)(runner->batch * runner->image_floats) * sizeof(float));
}

static sk_status prepare(struct runner *runner, const struct runner_options *options) {
    const struct model_args *args = &runner->network->args;
    runner->batch = options->batch ? options->batch : 1;
    runner->team = options->team;
    runner->image_floats = args->height * args->width * args->in_channels;
    struct graph *graph;
    TRY(model_graph(&runner->arena, args, &(struct model_request){.batch = runner->batch}, &graph));
    if (options->no_passes)
        TRY(reference_new(&runner->arena, graph, &runner->reference));
    else
        TRY(plan_engine(runner, graph, options->profile));
    runner_refresh(runner);
    return SK_OK;
}

sk_status runner_new(struct runner **out, const struct network *network, const struct runner_options *options) {
    struct runner *runner = block_new(sizeof *runner);
    if (!runner) return SK_EMEMORY;
    runner->network = network;
    sk_status status = prepare(runner, options);
    if (status == SK_OK)
        *out = runner;
    else
        runner_free(runner);
    return status;
}

void runner_free(struct runner *runner) {
    if (!runner) return;
    bound_plan_free(&runner->bound);
    workspace_free(&runner->workspace);
    region_free(&runner->padded);
    arena_free(&runner->arena);
    block_free(runner);
}

void runner_refresh(struct runner *runner) {
    const struct graph *graph = runner->network->graph;
    if (!runner->reference) {
        plan_prepare(runner->bound.plan, runner->team);
        return;
    }
    for (int64_t j = 0; j < graph->param_elements; j++) runner->reference->params[j] = runner->network->params[j];
    for (int64_t j = 0; j < graph->state_elements; j++) runner->reference->state[j] = runner->network->state[j];
}

static void run_reference(struct runner *runner, int64_t n, const float *images, float *logits) {
    struct reference *reference = runner->reference;
    double *to = reference->values[graph_find_port(reference->graph, "image")];
    for (int64_t j = 0; j < runner->batch * runner->image_floats; j++)
        to[j] = j < n * runner->image_floats ? images[j] : 0;
    reference_run(reference, &(struct run_env){0});
    const double *from = reference->values[graph_find_port(reference->graph, "logits")];
    for (int64_t j = 0; j < n * runner->network->args.num_classes; j++) logits[j] = (float)from[j];
}

void runner_run(struct runner *runner, int64_t n, const float *images, float *logits) {
    if (runner->reference) {
        run_reference(runner, n, images, logits);
        return;
    }
    if (n < runner->batch) { /* rows beyond n keep old numbers: nothing reads their logits */
        memcpy(runner->padded.data, images, (size_t)(n * runner->image_floats) * sizeof *images);
        images = runner->padded.data;
    }
    bound_plan_input(&runner->bound, "image", images);
    plan_run(runner->bound.plan, runner->team, &(struct run_env){0});
    memcpy(logits, bound_plan_output(&runner->bound, "logits"),
           (size_t)(n * runner->network->args.num_classes) * sizeof *logits);
}

const struct plan *runner_plan(const struct runner *runner) {
    return runner->bound.plan;
}
