/* pass_block.c — inference: expand, depthwise, project -> one fused_inverted_residual.
 *
 * The expanded tensor is then never stored; nor is the output of the first convolution, where a block without
 * expansion follows it, with a residual or without.
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/block.h"
#include "plan/passes.h"

static const struct conv_attr *attr_of(const struct node *conv) {
    return conv->attr;
}

const struct node *block_conv(const struct rewrite *rewrite, int value) {
    const struct node *conv = producer(rewrite->from, value, &op_conv);
    if (!conv || !conv->in[CONV_BIAS] || conv->in[CONV_SCALE] || conv->in[CONV_GATE]) return NULL;
    return conv->in[CONV_ADD] || conv->out[CONV_STATS] ? NULL : conv;
}

static bool square(const struct conv_shape *s) {
    return s->r == s->s && s->stride_h == s->stride_w && s->dilation_h == 1 && s->dilation_w == 1;
}

/* 1x1, or the dense convolution that a network begins with. */
static bool expands(const struct conv_shape *s) {
    return conv_is_pointwise(s) || block_takes(s);
}

static void half_expand(const struct rewrite *rewrite, struct block_half *half, const struct node *expand) {
    half->attr.expand = attr_of(expand)->shape, half->attr.expand_act = attr_of(expand)->out_act;
    half->x = expand->in[CONV_X];
    half->in[IR_X] = rewrite->map[half->x];
    half->in[IR_EXPAND] = rewrite->map[expand->in[CONV_W]];
    half->in[IR_EXPAND_BIAS] = rewrite->map[expand->in[CONV_BIAS]];
}

/* A residual of what a dense convolution made, which nobody else reads: the block can hold that, too. */
static void half_add_dense(const struct rewrite *rewrite, struct block_half *half) {
    const struct node *dense = rewrite->uses[half->x] == 2 ? block_conv(rewrite, half->x) : NULL;
    if (!half->attr.expand.k && dense && !conv_is_pointwise(&attr_of(dense)->shape) &&
        block_takes(&attr_of(dense)->shape))
        half_expand(rewrite, half, dense);
}

bool block_half(const struct rewrite *rewrite, const struct node *depthwise, struct block_half *half) {
    const struct conv_shape *s = &attr_of(depthwise)->shape;
    if (!conv_is_depthwise(s) || !square(s)) return false;
    *half = (struct block_half){.attr = {.depthwise = *s, .act = attr_of(depthwise)->out_act}};
    int hidden = depthwise->in[CONV_X];
    const struct node *expand = rewrite->uses[hidden] == 1 ? block_conv(rewrite, hidden) : NULL;
    if (expand && !expands(&attr_of(expand)->shape)) expand = NULL;
    half->x = hidden;
    half->in[IR_X] = rewrite->map[hidden];
    if (expand) half_expand(rewrite, half, expand);
    half->in[IR_DEPTHWISE] = rewrite->map[depthwise->in[CONV_W]];
    half->in[IR_DEPTHWISE_BIAS] = rewrite->map[depthwise->in[CONV_BIAS]];
    return true;
}

static bool fuse(struct rewrite *rewrite, int node) {
    const struct node *project = &rewrite->from->nodes[node];
    if (!conv_is_pointwise(&attr_of(project)->shape) || attr_of(project)->out_act != ACT_NONE ||
        !project->in[CONV_BIAS] || project->in[CONV_SCALE] || project->in[CONV_GATE])
        return false;
    const struct node *depthwise = block_conv(rewrite, project->in[CONV_X]);
    struct block_half half;
    if (!depthwise || rewrite->uses[project->in[CONV_X]] != 1 || !block_half(rewrite, depthwise, &half)) return false;
    if (project->in[CONV_ADD] && project->in[CONV_ADD] != half.x) return false;
    half.attr.project = attr_of(project)->shape;
    half.attr.add = project->in[CONV_ADD] != 0;
    if (half.attr.add) half_add_dense(rewrite, &half);
    half.in[IR_PROJECT] = rewrite->map[project->in[CONV_W]];
    half.in[IR_PROJECT_BIAS] = rewrite->map[project->in[CONV_BIAS]];
    rewrite->map[project->out[CONV_Y]] = op_value(rewrite->to, &op_fused_inverted_residual, &half.attr,
                                                  sizeof half.attr, half.in, IR_INPUTS, project->name);
    return true;
}

sk_status pass_block(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_conv, fuse, to);
}
