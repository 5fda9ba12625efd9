/* pass_merge.c — affine after affine -> one: norm + activation, norm + residual.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

/* The producer of `value` as a bare scale-and-shift that only this reader wants, as it stands in the new graph. */
static const struct node *bare_affine(const struct rewrite *rewrite, int value) {
    const struct node *inner = producer(rewrite->to, rewrite->map[value], &op_affine);
    if (!inner || rewrite->uses[value] != 1) return NULL;
    const struct affine_attr *attr = inner->attr;
    return attr->act == ACT_NONE && !inner->in[AF_ADD] && inner->in[AF_SCALE] ? inner : NULL;
}

static bool merge(struct rewrite *rewrite, int node) {
    const struct node *outer = &rewrite->from->nodes[node];
    const struct affine_attr *attr = outer->attr;
    if (outer->in[AF_SCALE]) return false;
    const struct node *inner = bare_affine(rewrite, outer->in[AF_X]);
    int other = outer->in[AF_ADD];
    if (!inner && other && attr->act == ACT_NONE) { /* a + b = b + a */
        inner = bare_affine(rewrite, other);
        other = outer->in[AF_X];
    }
    if (!inner) return false;
    int in[NODE_INPUTS] = {inner->in[AF_X], inner->in[AF_SCALE], inner->in[AF_SHIFT], rewrite->map[other]};
    rewrite_as(rewrite, node, attr, sizeof *attr, in);
    return true;
}

sk_status pass_merge(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_affine, merge, to);
}
