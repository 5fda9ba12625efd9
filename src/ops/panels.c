/* panels.c — weights into the panels that the machine's matrix kernel reads; only in lowered graphs.
 *
 * In inference its input is a parameter, so it runs once, and may read it as the model's file holds it; in training, every
 * step.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

static sk_status panels_infer(struct graph *graph, int node) {
    const struct pack_attr *attr = graph->nodes[node].attr;
    graph_output(graph, node, 0, F32, (struct shape){1, {attr->elements}});
    return graph->status;
}

static sk_status panels_plan(const struct plan_request *request, struct step_plan *step) {
    const struct pack_attr *attr = request->node->attr;
    struct pack_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct pack_job){.s = attr->shape, .direction = attr->direction, .eps = attr->eps};
    request->kernels->pack_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void panels_bind(const struct bind_request *request, void *to) {
    struct pack_job *job = to;
    job->w = request->in[PN_W];
    job->file = request->file[PN_W];
    job->weight = request->in[PN_WEIGHT], job->variance = request->in[PN_VARIANCE];
    job->packed = request->out[0];
}

static void panels_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->pack_run(job, tile);
}

const struct op op_panels = {
    .name = "panels",
    .outputs = 1,
    .infer = panels_infer,
    .plan = panels_plan,
    .bind = panels_bind,
    .run = panels_run,
};
