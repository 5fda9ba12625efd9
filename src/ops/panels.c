/* panels.c — weights into the panels that the machine's matrix kernel reads; only in lowered graphs.
 *
 * In inference its input is a parameter (or a folded one), so it runs once; in training, every step.
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
    *job = (struct pack_job){.s = attr->shape, .direction = attr->direction};
    request->kernels->pack_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void panels_bind(const struct bind_request *request, void *to) {
    struct pack_job *job = to;
    job->w = request->in[0];
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
