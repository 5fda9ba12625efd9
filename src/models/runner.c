/* runner.c — a network made ready for inference: planned once for its largest batch, then run without allocating.
 *
 * Few pictures: the whole team works on one batch, step by step. Many: each thread is a lane of its own that takes a
 * few pictures through the whole network, with no barrier between steps and activations that stay in its cache.
 * Both give the same bits. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "models/layer_name.h"
#include "models/network.h"
#include "plan/passes.h"
#include "plan/reference.h"
#include "plan/workspace.h"

/* Pixels that a lane takes at once: two pictures of 224, whose 7x7 maps together are whole register tiles. */
enum { LANE_PIXELS = 2 * 224 * 224 };
/* Or more, while their activations take no more than this: a chunk reads all weights once. */
enum { LANE_BYTES = 2 << 20 };

struct runner_lane {
    struct workspace workspace;
    struct bound_plan bound;
    struct region padded; /* a chunk that is not full is copied here */
};

struct runner {
    struct arena arena;
    const struct network *network;
    struct team *team;
    const char *from;    /* what goes in: "image", or "features" above a cut */
    const char *port;    /* what is given: "logits", "features" below a cut, or "at" where a layer was asked for */
    struct shape output; /* of one picture */
    int64_t batch, chunk, image_floats, output_floats;
    struct runner_lane *lanes;
    int lane_count;              /* 1: the team works together */
    struct reference *reference; /* instead of all that, where no_passes */
};

/* The unlowered graph for a batch; the layer that was asked for becomes a port, which no pass removes. */
static sk_status runner_graph(struct runner *runner, int64_t batch, const struct runner_options *wanted,
                              struct graph **graph) {
    TRY(model_graph(&runner->arena, &runner->network->args, &(struct model_request){.batch = batch}, graph));
    runner->from = "image", runner->port = "logits";
    if (wanted->side == RUNNER_BELOW) {
        TRY(cut_below(&runner->arena, *graph, &wanted->cut, graph));
        runner->port = "features";
    } else if (wanted->side == RUNNER_ABOVE) {
        TRY(cut_above(&runner->arena, *graph, &wanted->cut, graph));
        runner->from = "features";
    }
    if (wanted->at) {
        int value;
        TRY(layer_find(*graph, wanted->at, &value));
        runner->port = "at";
        graph_port(*graph, runner->port, value);
    }
    runner->image_floats = value_elements(*graph, graph_find_port(*graph, runner->from)) / batch;
    runner->output = *value_shape(*graph, graph_find_port(*graph, runner->port));
    runner->output.dim[0] = 1;
    runner->output_floats = shape_elements(&runner->output);
    return graph_check(*graph);
}

/* Of what a lent network left in its file: what others than packing read is copied after all. */
static void copy_lent(const struct runner *runner, const struct plan *plan) {
    const struct network *network = runner->network;
    for (size_t i = 0; network->files && i < network->graph->param_count; i++) {
        const struct param *param = &network->graph->params[i];
        if (!network->files[i] || (plan && plan_packs_alone(plan, (int)i))) continue;
        param_from_file(param, network->files[i], network->params + param->offset);
        network->files[i] = NULL;
    }
}

static sk_status lane_new(struct runner *runner, struct runner_lane *lane, const struct graph *lowered,
                          const struct plan_options *options, bool profile) {
    struct plan *plan;
    TRY(plan_new(&runner->arena, lowered, options, &plan));
    if (profile) TRY(plan_profile(plan, &runner->arena));
    copy_lent(runner, plan);
    workspace_want(&lane->workspace, plan);
    TRY(workspace_allocate(&lane->workspace));
    struct model_blocks blocks = {.params = runner->network->params,
                                  .state = runner->network->state,
                                  .constants = runner->lanes[0].bound.constants.data,
                                  .files = runner->network->files,
                                  .files_mapped = runner->network->file.mapped};
    TRY(bound_plan_new(&lane->bound, &runner->arena, plan, &lane->workspace, &blocks));
    if (runner->chunk == 1) return SK_OK; /* always full */
    return region_new(&lane->padded, (size_t)(runner->chunk * runner->image_floats) * sizeof(float));
}

static void choose_lanes(struct runner *runner, bool profile) {
    const struct model_args *args = &runner->network->args;
    int threads = team_size(runner->team);
    runner->lane_count = 1, runner->chunk = runner->batch;
    if (profile || threads < 2 || runner->batch < 2 * threads) return;
    int64_t pictures = LANE_PIXELS / (args->height * args->width), share = runner->batch / (2 * threads);
    runner->lane_count = threads;
    runner->chunk = pictures < 1 ? 1 : pictures > share ? share : pictures;
}

/* The graph of a chunk, and twice as many pictures as long as a small network allows it. */
static sk_status chunk_graph(struct runner *runner, const struct runner_options *wanted,
                             const struct plan_options *options, struct graph **graph) {
    TRY(runner_graph(runner, runner->chunk, wanted, graph));
    while (runner->lane_count > 1 && 2 * runner->chunk * 2 * runner->lane_count <= runner->batch) {
        struct graph *lowered;
        struct plan *plan;
        TRY(passes_run(&runner->arena, *graph, &(struct lowering){.kernels = options->kernels}, &lowered));
        TRY(plan_new(&runner->arena, lowered, options, &plan));
        if (2 * plan->arena_bytes > LANE_BYTES) break;
        runner->chunk *= 2;
        TRY(runner_graph(runner, runner->chunk, wanted, graph));
    }
    return SK_OK;
}

