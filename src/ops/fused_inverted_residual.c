/* fused_inverted_residual.c — expand, depthwise, project and residual as one step of inference (Sandler et al. 2018).
 *
 * The expanded tensor never leaves the cache. A block whose projection waits for a squeeze-excite ends before it and gives
 * the sums of its output besides. Made by a pass from folded convolutions, which are its
 * reference: passes are tested against the graph without them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

static sk_status fused_inverted_residual_infer(struct graph *graph, int node) {
    const struct inverted_residual_attr *attr = graph->nodes[node].attr;
    const struct conv_shape *s = attr->project.k ? &attr->project : &attr->depthwise;
    graph_output(graph, node, IR_Y, F32, (struct shape){4, {s->n, s->p, s->q, s->k}});
    if (!attr->project.k) graph_output(graph, node, IR_SUMS, F32, conv_sums_shape(s, true));
    return graph->status;
}

static int64_t conv_macs(const struct conv_shape *s) {
    return s->n * s->p * s->q * s->r * s->s * (s->groups ? s->c / s->groups : 0) * s->k;
}

static struct cost fused_inverted_residual_cost(const struct graph *graph, const struct node *node) {
    const struct inverted_residual_attr *attr = node->attr;
    int64_t numbers = 0;
    for (int slot = 0; slot < IR_INPUTS; slot++) numbers += node->in[slot] ? value_elements(graph, node->in[slot]) : 0;
    return (struct cost){.macs = conv_macs(&attr->expand) + conv_macs(&attr->depthwise) + conv_macs(&attr->project),
                         .bytes = 4 * (numbers + value_elements(graph, node->out[0]))};
}

static sk_status fused_inverted_residual_plan(const struct plan_request *request, struct step_plan *step) {
    const struct inverted_residual_attr *attr = request->node->attr;
    const struct conv_shape *d = &attr->depthwise;
    struct inverted_residual *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    static const float there; /* plans look at whether there is an expansion */
    *job = (struct inverted_residual){.n = d->n,
                                      .h = d->h,
                                      .w = d->w,
                                      .c = attr->expand.k ? attr->expand.c : d->c,
                                      .hidden = d->c,
                                      .p = d->p,
                                      .q = d->q,
                                      .k = attr->project.k,
                                      .r = d->r,
                                      .stride = d->stride_h,
                                      .pad_top = d->pad_top,
                                      .pad_left = d->pad_left,
                                      .act = attr->act,
                                      .expand_act = attr->expand_act,
                                      .expand = attr->expand.k ? &there : NULL,
                                      .add = attr->add};
    if (attr->expand.k && !conv_is_pointwise(&attr->expand)) job->dense = attr->expand;
    step->lane_scratch = request->kernels->inverted_residual_plan(job, request->threads);
    step->job = job;
    step->phases = (int)job->phases;
    step->shared_scratch = (size_t)job->shared_floats * sizeof(float);
    FAIL_IF(step->phases < 1 || step->phases > STEP_PHASES, SK_EINTERNAL, "%s: a plan of %d phases",
            request->node->name, step->phases);
    for (int phase = 0; phase < step->phases; phase++) step->tiles[phase] = job->tiles;
    return SK_OK;
}

static void fused_inverted_residual_bind(const struct bind_request *request, void *to) {
    struct inverted_residual *job = to;
    void *const *in = request->in;
    job->x = in[IR_X], job->expand = in[IR_EXPAND], job->expand_bias = in[IR_EXPAND_BIAS];
    job->depthwise = in[IR_DEPTHWISE], job->depthwise_bias = in[IR_DEPTHWISE_BIAS];
    job->project = in[IR_PROJECT], job->project_bias = in[IR_PROJECT_BIAS];
    job->y = request->out[IR_Y], job->sums = request->out[IR_SUMS];
    job->shared = request->shared;
}

static void fused_inverted_residual_run(const struct kernels *kernels, const void *job, int phase, int64_t tile,
                                        struct lane *lane) {
    kernels->inverted_residual_run(job, phase, tile, lane->scratch);
}

const struct op op_fused_inverted_residual = {
    .name = "fused_inverted_residual",
    .outputs = 2,
    .infer = fused_inverted_residual_infer,
    .cost = fused_inverted_residual_cost,
    .plan = fused_inverted_residual_plan,
    .bind = fused_inverted_residual_bind,
    .run = fused_inverted_residual_run,
};
