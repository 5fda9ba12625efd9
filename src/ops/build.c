/* build.c — the builder's calls: a layer's parameters, its geometry, its node.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/build.h"

#include <stdio.h>

#include "ops/attrs.h"

static int first_of(int a, int b, int fallback) {
    return a ? a : b ? b : fallback;
}

/* Output size and padding before, on one axis. */
static int64_t conv_axis(const struct conv *conv, int64_t n, int kernel, int stride, int explicit_pad, int *pad) {
    int dilation = conv->dilation ? conv->dilation : 1, reach = (kernel - 1) * dilation + 1;
    if (conv->padding == PADDING_SAME) { /* TF: total = max((out-1)*stride + reach - n, 0), the odd pixel after */
        int64_t out = (n + stride - 1) / stride, total = (out - 1) * stride + reach - n;
        *pad = total > 0 ? (int)(total / 2) : 0;
        return out;
    }
    *pad = conv->padding == PADDING_EXPLICIT ? explicit_pad : (kernel - 1) / 2 * dilation;
    return n + 2 * *pad < reach ? 0 : (n + 2 * *pad - reach) / stride + 1;
}

static struct conv_shape conv_geometry(const struct shape *x, const struct conv *conv) {
    int dilation = conv->dilation ? conv->dilation : 1;
    struct conv_shape s = {.n = x->dim[0],
                           .h = x->dim[1],
                           .w = x->dim[2],
                           .c = x->dim[3],
                           .k = conv->out,
                           .r = first_of(conv->kernel_h, conv->kernel, 1),
                           .s = first_of(conv->kernel_w, conv->kernel, 1),
                           .stride_h = first_of(conv->stride_h, conv->stride, 1),
                           .stride_w = first_of(conv->stride_w, conv->stride, 1),
                           .dilation_h = dilation,
                           .dilation_w = dilation,
                           .groups = conv->groups ? conv->groups : 1};
    s.p = conv_axis(conv, s.h, s.r, s.stride_h, conv->pad_h, &s.pad_top);
    s.q = conv_axis(conv, s.w, s.s, s.stride_w, conv->pad_w, &s.pad_left);
    return s;
}

/* A tensor with its own opposite sides around it, of which a convolution without padding makes what PADDING_WRAP is. */
static int wrapped(struct graph *graph, int x, struct conv *conv, const char *name) {
    char part[128];
    int dilation = conv->dilation ? conv->dilation : 1;
    int64_t h = (int64_t)(first_of(conv->kernel_h, conv->kernel, 1) - 1) * dilation;
    int64_t w = (int64_t)(first_of(conv->kernel_w, conv->kernel, 1) - 1) * dilation;
    conv->padding = PADDING_EXPLICIT, conv->pad_h = conv->pad_w = 0;
    snprintf(part, sizeof part, "%s.pad", name);
    return build_wrap_pad(graph, x, (struct wrap){h / 2, h - h / 2, w / 2, w - w / 2}, part);
}

int build_conv(struct graph *graph, int x, struct conv conv, const char *name) {
    if (graph->status == SK_OK && conv.padding == PADDING_WRAP) x = wrapped(graph, x, &conv, name);
    if (graph->status != SK_OK) return 0;
    struct shape in = *value_shape(graph, x);
    if (in.rank == 2) in = (struct shape){4, {in.dim[0], 1, 1, in.dim[1]}};
    if (in.rank != 4)
        return graph_fail(
            graph, status_fail(SK_ESHAPE, "%s: a convolution wants (N,H,W,C), not %d dimensions", name, in.rank));
    struct conv_attr attr = {.shape = conv_geometry(&in, &conv)};
    const struct conv_shape *s = &attr.shape;
    if (s->groups < 1 || s->c % s->groups)
        return graph_fail(graph, status_fail(SK_ESHAPE, "%s: %lld channels do not divide into %d groups", name,
                                             (long long)s->c, s->groups));
    if (conv.linear && (s->r != 1 || s->s != 1 || s->groups != 1))
        return graph_fail(graph, status_fail(SK_ESHAPE,
                                             "%s: a linear layer over channels has a 1 x 1 kernel and one "
                                             "group, not %d x %d and %d",
                                             name, s->r, s->s, s->groups));
    int inputs[CONV_INPUTS] = {[CONV_X] = x};
    struct shape weight = {4, {s->r, s->s, s->c / s->groups, s->k}};
    enum param_kind kind = conv.linear ? PARAM_LINEAR : conv_is_depthwise(s) ? PARAM_DEPTHWISE : PARAM_CONV;
    inputs[CONV_W] = graph_param(graph, kind, weight, "%s.weight", name);
    if (conv.bias) inputs[CONV_BIAS] = graph_param(graph, PARAM_BIAS, (struct shape){1, {s->k}}, "%s.bias", name);
    return op_value(graph, &op_conv, &attr, sizeof attr, inputs, CONV_INPUTS, name);
}

