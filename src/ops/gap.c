/* gap.c — global average pool: (N,H,W,C) -> (N,C), the mean over pixels of act(scale*x + shift).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/gradients.h"

static sk_status gap_infer(struct graph *graph, int node) {
    const struct shape *x = value_shape(graph, graph->nodes[node].in[GAP_X]);
    FAIL_IF(x->rank != 4, SK_ESHAPE, "%s: a global average pool wants (N,H,W,C), not %d dimensions",
            graph->nodes[node].name, x->rank);
    graph_output(graph, node, 0, F32, (struct shape){2, {x->dim[0], x->dim[3]}});
    return graph->status;
}

static void gap_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    int in[GG_INPUTS] = {gradients_plain(gradients, n.out[0]), n.in[GAP_X], n.in[GAP_SCALE], n.in[GAP_SHIFT]};
    if (n.in[GAP_SCALE]) { /* a gate behind the pool reads the same view */
        in[GG_DZ] = gradients->of[n.in[GAP_SCALE]].dz;
        in[GG_FACTOR] = gradients->of[n.in[GAP_SCALE]].factor;
    }
    int made = op_node(graph, &op_gap_grad, n.attr, sizeof(struct gap_attr), in, GG_INPUTS, n.name);
    if (!n.in[GAP_SCALE]) {
        gradients_add(gradients, n.in[GAP_X], node_out(graph, made, GG_G));
        return;
    }
    gradients_view(gradients, n.in[GAP_X], node_out(graph, made, GG_G), n.in[GAP_SCALE]);
    gradients->of[n.in[GAP_SCALE]].sums = node_out(graph, made, GG_SUMS);
}

static void gap_reference(const struct reference_call *call) {
    const struct gap_attr *attr = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[GAP_X])->dim;
    int64_t pixels = d[1] * d[2], c = d[3];
    memset(call->out[0], 0, (size_t)(d[0] * c) * sizeof(double));
    for (int64_t j = 0; j < d[0] * pixels * c; j++)
        call->out[0][j / (pixels * c) * c + j % c] +=
            view_value(attr->act, call->in[GAP_SCALE], call->in[GAP_SHIFT], j % c, call->in[GAP_X][j]) / (double)pixels;
}

static sk_status gap_plan(const struct plan_request *request, struct step_plan *step) {
    const struct gap_attr *attr = request->node->attr;
    const int64_t *d = value_shape(request->graph, request->node->in[GAP_X])->dim;
    struct gap_forward *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct gap_forward){.n = d[0], .hw = d[1] * d[2], .c = d[3], .in = {.act = attr->act}};
    job->in.bf16 = value_is_bf16(request->graph, request->node->in[GAP_X]);
    request->kernels->gap_forward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void gap_bind(const struct bind_request *request, void *to) {
    struct gap_forward *job = to;
    job->in.x = request->in[GAP_X], job->in.scale = request->in[GAP_SCALE], job->in.shift = request->in[GAP_SHIFT];
    job->y = request->out[0];
}

static void gap_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->gap_forward_run(job, tile);
}

const struct op op_gap = {
    .name = "gap",
    .bf16_in = SLOT(GAP_X),
    .outputs = 1,
    .infer = gap_infer,
    .gradient = gap_gradient,
    .reference = gap_reference,
    .plan = gap_plan,
    .bind = gap_bind,
    .run = gap_run,
};
