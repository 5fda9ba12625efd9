/* layer_scale.c — y = x * scale[c], the scale being learnt (Touvron et al. 2021); lowered to scale_coef and affine,
 * or folded into the weights before it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"

int build_layer_scale(struct graph *graph, int x, const char *name) {
    if (graph->status != SK_OK) return 0;
    const struct shape *shape = value_shape(graph, x);
    struct shape channels = {1, {shape->rank ? shape->dim[shape->rank - 1] : 0}};
    int in[LS_INPUTS] = {[LS_X] = x, [LS_SCALE] = graph_param(graph, PARAM_LAYER_SCALE, channels, "%s", name)};
    return op_value(graph, &op_layer_scale, NULL, 0, in, LS_INPUTS, name);
}

static sk_status layer_scale_infer(struct graph *graph, int node) {
    const struct shape *x = value_shape(graph, graph->nodes[node].in[LS_X]);
    FAIL_IF(x->rank < 2, SK_ESHAPE, "%s: a layer scale wants (…,C), not %d dimensions", graph->nodes[node].name,
            x->rank);
    graph_output(graph, node, 0, F32, *x);
    return graph->status;
}

static void layer_scale_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    int in[3] = {gradients_plain(gradients, n.out[0]), n.in[LS_X], n.in[LS_SCALE]};
    int made = op_node(graph, &op_layer_scale_grad, NULL, 0, in, 3, n.name);
    gradients_add(gradients, n.in[LS_X], node_out(graph, made, 0));
    gradients_add(gradients, n.in[LS_SCALE], node_out(graph, made, 1));
}

static void layer_scale_reference(const struct reference_call *call) {
    int64_t c = value_elements(call->graph, call->node->in[LS_SCALE]);
    int64_t count = value_elements(call->graph, call->node->in[LS_X]);
    for (int64_t j = 0; j < count; j++) call->out[0][j] = call->in[LS_X][j] * call->in[LS_SCALE][j % c];
}

const struct op op_layer_scale = {
    .name = "layer_scale",
    .outputs = 1,
    .infer = layer_scale_infer,
    .gradient = layer_scale_gradient,
    .reference = layer_scale_reference,
};