int build_linear(struct graph *graph, int x, int64_t out, const char *name) {
    if (graph->status != SK_OK) return 0;
    x = build_flatten(graph, x, name);
    const struct shape *in = value_shape(graph, x);
    int64_t c = in->dim[1];
    struct conv_attr attr = {.shape = {.n = in->dim[0],
                                       .h = 1,
                                       .w = 1,
                                       .c = c,
                                       .p = 1,
                                       .q = 1,
                                       .k = out,
                                       .r = 1,
                                       .s = 1,
                                       .stride_h = 1,
                                       .stride_w = 1,
                                       .dilation_h = 1,
                                       .dilation_w = 1,
                                       .groups = 1}};
    int inputs[CONV_INPUTS] = {[CONV_X] = x};
    inputs[CONV_W] = graph_param(graph, PARAM_LINEAR, (struct shape){4, {1, 1, c, out}}, "%s.weight", name);
    inputs[CONV_BIAS] = graph_param(graph, PARAM_BIAS, (struct shape){1, {out}}, "%s.bias", name);
    return op_value(graph, &op_conv, &attr, sizeof attr, inputs, CONV_INPUTS, name);
}

int build_batch_norm(struct graph *graph, int x, struct norm norm, const char *name) {
    if (graph->status != SK_OK) return 0;
    const struct shape *shape = value_shape(graph, x);
    struct shape channels = {1, {shape->dim[shape->rank - 1]}}, scalar = {0, {0}};
    int64_t count = shape_elements(shape) / channels.dim[0];
    int in[BN_INPUTS] = {[BN_X] = x};
    in[BN_WEIGHT] = graph_param(graph, PARAM_NORM_WEIGHT, channels, "%s.weight", name);
    in[BN_BIAS] = graph_param(graph, PARAM_NORM_BIAS, channels, "%s.bias", name);
    in[BN_MEAN] = graph_param(graph, STATE_MEAN, channels, "%s.running_mean", name);
    in[BN_VARIANCE] = graph_param(graph, STATE_VARIANCE, channels, "%s.running_var", name);
    int counter = graph_param(graph, STATE_COUNTER, scalar, "%s.num_batches_tracked", name);
    if (graph->freezing && graph->freezing->norm(graph->freezing->user, name)) norm.training = false;
    struct batch_norm_attr attr = {norm.eps, norm.training};
    int node = op_node(graph, &op_batch_norm, &attr, sizeof attr, in, BN_INPUTS, name);
    if (node < 0) return 0;
    if (norm.training)
        graph_update(graph, (struct update){.mean = node_out(graph, node, BN_BATCH_MEAN),
                                            .variance = node_out(graph, node, BN_BATCH_VARIANCE),
                                            .running_mean = graph->values[in[BN_MEAN]].param,
                                            .running_variance = graph->values[in[BN_VARIANCE]].param,
                                            .counter = graph->values[counter].param,
                                            .count = count,
                                            .momentum = norm.momentum,
                                            .unbiased = norm.unbiased});
    return node_out(graph, node, BN_Y);
}

int build_act(struct graph *graph, int x, enum act act, const char *name) {
    struct affine_attr attr = {.act = act};
    return act == ACT_NONE ? x : op_value(graph, &op_act, &attr, sizeof attr, &x, 1, name);
}

int build_add(struct graph *graph, int a, int b, const char *name) {
    int in[2] = {a, b};
    return op_value(graph, &op_add, NULL, 0, in, 2, name);
}

int build_gap(struct graph *graph, int x, const char *name) {
    struct gap_attr attr = {ACT_NONE};
    int in[GAP_INPUTS] = {[GAP_X] = x};
    return op_value(graph, &op_gap, &attr, sizeof attr, in, GAP_INPUTS, name);
}

int build_softmax_xent(struct graph *graph, int logits, int target, const char *name) {
    int in[2] = {logits, target};
    return op_value(graph, &op_softmax_xent, NULL, 0, in, 2, name);
}

int build_combine(struct graph *graph, struct gradient gradient, int x) {
    int in[5] = {gradient.g, gradient.b ? x : 0, gradient.a, gradient.b, gradient.c};
    return op_value(graph, &op_combine, NULL, 0, in, 5, "combine");
}

int build_sum(struct graph *graph, int a, int b) {
    struct affine_attr attr = {.act = ACT_NONE};
    int in[AF_INPUTS] = {[AF_X] = a, [AF_ADD] = b};
    return op_value(graph, &op_affine, &attr, sizeof attr, in, AF_INPUTS, "sum");
}
