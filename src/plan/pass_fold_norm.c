/* pass_fold_norm.c — inference: a batch-norm's scale goes into the weights of the convolution before it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static bool fold(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct batch_norm_attr *norm = old->attr;
    const struct node *conv = producer(rewrite->from, old->in[BN_X], &op_conv);
    if (norm->training || !conv || rewrite->uses[old->in[BN_X]] != 1 || conv->in[CONV_ADD]) return false;
    const struct conv_attr *attr = conv->attr;
    if (attr->out_act != ACT_NONE) return false;
    int in[NODE_INPUTS], conv_in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    rewrite_inputs(rewrite, rewrite->from->values[old->in[BN_X]].node, conv_in);
    int fold_in[FN_INPUTS] = {conv_in[CONV_W], conv_in[CONV_BIAS], in[BN_WEIGHT],
                              in[BN_BIAS],     in[BN_MEAN],        in[BN_VARIANCE]};
    struct fold_norm_attr fold_attr = {norm->eps};
    int folded = op_node(rewrite->to, &op_fold_norm, &fold_attr, sizeof fold_attr, fold_in, FN_INPUTS, old->name);
    conv_in[CONV_W] = node_out(rewrite->to, folded, FN_FOLDED_W);
    conv_in[CONV_BIAS] = node_out(rewrite->to, folded, FN_FOLDED_BIAS);
    rewrite->map[old->out[BN_Y]] =
        op_value(rewrite->to, &op_conv, attr, sizeof *attr, conv_in, NODE_INPUTS, conv->name);
    return true;
}

sk_status pass_fold_norm(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_batch_norm, fold, to);
}
