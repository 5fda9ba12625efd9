/* pass_block.c — inference: expand, depthwise, project -> one fused_inverted_residual.
 *
 * The expanded tensor is then never stored; nor is the output of the first convolution, where a block without
 * expansion follows it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static const struct conv_attr *attr_of(const struct node *conv) {
    return conv->attr;
}

/* A convolution that the block can take: bias, no view, no residual, read by one node alone. */
static const struct node *plain_conv(const struct rewrite *rewrite, int value) {
    const struct node *conv = producer(rewrite->from, value, &op_conv);
    if (!conv || rewrite->uses[value] != 1 || !conv->in[CONV_BIAS] || conv->in[CONV_SCALE]) return NULL;
    if (conv->in[CONV_GATE]) return NULL;
    return conv->in[CONV_ADD] || conv->out[CONV_STATS] ? NULL : conv;
}

static bool square(const struct conv_shape *s) {
    return s->r == s->s && s->stride_h == s->stride_w && s->dilation_h == 1 && s->dilation_w == 1;
}

/* 1x1, or the dense convolution that a network begins with. */
static bool expands(const struct conv_shape *s) {
    return conv_is_pointwise(s) || block_takes(s);
}

static bool fuse(struct rewrite *rewrite, int node) {
    const struct node *project = &rewrite->from->nodes[node];
    if (!conv_is_pointwise(&attr_of(project)->shape) || attr_of(project)->out_act != ACT_NONE ||
        !project->in[CONV_BIAS] || project->in[CONV_SCALE] || project->in[CONV_GATE])
        return false;
    const struct node *depthwise = plain_conv(rewrite, project->in[CONV_X]);
    if (!depthwise || !conv_is_depthwise(&attr_of(depthwise)->shape) || !square(&attr_of(depthwise)->shape))
        return false;
    struct inverted_residual_attr attr = {
        .depthwise = attr_of(depthwise)->shape, .project = attr_of(project)->shape, .act = attr_of(depthwise)->out_act};
    const struct node *expand = plain_conv(rewrite, depthwise->in[CONV_X]);
    if (expand && !expands(&attr_of(expand)->shape)) expand = NULL;
    if (expand) attr.expand = attr_of(expand)->shape, attr.expand_act = attr_of(expand)->out_act;
    int x = expand ? expand->in[CONV_X] : depthwise->in[CONV_X];
    if (project->in[CONV_ADD] && project->in[CONV_ADD] != x) return false;
    attr.add = project->in[CONV_ADD] != 0;
    const int *map = rewrite->map;
    int in[IR_INPUTS] = {[IR_X] = map[x],
                         [IR_EXPAND] = expand ? map[expand->in[CONV_W]] : 0,
                         [IR_EXPAND_BIAS] = expand ? map[expand->in[CONV_BIAS]] : 0,
                         [IR_DEPTHWISE] = map[depthwise->in[CONV_W]],
                         [IR_DEPTHWISE_BIAS] = map[depthwise->in[CONV_BIAS]],
                         [IR_PROJECT] = map[project->in[CONV_W]],
                         [IR_PROJECT_BIAS] = map[project->in[CONV_BIAS]]};
    rewrite->map[project->out[CONV_Y]] =
        op_value(rewrite->to, &op_fused_inverted_residual, &attr, sizeof attr, in, IR_INPUTS, project->name);
    return true;
}

sk_status pass_block(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_conv, fuse, to);
}
