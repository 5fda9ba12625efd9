/* gate.c — every image's channels times a factor of their own: y[n,h,w,c] = act(scale[c]*x + shift[c]) * gate[n,c].
 *
 * The second half of squeeze-excite (Hu et al. 2018). SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"

int build_gate(struct graph *graph, int x, int gate, const char *name) {
    struct gate_attr attr = {ACT_NONE};
    int in[GT_INPUTS] = {[GT_X] = x, [GT_GATE] = gate};
    return op_value(graph, &op_gate, &attr, sizeof attr, in, GT_INPUTS, name);
}

static sk_status gate_infer(struct graph *graph, int node) {
    const struct shape *x = value_shape(graph, graph->nodes[node].in[GT_X]);
    const struct shape *gate = value_shape(graph, graph->nodes[node].in[GT_GATE]);
    char a[96], b[96];
    FAIL_IF(x->rank != 4 || gate->rank != 2 || gate->dim[0] != x->dim[0] || gate->dim[1] != x->dim[3], SK_ESHAPE,
            "%s: a gate (N,C) over (N,H,W,C) cannot be %s over %s", graph->nodes[node].name,
            shape_text(gate, b, sizeof b), shape_text(x, a, sizeof a));
    graph_output(graph, node, 0, F32, *x);
    return graph->status;
}

static void gate_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    int dy = gradients_plain(gradients, n.out[0]);
    int in[GTG_INPUTS] = {dy, n.in[GT_X], n.in[GT_GATE], n.in[GT_SCALE], n.in[GT_SHIFT]};
    int made = op_node(graph, &op_gate_grad, n.attr, sizeof(struct gate_attr), in, GTG_INPUTS, n.name);
    if (n.in[GT_SCALE]) /* the pool before reads the same view and forms the gradient of both */
        gradients->of[n.in[GT_SCALE]].dz = dy, gradients->of[n.in[GT_SCALE]].factor = n.in[GT_GATE];
    else
        gradients_add(gradients, n.in[GT_X], node_out(graph, made, GTG_DX));
    gradients_add(gradients, n.in[GT_GATE], node_out(graph, made, GTG_DGATE));
}

static void gate_reference(const struct reference_call *call) {
    const struct gate_attr *attr = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[GT_X])->dim;
    int64_t image = d[1] * d[2] * d[3], c = d[3];
    for (int64_t j = 0; j < d[0] * image; j++)
        call->out[0][j] = view_value(attr->act, call->in[GT_SCALE], call->in[GT_SHIFT], j % c, call->in[GT_X][j]) *
                          call->in[GT_GATE][j / image * c + j % c];
}

static sk_status gate_plan(const struct plan_request *request, struct step_plan *step) {
    const struct gate_attr *attr = request->node->attr;
    const int64_t *d = value_shape(request->graph, request->node->in[GT_X])->dim;
    struct gate_forward *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct gate_forward){.n = d[0], .hw = d[1] * d[2], .c = d[3], .in = {.act = attr->act}};
    job->in.bf16 = value_is_bf16(request->graph, request->node->in[GT_X]);
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    request->kernels->gate_forward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void gate_bind(const struct bind_request *request, void *to) {
    struct gate_forward *job = to;
    job->in.x = request->in[GT_X], job->in.scale = request->in[GT_SCALE], job->in.shift = request->in[GT_SHIFT];
    job->gate = request->in[GT_GATE], job->y = request->out[0];
}

static void gate_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->gate_forward_run(job, tile);
}

const struct op op_gate = {
    .name = "gate",
    .bf16_in = SLOT(GT_X),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = gate_infer,
    .gradient = gate_gradient,
    .reference = gate_reference,
    .plan = gate_plan,
    .bind = gate_bind,
    .run = gate_run,
};
