/* pass_gate.c — inference: a squeeze-excite's gate is applied in the load of the convolution behind it.
 *
 * The projection then reads the depthwise convolution's output and multiplies on the way to its tile: the gated tensor
 * is never stored. SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

/* The gate before the 1x1 convolution `conv`, where it is its alone. */
static const struct node *gate_of(const struct rewrite *rewrite, const struct node *conv) {
    const struct node *gate = producer(rewrite->from, conv->in[CONV_X], &op_gate);
    if (!gate || rewrite->uses[conv->in[CONV_X]] != 1 || conv->in[CONV_SCALE] || conv->in[CONV_GATE]) return NULL;
    const struct conv_attr *attr = conv->attr;
    if (!conv_is_pointwise(&attr->shape) || attr->in_act != ACT_NONE || gate->in[GT_SCALE]) return NULL;
    return ((const struct gate_attr *)gate->attr)->act == ACT_NONE ? gate : NULL;
}

static bool take_gate(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node], *gate = gate_of(rewrite, old);
    if (!gate) return false;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    in[CONV_X] = rewrite->map[gate->in[GT_X]];
    in[CONV_GATE] = rewrite->map[gate->in[GT_GATE]];
    rewrite_as(rewrite, node, old->attr, sizeof(struct conv_attr), in);
    return true;
}

sk_status pass_gate(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_conv, take_gate, to);
}
