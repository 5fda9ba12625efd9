/* blocks.c — the blocks that families are tables of.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/blocks.h"

#include <stdio.h>
#include <string.h>

int64_t make_divisible(double v, int64_t divisor) {
    int64_t n = (int64_t)(v + (double)divisor / 2) / divisor * divisor;
    if (n < divisor) n = divisor;
    if ((double)n < 0.9 * v) n += divisor;
    return n;
}

struct drop_rates drop_rates(const struct model_args *args, int stages) {
    return (struct drop_rates){.rate = args->stochastic_depth,
                               .reaches_end = args->stochastic_depth_reaches_end,
                               .by_stage = args->stochastic_depth_by_stage,
                               .stages = stages};
}

double next_drop(struct drop_rates *rates, int stage) {
    if (rates->by_stage) return rates->rate * (stage + 2) / (rates->stages + 1);
    int of = rates->blocks - rates->reaches_end;
    return of > 0 ? rates->rate * rates->done++ / of : 0;
}

struct block_style block_style(const struct model_args *args, bool training, enum act act) {
    if (args->activation != ACT_NONE) act = args->activation;
    struct norm norm = {args->norm_eps, args->norm_momentum, args->norm_unbiased, training};
    return (struct block_style){.norm = norm,
                                .act = act,
                                .padding = args->same_padding ? PADDING_SAME : PADDING_SYMMETRIC,
                                .wrap = args->wrap_padding};
}

int conv_norm_act(struct graph *graph, int x, const char *name, struct conv conv, const struct block_style *style) {
    char part[128];
    if (conv.padding != PADDING_WRAP) conv.padding = style->padding;
    snprintf(part, sizeof part, "%s.0", name);
    x = build_conv(graph, x, conv, part);
    snprintf(part, sizeof part, "%s.1", name);
    x = build_batch_norm(graph, x, style->norm, part);
    snprintf(part, sizeof part, "%s.2", name);
    return build_act(graph, x, style->act, part);
}

int inverted_residual_v2(struct graph *graph, int x, const char *name, const struct inverted_residual_block *block,
                         const struct block_style *style) {
    char part[128];
    int input = x, index = 0;
    if (block->hidden != block->in) {
        snprintf(part, sizeof part, "%s.conv.%d", name, index++);
        x = conv_norm_act(graph, x, part, (struct conv){.out = block->hidden}, style);
    }
    snprintf(part, sizeof part, "%s.conv.%d", name, index++);
    struct conv depthwise = {
        .out = block->hidden, .kernel = block->kernel, .stride = block->stride, .groups = (int)block->hidden};
    if (style->wrap && block->stride > 1) depthwise.padding = PADDING_WRAP;
    x = conv_norm_act(graph, x, part, depthwise, style);
    snprintf(part, sizeof part, "%s.conv.%d", name, index++);
    x = build_conv(graph, x, (struct conv){.out = block->out}, part);
    snprintf(part, sizeof part, "%s.conv.%d", name, index);
    x = build_batch_norm(graph, x, style->norm, part);
    if (block->stride != 1 || block->in != block->out) return x;
    return residual_add(graph, input, x, block->drop, style->norm.training, name);
}

int last_layers(struct graph *graph, const struct model_args *args, int x, bool training, const char *name) {
    char part[128];
    for (int64_t i = 0; i < args->head_count; i++) {
        int before = snprintf(part, sizeof part, "%.*s.hidden%d", (int)strcspn(name, "."), name, (int)i);
        x = build_linear(graph, x, args->head_hidden[i], part);
        snprintf(part + before, sizeof part - (size_t)before, ".act");
        x = build_act(graph, x, args->head_activation, part);
        snprintf(part + before, sizeof part - (size_t)before, ".drop");
        if (training) x = build_dropout(graph, x, args->head_dropout, false, part);
    }
    return build_linear(graph, x, args->num_classes, name);
}

int residual_add(struct graph *graph, int input, int x, double drop, bool training, const char *name) {
    char part[128];
    snprintf(part, sizeof part, "%s.drop", name);
    if (training) x = build_dropout(graph, x, drop, true, part);
    snprintf(part, sizeof part, "%s.add", name);
    return build_add(graph, input, x, part);
}

int squeeze_excite(struct graph *graph, int x, const char *name, const struct squeeze_excite *se) {
    if (graph->status != SK_OK) return 0;
    char part[128];
    const struct shape *shape = value_shape(graph, x);
    struct conv in = {.out = se->squeeze, .bias = true}, out = {.out = shape->dim[shape->rank - 1], .bias = true};
    snprintf(part, sizeof part, "%s.avgpool", name);
    int gate = build_gap(graph, x, part);
    snprintf(part, sizeof part, "%s.fc1", name);
    gate = build_conv(graph, gate, in, part);
    snprintf(part, sizeof part, "%s.activation", name);
    gate = build_act(graph, gate, se->act, part);
    snprintf(part, sizeof part, "%s.fc2", name);
    gate = build_conv(graph, gate, out, part);
    snprintf(part, sizeof part, "%s.scale_activation", name);
    gate = build_act(graph, gate, se->gate, part);
    return build_gate(graph, x, gate, name);
}

int mbconv(struct graph *graph, int x, const char *name, const struct mbconv *block, const struct block_style *style) {
    char part[128];
    int input = x, index = 0, dilation = block->dilation > 1 ? block->dilation : 1;
    struct block_style inner = *style, linear = *style;
    inner.act = block->act, linear.act = ACT_NONE;
    if (block->hidden != block->in) {
        snprintf(part, sizeof part, "%s.block.%d", name, index++);
        x = conv_norm_act(graph, x, part, (struct conv){.out = block->hidden}, &inner);
    }
    snprintf(part, sizeof part, "%s.block.%d", name, index++);
    struct conv depthwise = {.out = block->hidden,
                             .kernel = block->kernel,
                             .stride = dilation > 1 ? 1 : block->stride,
                             .dilation = dilation,
                             .groups = (int)block->hidden};
    x = conv_norm_act(graph, x, part, depthwise, &inner);
    if (block->se.squeeze) {
        snprintf(part, sizeof part, "%s.block.%d", name, index++);
        x = squeeze_excite(graph, x, part, &block->se);
    }
    snprintf(part, sizeof part, "%s.block.%d", name, index);
    x = conv_norm_act(graph, x, part, (struct conv){.out = block->out}, &linear);
    if (block->stride != 1 || block->in != block->out) return x;
    return residual_add(graph, input, x, block->drop, style->norm.training, name);
}
