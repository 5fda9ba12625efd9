/* pass_squeeze.c — inference: a squeeze-excite's expand, depthwise and pooled sums as one step, its two layers as another.
 *
 * The expanded tensor is then never stored, and nothing reads the depthwise part's output to pool it: what remains
 * is that output, once, which the projection reads under the gate (pass_gate).
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/block.h"
#include "plan/passes.h"

/* The squeeze's layer that alone reads `value`: bias and activation, nothing else; -1: none. */
static int layer_of(const struct rewrite *rewrite, int value) {
    const struct graph *from = rewrite->from;
    if (rewrite->uses[value] != 1) return -1;
    for (int node = from->values[value].node + 1; node < (int)from->node_count; node++) {
        const struct node *conv = &from->nodes[node];
        if (!rewrite->live[node] || conv->op != &op_conv || conv->in[CONV_X] != value) continue;
        const struct conv_attr *attr = conv->attr;
        bool plain = block_conv(rewrite, conv->out[CONV_Y]) && attr->in_act == ACT_NONE;
        return plain && conv_is_pointwise(&attr->shape) && attr->shape.p * attr->shape.q == 1 ? node : -1;
    }
    return -1;
}

/* Whether a live node before `node` reads `value`: it would want the convolutions apart as well. */
static bool read_before(const struct rewrite *rewrite, int value, int node) {
    for (int i = rewrite->from->values[value].node + 1; i < node; i++)
        for (int slot = 0; rewrite->live[i] && slot < NODE_INPUTS; slot++)
            if (rewrite->from->nodes[i].in[slot] == value) return true;
    return false;
}

/* The block's first half, where a squeeze-excite's pool `node` stands behind it; `sums_of` its second layer are noted. */
static bool head(struct rewrite *rewrite, int node, int *sums_of) {
    const struct node *gap = &rewrite->from->nodes[node];
    int x = gap->in[GAP_X];
    const struct node *depthwise = block_conv(rewrite, x);
    struct block_half half;
    if (!depthwise || rewrite->uses[x] < 2 || read_before(rewrite, x, node)) return false;
    if (!block_half(rewrite, depthwise, &half) || gap->in[GAP_SCALE]) return false;
    if (((const struct gap_attr *)gap->attr)->act != ACT_NONE) return false;
    int first = layer_of(rewrite, gap->out[0]);
    int second = first < 0 ? -1 : layer_of(rewrite, rewrite->from->nodes[first].out[CONV_Y]);
    if (second < 0) return false;
    int made = op_node(rewrite->to, &op_fused_inverted_residual, &half.attr, sizeof half.attr, half.in, IR_INPUTS,
                       depthwise->name);
    rewrite->map[x] = node_out(rewrite->to, made, IR_Y);
    sums_of[second] = node_out(rewrite->to, made, IR_SUMS);
    rewrite->live[first] = false;
    return true;
}

/* Both layers in the place of the second, whose weights are there by then. */
static void squeeze(struct rewrite *rewrite, int node, int sums) {
    const struct graph *from = rewrite->from;
    const struct node *second = &from->nodes[node];
    const struct node *first = &from->nodes[from->values[second->in[CONV_X]].node];
    const struct node *gap = &from->nodes[from->values[first->in[CONV_X]].node];
    const struct conv_attr *in = first->attr, *out = second->attr;
    const int64_t *map = value_shape(from, gap->in[GAP_X])->dim;
    struct squeeze_attr attr = {.in = in->shape, .out = out->shape, .pixels = map[1] * map[2]};
    attr.act = in->out_act, attr.gate_act = out->out_act;
    int inputs[SQ_INPUTS] = {[SQ_SUMS] = sums,
                             [SQ_IN] = rewrite->map[first->in[CONV_W]],
                             [SQ_IN_BIAS] = rewrite->map[first->in[CONV_BIAS]],
                             [SQ_OUT] = rewrite->map[second->in[CONV_W]],
                             [SQ_OUT_BIAS] = rewrite->map[second->in[CONV_BIAS]]};
    rewrite->map[second->out[CONV_Y]] =
        op_value(rewrite->to, &op_squeeze, &attr, sizeof attr, inputs, SQ_INPUTS, second->name);
}

/* What comes before the pool was copied already, and is dead once nothing reads it: the next pass leaves it. */
sk_status pass_squeeze(struct arena *arena, const struct graph *from, struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    int *sums_of = arena_array(arena, from->node_count + 1, sizeof *sums_of); /* [node]: a second layer's, else 0 */
    if (!sums_of) return SK_EMEMORY;
    for (int node = 0; node < (int)from->node_count; node++) {
        if (!rewrite.live[node]) continue;
        if (from->nodes[node].op == &op_gap && head(&rewrite, node, sums_of)) continue;
        if (sums_of[node])
            squeeze(&rewrite, node, sums_of[node]);
        else
            rewrite_copy(&rewrite, node);
    }
    return rewrite_end(&rewrite, to);
}
