/* pass_fold_scale.c — inference: a layer scale goes into the weights and the bias of the convolution before it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static bool fold(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct node *conv = producer(rewrite->from, old->in[LS_X], &op_conv);
    if (!conv || rewrite->uses[old->in[LS_X]] != 1 || conv->in[CONV_ADD]) return false;
    const struct conv_attr *attr = conv->attr;
    if (attr->out_act != ACT_NONE) return false;
    int conv_in[NODE_INPUTS];
    rewrite_inputs(rewrite, rewrite->from->values[old->in[LS_X]].node, conv_in);
    int in[FN_INPUTS] = {
        [FN_W] = conv_in[CONV_W], [FN_CONV_BIAS] = conv_in[CONV_BIAS], [FN_WEIGHT] = rewrite->map[old->in[LS_SCALE]]};
    struct fold_norm_attr fold_attr = {0};
    int folded = op_node(rewrite->to, &op_fold_norm, &fold_attr, sizeof fold_attr, in, FN_INPUTS, old->name);
    conv_in[CONV_W] = node_out(rewrite->to, folded, FN_FOLDED_W);
    conv_in[CONV_BIAS] = node_out(rewrite->to, folded, FN_FOLDED_BIAS);
    rewrite->map[old->out[0]] = op_value(rewrite->to, &op_conv, attr, sizeof *attr, conv_in, NODE_INPUTS, conv->name);
    return true;
}

sk_status pass_fold_scale(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_layer_scale, fold, to);
}
