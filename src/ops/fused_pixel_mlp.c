/* fused_pixel_mlp.c — layer norm, 1x1 up, activation, 1x1 down and residual as one step of inference (ConvNeXt's block,
 * Liu et al. 2022).
 *
 * The wide tensor never leaves the cache. Made by a pass from the norm and two convolutions, which are its reference:
 * passes are tested against the graph without them. SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

static sk_status fused_pixel_mlp_infer(struct graph *graph, int node) {
    const struct conv_shape *s = &((const struct pixel_mlp_attr *)graph->nodes[node].attr)->down;
    graph_output(graph, node, 0, F32, (struct shape){4, {s->n, s->p, s->q, s->k}});
    return graph->status;
}

static struct cost fused_pixel_mlp_cost(const struct graph *graph, const struct node *node) {
    const struct pixel_mlp_attr *attr = node->attr;
    int64_t numbers = 0, rows = attr->down.n * attr->down.p * attr->down.q;
    for (int slot = 0; slot < PM_INPUTS; slot++) numbers += node->in[slot] ? value_elements(graph, node->in[slot]) : 0;
    return (struct cost){.macs = rows * attr->up.k * (attr->up.c + attr->down.k),
                         .bytes = 4 * (numbers + value_elements(graph, node->out[0]))};
}

static sk_status fused_pixel_mlp_plan(const struct plan_request *request, struct step_plan *step) {
    const struct pixel_mlp_attr *attr = request->node->attr;
    struct pixel_mlp *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct pixel_mlp){.rows = attr->up.n * attr->up.p * attr->up.q,
                              .c = attr->up.c,
                              .hidden = attr->up.k,
                              .k = attr->down.k,
                              .eps = (float)attr->eps,
                              .act = attr->act};
    size_t bytes = request->kernels->pixel_mlp_plan(job, request->threads);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}, .lane_scratch = bytes};
    return SK_OK;
}

static void fused_pixel_mlp_bind(const struct bind_request *request, void *to) {
    struct pixel_mlp *job = to;
    void *const *in = request->in;
    job->x = in[PM_X], job->add = in[PM_ADD];
    job->norm_weight = in[PM_NORM_WEIGHT], job->norm_bias = in[PM_NORM_BIAS];
    job->up = in[PM_UP], job->up_bias = in[PM_UP_BIAS];
    job->down = in[PM_DOWN], job->down_bias = in[PM_DOWN_BIAS];
    job->y = request->out[0];
}

static void fused_pixel_mlp_run(const struct kernels *kernels, const void *job, int phase, int64_t tile,
                                struct lane *lane) {
    (void)phase;
    kernels->pixel_mlp_run(job, tile, lane->scratch);
}

const struct op op_fused_pixel_mlp = {
    .name = "fused_pixel_mlp",
    .outputs = 1,
    .infer = fused_pixel_mlp_infer,
    .cost = fused_pixel_mlp_cost,
    .plan = fused_pixel_mlp_plan,
    .bind = fused_pixel_mlp_bind,
    .run = fused_pixel_mlp_run,
};
