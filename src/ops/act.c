/* act.c — an activation of its own; lowered to an affine node, or into a neighbour's load or store.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/gradients.h"

static sk_status act_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *value_shape(graph, graph->nodes[node].in[0]));
    return graph->status;
}

static void act_reference(const struct reference_call *call) {
    const struct affine_attr *attr = call->node->attr;
    int64_t count = value_elements(call->graph, call->node->in[0]);
    for (int64_t j = 0; j < count; j++) call->out[0][j] = act_value(attr->act, call->in[0][j]);
}

static void act_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int in[2] = {gradients_plain(gradients, n.out[0]), n.in[0]};
    int dx = op_value(gradients->graph, &op_act_grad, n.attr, sizeof(struct affine_attr), in, 2, n.name);
    gradients_add(gradients, n.in[0], dx);
}

const struct op op_act = {
    .name = "act",
    .outputs = 1,
    .infer = act_infer,
    .gradient = act_gradient,
    .reference = act_reference,
};
