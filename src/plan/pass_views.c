/* pass_views.c — a norm and its activation are applied in the load of the tensor's only reader.
 *
 * Readers that take views: convolution and global average pool. A residual's sum stays a tensor of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

/* The affine before `value`, where it is a plain view that nobody else reads. */
static const struct node *viewable(const struct rewrite *rewrite, int value) {
    const struct node *affine = producer(rewrite->from, value, &op_affine);
    return affine && rewrite->uses[value] == 1 && affine->in[AF_SCALE] && !affine->in[AF_ADD] ? affine : NULL;
}

static bool view_conv(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct conv_attr attr = *(const struct conv_attr *)old->attr;
    const struct node *affine = viewable(rewrite, old->in[CONV_X]);
    if (!affine || old->in[CONV_SCALE] || attr.in_act != ACT_NONE) return false;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    in[CONV_X] = rewrite->map[affine->in[AF_X]];
    in[CONV_SCALE] = rewrite->map[affine->in[AF_SCALE]];
    in[CONV_SHIFT] = rewrite->map[affine->in[AF_SHIFT]];
    attr.in_act = ((const struct affine_attr *)affine->attr)->act;
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
    return true;
}

static bool view_gap(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct node *affine = viewable(rewrite, old->in[GAP_X]);
    if (!affine || old->in[GAP_SCALE]) return false;
    struct gap_attr attr = {((const struct affine_attr *)affine->attr)->act};
    int in[NODE_INPUTS] = {[GAP_X] = rewrite->map[affine->in[AF_X]],
                           [GAP_SCALE] = rewrite->map[affine->in[AF_SCALE]],
                           [GAP_SHIFT] = rewrite->map[affine->in[AF_SHIFT]]};
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
    return true;
}

sk_status pass_views(struct arena *arena, const struct graph *from, struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    for (int node = 0; node < (int)from->node_count; node++) {
        if (!rewrite.live[node]) continue;
        if (from->nodes[node].op == &op_conv && view_conv(&rewrite, node)) continue;
        if (from->nodes[node].op == &op_gap && view_gap(&rewrite, node)) continue;
        rewrite_copy(&rewrite, node);
    }
    return rewrite_end(&rewrite, to);
}
