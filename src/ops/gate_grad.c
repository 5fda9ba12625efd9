/* gate_grad.c — dx = dy * gate[n,c], dgate[n,c] = sum over an image's pixels of dy*act(scale*x + shift).
 *
 * Where x is viewed, its gradient is formed by the pool that reads the same view (gap_grad), and dx is not wanted.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

static sk_status gate_grad_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    if (!in[GTG_SCALE]) graph_output(graph, node, GTG_DX, F32, *value_shape(graph, in[GTG_X]));
    graph_output(graph, node, GTG_DGATE, F32, *value_shape(graph, in[GTG_GATE]));
    return graph->status;
}

static void gate_grad_reference(const struct reference_call *call) {
    const struct gate_attr *attr = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[GTG_X])->dim;
    int64_t image = d[1] * d[2] * d[3], c = d[3];
    memset(call->out[GTG_DGATE], 0, (size_t)(d[0] * c) * sizeof(double));
    for (int64_t j = 0; j < d[0] * image; j++) {
        int64_t at = j / image * c + j % c;
        double dy = call->in[GTG_DY][j];
        if (call->out[GTG_DX]) call->out[GTG_DX][j] = dy * call->in[GTG_GATE][at];
        call->out[GTG_DGATE][at] +=
            dy * view_value(attr->act, call->in[GTG_SCALE], call->in[GTG_SHIFT], j % c, call->in[GTG_X][j]);
    }
}

static sk_status gate_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct gate_attr *attr = request->node->attr;
    const int64_t *d = value_shape(request->graph, request->node->in[GTG_X])->dim;
    struct gate_backward *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct gate_backward){.n = d[0], .hw = d[1] * d[2], .c = d[3], .in = {.act = attr->act}};
    job->in.bf16 = value_is_bf16(request->graph, request->node->in[GTG_X]);
    job->dy_bf16 = value_is_bf16(request->graph, request->node->in[GTG_DY]);
    job->dx_bf16 = value_is_bf16(request->graph, request->node->out[GTG_DX]);
    request->kernels->gate_backward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void gate_grad_bind(const struct bind_request *request, void *to) {
    struct gate_backward *job = to;
    job->dy = request->in[GTG_DY], job->gate = request->in[GTG_GATE];
    job->in.x = request->in[GTG_X], job->in.scale = request->in[GTG_SCALE], job->in.shift = request->in[GTG_SHIFT];
    job->dx = request->out[GTG_DX], job->dgate = request->out[GTG_DGATE];
}

static void gate_grad_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->gate_backward_run(job, tile);
}

const struct op op_gate_grad = {
    .name = "gate_grad",
    .bf16_in = SLOT(GTG_DY) | SLOT(GTG_X),
    .bf16_out = SLOT(GTG_DX),
    .outputs = 2,
    .infer = gate_grad_infer,
    .reference = gate_grad_reference,
    .plan = gate_grad_plan,
    .bind = gate_grad_bind,
    .run = gate_grad_run,
};
