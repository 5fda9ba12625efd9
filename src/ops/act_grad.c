/* act_grad.c — dx = dy * act'(x); before lowering only (the engine uses affine_grad).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

static sk_status act_grad_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *value_shape(graph, graph->nodes[node].in[1]));
    return graph->status;
}

static void act_grad_reference(const struct reference_call *call) {
    const struct affine_attr *attr = call->node->attr;
    int64_t count = value_elements(call->graph, call->node->in[1]);
    for (int64_t j = 0; j < count; j++) call->out[0][j] = call->in[0][j] * act_slope(attr->act, call->in[1][j]);
}

const struct op op_act_grad = {
    .name = "act_grad",
    .outputs = 1,
    .infer = act_grad_infer,
    .reference = act_grad_reference,
};
