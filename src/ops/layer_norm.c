/* layer_norm.c — each pixel's channels to mean 0 and variance 1, then scaled and shifted per channel.
 *
 * y = (x - mean)/sqrt(variance + eps)*weight + bias, biased variance (Ba et al. 2016; ConvNeXt's over channels last).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"

int build_layer_norm(struct graph *graph, int x, double eps, const char *name) {
    if (graph->status != SK_OK) return 0;
    const struct shape *shape = value_shape(graph, x);
    struct shape channels = {1, {shape->rank ? shape->dim[shape->rank - 1] : 0}};
    struct layer_norm_attr attr = {eps};
    int in[LN_INPUTS] = {[LN_X] = x};
    in[LN_WEIGHT] = graph_param(graph, PARAM_LAYER_NORM_WEIGHT, channels, "%s.weight", name);
    in[LN_BIAS] = graph_param(graph, PARAM_LAYER_NORM_BIAS, channels, "%s.bias", name);
    return op_value(graph, &op_layer_norm, &attr, sizeof attr, in, LN_INPUTS, name);
}

static sk_status layer_norm_infer(struct graph *graph, int node) {
    const struct shape *x = value_shape(graph, graph->nodes[node].in[LN_X]);
    int64_t c = value_elements(graph, graph->nodes[node].in[LN_WEIGHT]);
    FAIL_IF(x->rank < 2 || x->dim[x->rank - 1] != c, SK_ESHAPE,
            "%s: a layer norm over %lld channels wants (…,%lld), not %d dimensions", graph->nodes[node].name,
            (long long)c, (long long)c, x->rank);
    graph_output(graph, node, 0, F32, *x);
    return graph->status;
}

static void layer_norm_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    int in[LNG_INPUTS] = {
        [LNG_X] = n.in[LN_X], [LNG_DY] = gradients_plain(gradients, n.out[0]), [LNG_WEIGHT] = n.in[LN_WEIGHT]};
    int made = op_node(graph, &op_layer_norm_grad, n.attr, sizeof(struct layer_norm_attr), in, LNG_INPUTS, n.name);
    gradients_add(gradients, n.in[LN_X], node_out(graph, made, LNG_DX));
    gradients_add(gradients, n.in[LN_WEIGHT], node_out(graph, made, LNG_DWEIGHT));
    gradients_add(gradients, n.in[LN_BIAS], node_out(graph, made, LNG_DBIAS));
}

static void layer_norm_reference(const struct reference_call *call) {
    const struct layer_norm_attr *attr = call->node->attr;
    int64_t c = value_elements(call->graph, call->node->in[LN_WEIGHT]);
    int64_t rows = value_elements(call->graph, call->node->in[LN_X]) / c;
    for (int64_t row = 0; row < rows; row++) {
        const double *x = call->in[LN_X] + row * c;
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < c; j++) mean += x[j] / (double)c;
        for (int64_t j = 0; j < c; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)c;
        for (int64_t j = 0; j < c; j++)
            call->out[0][row * c + j] =
                (x[j] - mean) / sqrt(variance + attr->eps) * call->in[LN_WEIGHT][j] + call->in[LN_BIAS][j];
    }
}

static sk_status layer_norm_plan(const struct plan_request *request, struct step_plan *step) {
    const struct layer_norm_attr *attr = request->node->attr;
    struct layer_norm_forward *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->c = value_elements(request->graph, request->node->in[LN_WEIGHT]);
    job->rows = value_elements(request->graph, request->node->in[LN_X]) / job->c;
    job->eps = (float)attr->eps;
    job->x_bf16 = value_is_bf16(request->graph, request->node->in[LN_X]);
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    request->kernels->layer_norm_forward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void layer_norm_bind(const struct bind_request *request, void *to) {
    struct layer_norm_forward *job = to;
    job->x = request->in[LN_X], job->weight = request->in[LN_WEIGHT], job->bias = request->in[LN_BIAS];
    job->y = request->out[0];
}

static void layer_norm_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->layer_norm_forward_run(job, tile);
}

const struct op op_layer_norm = {
    .name = "layer_norm",
    .bf16_in = SLOT(LN_X),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = layer_norm_infer,
    .gradient = layer_norm_gradient,
    .reference = layer_norm_reference,
    .plan = layer_norm_plan,
    .bind = layer_norm_bind,
    .run = layer_norm_run,
};
