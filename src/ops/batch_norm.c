/* batch_norm.c — batch normalisation as the papers write it; only in graphs before lowering.
 *
 * Training: y = (x - mean)/sqrt(var + eps)*weight + bias over the batch's own biased statistics, which are outputs
 * too. Evaluation: the running ones. Ioffe and Szegedy 2015. The engine runs it as stats, norm_coef and affine (or
 * folds it): see plan/lower.c. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "ops/attrs.h"
#include "ops/gradients.h"

static sk_status batch_norm_infer(struct graph *graph, int node) {
    const struct batch_norm_attr *attr = graph->nodes[node].attr;
    struct shape x = *value_shape(graph, graph->nodes[node].in[BN_X]);
    struct shape channels = {1, {x.dim[x.rank - 1]}};
    FAIL_IF(attr->training && shape_elements(&x) == channels.dim[0], SK_ESHAPE,
            "%s: batch-norm over one number a channel has no variance; use a larger batch or input",
            graph->nodes[node].name);
    graph_output(graph, node, BN_Y, F32, x);
    if (attr->training) {
        graph_output(graph, node, BN_BATCH_MEAN, F32, channels);
        graph_output(graph, node, BN_BATCH_VARIANCE, F32, channels);
    }
    return graph->status;
}

static void batch_statistics(const double *x, int64_t rows, int64_t channels, double *mean, double *variance) {
    memset(mean, 0, (size_t)channels * sizeof *mean);
    memset(variance, 0, (size_t)channels * sizeof *variance);
    for (int64_t j = 0; j < rows * channels; j++) mean[j % channels] += x[j] / (double)rows;
    for (int64_t j = 0; j < rows * channels; j++) {
        double d = x[j] - mean[j % channels];
        variance[j % channels] += d * d / (double)rows;
    }
}

static void batch_norm_reference(const struct reference_call *call) {
    const struct batch_norm_attr *attr = call->node->attr;
    const struct shape *shape = value_shape(call->graph, call->node->in[BN_X]);
    int64_t channels = shape->dim[shape->rank - 1], count = shape_elements(shape);
    const double *mean = call->in[BN_MEAN], *variance = call->in[BN_VARIANCE];
    if (attr->training) {
        batch_statistics(call->in[BN_X], count / channels, channels, call->out[BN_BATCH_MEAN],
                         call->out[BN_BATCH_VARIANCE]);
        mean = call->out[BN_BATCH_MEAN], variance = call->out[BN_BATCH_VARIANCE];
    }
    for (int64_t j = 0; j < count; j++) {
        int64_t c = j % channels;
        call->out[BN_Y][j] = (call->in[BN_X][j] - mean[c]) / sqrt(variance[c] + attr->eps) * call->in[BN_WEIGHT][c] +
                             call->in[BN_BIAS][c];
    }
}

static void batch_norm_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    const struct batch_norm_attr *attr = n.attr;
    int in[BNG_INPUTS] = {[BNG_X] = n.in[BN_X],
                          [BNG_DY] = gradients_plain(gradients, n.out[BN_Y]),
                          [BNG_WEIGHT] = n.in[BN_WEIGHT],
                          [BNG_MEAN] = attr->training ? n.out[BN_BATCH_MEAN] : n.in[BN_MEAN],
                          [BNG_VARIANCE] = attr->training ? n.out[BN_BATCH_VARIANCE] : n.in[BN_VARIANCE]};
    int made = op_node(gradients->graph, &op_batch_norm_grad, attr, sizeof *attr, in, BNG_INPUTS, n.name);
    gradients_add(gradients, n.in[BN_X], node_out(gradients->graph, made, 0));
    gradients_add(gradients, n.in[BN_WEIGHT], node_out(gradients->graph, made, 1));
    gradients_add(gradients, n.in[BN_BIAS], node_out(gradients->graph, made, 2));
}

const struct op op_batch_norm = {
    .name = "batch_norm",
    .outputs = 3,
    .infer = batch_norm_infer,
    .gradient = batch_norm_gradient,
    .reference = batch_norm_reference,
};
