/* squeeze.c — the gate of a squeeze-excite as one step of inference (Hu et al. 2018): mean, two layers, two activations.
 *
 * Made by a pass from pool and convolutions, which are its reference: passes are tested against the graph without them.
 * What is pooled comes as sums of strips, which the depthwise part formed while it stored.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

static sk_status squeeze_infer(struct graph *graph, int node) {
    const struct squeeze_attr *attr = graph->nodes[node].attr;
    graph_output(graph, node, 0, F32, (struct shape){2, {attr->in.n, attr->out.k}});
    return graph->status;
}

static struct cost squeeze_cost(const struct graph *graph, const struct node *node) {
    const struct squeeze_attr *attr = node->attr;
    int64_t weights = 2 * attr->in.c * attr->in.k;
    (void)graph;
    return (struct cost){.macs = attr->in.n * weights, .bytes = 4 * (weights + 3 * attr->in.n * attr->in.c)};
}

static sk_status squeeze_plan(const struct plan_request *request, struct step_plan *step) {
    const struct squeeze_attr *attr = request->node->attr;
    struct squeeze_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    int64_t strips = value_shape(request->graph, request->node->in[SQ_SUMS])->dim[0];
    *job = (struct squeeze_job){.n = attr->in.n, .strips = strips / attr->in.n, .c = attr->in.c};
    job->squeezed = attr->in.k, job->scale = 1.0f / (float)attr->pixels;
    job->act = attr->act, job->gate_act = attr->gate_act;
    step->lane_scratch = request->kernels->squeeze_plan(job, request->threads);
    step->job = job;
    step->phases = (int)job->phases;
    step->shared_scratch = (size_t)job->shared_floats * sizeof(float);
    for (int phase = 0; phase < step->phases; phase++) step->tiles[phase] = job->tiles[phase];
    if (step->phases == 1) step->tiles[0] = 1;
    return SK_OK;
}

static void squeeze_bind(const struct bind_request *request, void *to) {
    struct squeeze_job *job = to;
    void *const *in = request->in;
    job->sums = in[SQ_SUMS], job->w1 = in[SQ_IN], job->b1 = in[SQ_IN_BIAS], job->w2 = in[SQ_OUT];
    job->b2 = in[SQ_OUT_BIAS], job->y = request->out[0], job->shared = request->shared;
}

static void squeeze_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    kernels->squeeze_run(job, phase, tile, lane->scratch);
}

const struct op op_squeeze = {
    .name = "squeeze",
    .outputs = 1,
    .infer = squeeze_infer,
    .cost = squeeze_cost,
    .plan = squeeze_plan,
    .bind = squeeze_bind,
    .run = squeeze_run,
};