static sk_status plan_engine(struct runner *runner, const struct runner_options *wanted) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_run_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    choose_lanes(runner, wanted->profile);
    struct graph *graph, *lowered;
    runner->lanes = arena_array(&runner->arena, (size_t)runner->lane_count, sizeof *runner->lanes);
    if (!runner->lanes) return SK_EMEMORY;
    int threads = runner->lane_count > 1 ? 1 : team_size(runner->team);
    struct plan_options options = {.kernels = kernels, .threads = threads, .constants = true, .release = wanted->once};
    TRY(chunk_graph(runner, wanted, &options, &graph));
    for (int i = 0; i < runner->lane_count; i++) { /* a graph each: planning marks its constants */
        TRY(passes_run(&runner->arena, graph, &(struct lowering){.kernels = kernels}, &lowered));
        TRY(lane_new(runner, &runner->lanes[i], lowered, &options, wanted->profile));
    }
    return SK_OK;
}

static sk_status prepare(struct runner *runner, const struct runner_options *options) {
    runner->batch = runner->chunk = options->batch ? options->batch : 1;
    runner->team = options->team;
    if (options->no_passes) {
        struct graph *graph;
        TRY(runner_graph(runner, runner->batch, options, &graph));
        TRY(reference_new(&runner->arena, graph, &runner->reference));
        copy_lent(runner, NULL);
    } else {
        TRY(plan_engine(runner, options));
    }
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
    for (int i = 0; runner->lanes && i < runner->lane_count; i++) {
        bound_plan_free(&runner->lanes[i].bound);
        workspace_free(&runner->lanes[i].workspace);
        region_free(&runner->lanes[i].padded);
    }
    arena_free(&runner->arena);
    block_free(runner);
}

void runner_refresh(struct runner *runner) {
    const struct graph *graph = runner->network->graph;
    if (!runner->reference) {
        plan_prepare(runner->lanes[0].bound.plan, runner->team); /* the constants of all lanes */
        return;
    }
    for (int64_t j = 0; j < graph->param_elements; j++) runner->reference->params[j] = runner->network->params[j];
    for (int64_t j = 0; j < graph->state_elements; j++) runner->reference->state[j] = runner->network->state[j];
}

static void run_reference(struct runner *runner, int64_t n, const float *images, float *outputs) {
    struct reference *reference = runner->reference;
    double *to = reference->values[graph_find_port(reference->graph, runner->from)];
    for (int64_t j = 0; j < runner->batch * runner->image_floats; j++)
        to[j] = j < n * runner->image_floats ? images[j] : 0;
    reference_run(reference, &(struct run_env){0});
    const double *from = reference->values[graph_find_port(reference->graph, runner->port)];
    for (int64_t j = 0; j < n * runner->output_floats; j++) outputs[j] = (float)from[j];
}

struct lanes_call {
    struct runner *runner;
    int64_t n;
    const float *images; /* (n,H,W,C) */
    float *outputs;      /* (n,…) */
};

/* Chunk `index` of the batch, through the plan of lane `member`. */
static void run_chunk(void *arg, int64_t index, int member) {
    const struct lanes_call *call = arg;
    struct runner *runner = call->runner;
    struct runner_lane *lane = &runner->lanes[member];
    int64_t first = index * runner->chunk, floats = runner->output_floats;
    int64_t count = call->n - first < runner->chunk ? call->n - first : runner->chunk;
    const float *images = call->images + first * runner->image_floats;
    if (count < runner->chunk) { /* rows beyond count keep old numbers: nothing reads their outputs */
        memcpy(lane->padded.data, images, (size_t)(count * runner->image_floats) * sizeof *images);
        images = lane->padded.data;
    }
    bound_plan_input(&lane->bound, runner->from, images);
    if (runner->lane_count > 1)
        plan_run_alone(lane->bound.plan, &(struct run_env){0});
    else
        plan_run(lane->bound.plan, runner->team, &(struct run_env){0});
    memcpy(call->outputs + first * floats, bound_plan_output(&lane->bound, runner->port),
           (size_t)(count * floats) * sizeof *call->outputs);
}

void runner_run(struct runner *runner, int64_t n, const float *images, float *outputs) {
    struct lanes_call call = {runner, n, images, outputs};
    if (runner->reference)
        run_reference(runner, n, images, outputs);
    else if (runner->lane_count > 1)
        team_for(runner->team, (n + runner->chunk - 1) / runner->chunk, run_chunk, &call);
    else
        run_chunk(&call, 0, 0);
}

struct shape runner_output(const struct runner *runner) {
    return runner->output;
}

int64_t runner_input_floats(const struct runner *runner) {
    return runner->image_floats;
}

const struct plan *runner_plan(const struct runner *runner) {
    return runner->lanes ? runner->lanes[0].bound.plan : NULL;
}

int64_t runner_chunk(const struct runner *runner) {
    return runner->chunk;
}

void runner_memory(const struct runner *runner, size_t *peak, size_t *bound) {
    *peak = *bound = 0;
    for (int i = 0; runner->lanes && i < runner->lane_count; i++) {
        *peak += runner->lanes[i].bound.plan->arena_bytes;
        *bound += runner->lanes[i].bound.plan->bound_bytes;
    }
}
