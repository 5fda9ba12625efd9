/* stats.c — partial sums of a value and its square per block of rows, where its producer could not form them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/gradients.h"

static sk_status stats_infer(struct graph *graph, int node) {
    const struct shape *x = value_shape(graph, graph->nodes[node].in[0]);
    int64_t c = x->dim[x->rank - 1];
    graph_output(graph, node, 0, F32, (struct shape){3, {conv_blocks(shape_elements(x) / c), 2, c}});
    return graph->status;
}

/* The statistics' gradient is linear in x: it stays a view on x's own gradient. */
static void stats_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    struct gradient of = gradients->of[n.out[0]];
    if (!gradients_wanted(gradients, n.in[0]) || !of.b) return;
    if (gradients->of[n.in[0]].b) gradients_plain(gradients, n.in[0]);
    gradients->of[n.in[0]].b = of.b;
    gradients->of[n.in[0]].c = of.c;
}

static void stats_reference(const struct reference_call *call) {
    const struct shape *x = value_shape(call->graph, call->node->in[0]);
    int64_t c = x->dim[x->rank - 1], rows = shape_elements(x) / c;
    memset(call->out[0], 0, (size_t)value_elements(call->graph, call->node->out[0]) * sizeof(double));
    for (int64_t j = 0; j < rows * c; j++) {
        double *block = call->out[0] + j / c / BLOCK_ROWS * 2 * c, v = call->in[0][j];
        block[j % c] += v;
        block[c + j % c] += v * v;
    }
}

static sk_status stats_op_plan(const struct plan_request *request, struct step_plan *step) {
    const struct shape *x = value_shape(request->graph, request->node->in[0]);
    struct stats_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->c = x->dim[x->rank - 1];
    job->rows = shape_elements(x) / job->c;
    job->x_bf16 = value_is_bf16(request->graph, request->node->in[0]);
    request->kernels->stats_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void stats_bind(const struct bind_request *request, void *to) {
    struct stats_job *job = to;
    job->x = request->in[0];
    job->stats = request->out[0];
}

static void stats_op_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->stats_run(job, tile);
}

const struct op op_stats = {
    .name = "stats",
    .bf16_in = SLOT(0),
    .outputs = 1,
    .infer = stats_infer,
    .gradient = stats_gradient,
    .reference = stats_reference,
    .plan = stats_op_plan,
    .bind = stats_bind,
    .run = stats_op_run,
};
