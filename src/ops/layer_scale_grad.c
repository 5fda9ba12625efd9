/* layer_scale_grad.c — dx = dy*scale[c], dscale[c] = sum of dy*x; before lowering only (the engine uses affine_grad and
 * scale_coef_grad).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

enum { LSG_DY, LSG_X, LSG_SCALE };
enum { LSG_DX, LSG_DSCALE };

static sk_status layer_scale_grad_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    graph_output(graph, node, LSG_DX, F32, *value_shape(graph, in[LSG_X]));
    graph_output(graph, node, LSG_DSCALE, F32, *value_shape(graph, in[LSG_SCALE]));
    return graph->status;
}

static void layer_scale_grad_reference(const struct reference_call *call) {
    int64_t c = value_elements(call->graph, call->node->in[LSG_SCALE]);
    int64_t count = value_elements(call->graph, call->node->in[LSG_X]);
    memset(call->out[LSG_DSCALE], 0, (size_t)c * sizeof(double));
    for (int64_t j = 0; j < count; j++) {
        call->out[LSG_DX][j] = call->in[LSG_DY][j] * call->in[LSG_SCALE][j % c];
        call->out[LSG_DSCALE][j % c] += call->in[LSG_DY][j] * call->in[LSG_X][j];
    }
}

const struct op op_layer_scale_grad = {
    .name = "layer_scale_grad",
    .outputs = 2,
    .infer = layer_scale_grad_infer,
    .reference = layer_scale_grad_reference,
};
