/* add.c — the residual addition; lowered to an affine node's or a convolution's `add`.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/gradients.h"

static sk_status add_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    char a[96], b[96];
    FAIL_IF(!shape_equal(value_shape(graph, in[0]), value_shape(graph, in[1])), SK_ESHAPE, "%s: cannot add %s and %s",
            graph->nodes[node].name, shape_text(value_shape(graph, in[0]), a, sizeof a),
            shape_text(value_shape(graph, in[1]), b, sizeof b));
    graph_output(graph, node, 0, F32, *value_shape(graph, in[0]));
    return graph->status;
}

static void add_reference(const struct reference_call *call) {
    int64_t count = value_elements(call->graph, call->node->in[0]);
    for (int64_t j = 0; j < count; j++) call->out[0][j] = call->in[0][j] + call->in[1][j];
}

static void add_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int dy = gradients_plain(gradients, n.out[0]);
    gradients_add(gradients, n.in[0], dy);
    gradients_add(gradients, n.in[1], dy);
}

const struct op op_add = {
    .name = "add",
    .outputs = 1,
    .infer = add_infer,
    .gradient = add_gradient,
    .reference = add_reference,
};
