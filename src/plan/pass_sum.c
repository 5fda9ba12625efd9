/* pass_sum.c — training: a sum and the clamp behind it (ResNet's blocks end so) -> one affine.
 *
 * The sum itself is then never written: the clamp's gradient is told by what it gave.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static bool join(struct rewrite *rewrite, int node) {
    const struct node *act = &rewrite->from->nodes[node];
    struct affine_attr attr = *(const struct affine_attr *)act->attr;
    if (act->in[AF_SCALE] || act->in[AF_ADD] || attr.act == ACT_NONE || attr.act > ACT_RELU6) return false;
    const struct node *sum = producer(rewrite->to, rewrite->map[act->in[AF_X]], &op_affine);
    if (!sum || rewrite->uses[act->in[AF_X]] != 1 || !sum->in[AF_ADD]) return false;
    if (((const struct affine_attr *)sum->attr)->act != ACT_NONE) return false;
    attr.add_first = true;
    int in[NODE_INPUTS];
    for (int slot = 0; slot < NODE_INPUTS; slot++) in[slot] = sum->in[slot];
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
    return true;
}

sk_status pass_sum(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_affine, join, to);
}
