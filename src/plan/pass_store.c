/* pass_store.c — inference: an activation or a residual addition goes into the store of the convolution before it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

/* The convolution that makes `value`, as it stands in the new graph, where only this reader wants it. */
static const struct node *storing_conv(const struct rewrite *rewrite, int value) {
    const struct node *conv = producer(rewrite->to, rewrite->map[value], &op_conv);
    if (!conv || rewrite->uses[value] != 1) return NULL;
    return conv->in[CONV_ADD] || conv->out[CONV_STATS] ? NULL : conv;
}

static void replace(struct rewrite *rewrite, int node, const struct node *conv, const struct conv_attr *attr, int add) {
    int in[NODE_INPUTS];
    for (int slot = 0; slot < NODE_INPUTS; slot++) in[slot] = conv->in[slot];
    if (add) in[CONV_ADD] = add;
    rewrite->map[rewrite->from->nodes[node].out[0]] =
        op_value(rewrite->to, &op_conv, attr, sizeof *attr, in, NODE_INPUTS, conv->name);
}

/* A clamp behind a convolution that adds its residual already: the end of ResNet's block. */
static bool store_clamp(struct rewrite *rewrite, int node, enum act act) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct node *conv = producer(rewrite->to, rewrite->map[old->in[AF_X]], &op_conv);
    if (!conv || rewrite->uses[old->in[AF_X]] != 1 || old->in[AF_ADD] || !conv->in[CONV_ADD]) return false;
    struct conv_attr attr = *(const struct conv_attr *)conv->attr;
    if (attr.out_act != ACT_NONE || conv->out[CONV_STATS] || (act != ACT_RELU && act != ACT_RELU6)) return false;
    attr.out_act = act;
    attr.add_first = true;
    replace(rewrite, node, conv, &attr, 0);
    return true;
}

static bool store(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    enum act act = ((const struct affine_attr *)old->attr)->act;
    if (old->in[AF_SCALE]) return false;
    if (store_clamp(rewrite, node, act)) return true;
    const struct node *conv = storing_conv(rewrite, old->in[AF_X]);
    int other = old->in[AF_ADD];
    if (!conv && other && act == ACT_NONE) {
        conv = storing_conv(rewrite, other);
        other = old->in[AF_X];
    }
    if (!conv) return false;
    struct conv_attr attr = *(const struct conv_attr *)conv->attr;
    if (attr.out_act != ACT_NONE && act != ACT_NONE) return false;
    if (other && conv_is_depthwise(&attr.shape)) return false;
    if (act != ACT_NONE) attr.out_act = act; /* the store's order: activation, then residual, as affine's */
    replace(rewrite, node, conv, &attr, rewrite->map[other]);
    return true;
}

sk_status pass_store(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_affine, store, to);
}
