/* batch_norm_grad.c — the gradient of batch normalisation, training and evaluation; before lowering only.
 *
 * Training: dx = weight/sqrt(var+eps) * (dy - mean(dy) - xhat*mean(dy*xhat)). Evaluation: dx = weight/sqrt(var+eps)*dy.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "ops/attrs.h"

static sk_status batch_norm_grad_infer(struct graph *graph, int node) {
    struct shape x = *value_shape(graph, graph->nodes[node].in[BNG_X]);
    struct shape channels = {1, {x.dim[x.rank - 1]}};
    graph_output(graph, node, 0, F32, x);
    graph_output(graph, node, 1, F32, channels);
    graph_output(graph, node, 2, F32, channels);
    return graph->status;
}

static void batch_norm_grad_reference(const struct reference_call *call) {
    const struct batch_norm_attr *attr = call->node->attr;
    const struct shape *shape = value_shape(call->graph, call->node->in[BNG_X]);
    int64_t channels = shape->dim[shape->rank - 1], count = shape_elements(shape), rows = count / channels;
    const double *x = call->in[BNG_X], *dy = call->in[BNG_DY];
    double *dweight = call->out[1], *dbias = call->out[2];
    memset(dweight, 0, (size_t)channels * sizeof *dweight);
    memset(dbias, 0, (size_t)channels * sizeof *dbias);
    for (int64_t j = 0; j < count; j++) {
        int64_t c = j % channels;
        double invstd = 1 / sqrt(call->in[BNG_VARIANCE][c] + attr->eps);
        dweight[c] += dy[j] * (x[j] - call->in[BNG_MEAN][c]) * invstd;
        dbias[c] += dy[j];
    }
    for (int64_t j = 0; j < count; j++) {
        int64_t c = j % channels;
        double invstd = 1 / sqrt(call->in[BNG_VARIANCE][c] + attr->eps);
        double xhat = (x[j] - call->in[BNG_MEAN][c]) * invstd;
        double centred = attr->training ? dy[j] - dbias[c] / (double)rows - xhat * dweight[c] / (double)rows : dy[j];
        call->out[0][j] = call->in[BNG_WEIGHT][c] * invstd * centred;
    }
}

const struct op op_batch_norm_grad = {
    .name = "batch_norm_grad",
    .outputs = 3,
    .infer = batch_norm_grad_infer,
    .reference = batch_norm_grad_reference,
};
