/* layer_norm_grad.c — the gradients of a layer norm: of x, pixel by pixel, and of weight and bias, over all pixels.
 *
 * With h = (x - mean)/sqrt(variance + eps) and g = dy*weight, a pixel's dx = (g - mean(g) - h*mean(g*h)) / sqrt(variance
 * + eps), the means over channels; dweight = sum of dy*h, dbias = sum of dy, in blocks of BLOCK_ROWS pixels. Mean and
 * variance are formed again: a pixel lies in L1 then, and nothing is kept from the forward pass.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "ops/attrs.h"

static sk_status layer_norm_grad_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    struct shape channels = *value_shape(graph, in[LNG_WEIGHT]);
    graph_output(graph, node, LNG_DX, F32, *value_shape(graph, in[LNG_X]));
    graph_output(graph, node, LNG_DWEIGHT, F32, channels);
    graph_output(graph, node, LNG_DBIAS, F32, channels);
    return graph->status;
}

/* One pixel: dx, and its share of dweight and dbias. */
static void reference_row(const struct reference_call *call, int64_t row, int64_t c) {
    const struct layer_norm_attr *attr = call->node->attr;
    const double *x = call->in[LNG_X] + row * c, *dy = call->in[LNG_DY] + row * c, *weight = call->in[LNG_WEIGHT];
    double mean = 0, variance = 0, mean_g = 0, mean_gh = 0;
    for (int64_t j = 0; j < c; j++) mean += x[j] / (double)c;
    for (int64_t j = 0; j < c; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)c;
    double invstd = 1 / sqrt(variance + attr->eps);
    for (int64_t j = 0; j < c; j++) {
        double h = (x[j] - mean) * invstd;
        mean_g += dy[j] * weight[j] / (double)c;
        mean_gh += dy[j] * weight[j] * h / (double)c;
        call->out[LNG_DWEIGHT][j] += dy[j] * h;
        call->out[LNG_DBIAS][j] += dy[j];
    }
    for (int64_t j = 0; j < c; j++)
        call->out[LNG_DX][row * c + j] = (dy[j] * weight[j] - mean_g - (x[j] - mean) * invstd * mean_gh) * invstd;
}

static void layer_norm_grad_reference(const struct reference_call *call) {
    int64_t c = value_elements(call->graph, call->node->in[LNG_WEIGHT]);
    int64_t rows = value_elements(call->graph, call->node->in[LNG_X]) / c;
    memset(call->out[LNG_DWEIGHT], 0, (size_t)c * sizeof(double));
    memset(call->out[LNG_DBIAS], 0, (size_t)c * sizeof(double));
    for (int64_t row = 0; row < rows; row++) reference_row(call, row, c);
}

const struct op op_layer_norm_grad = {
    .name = "layer_norm_grad",
    .outputs = 3,
    .infer = layer_norm_grad_infer,
    .reference = layer_norm_grad_reference,
};
