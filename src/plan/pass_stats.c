/* pass_stats.c — a convolution whose output's statistics are wanted forms them in its own store.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static bool statistics_wanted(const struct rewrite *rewrite, int value) {
    for (size_t i = 0; i < rewrite->from->node_count; i++)
        if (rewrite->live[i] && rewrite->from->nodes[i].op == &op_stats && rewrite->from->nodes[i].in[0] == value)
            return true;
    return false;
}

sk_status pass_stats(struct arena *arena, const struct graph *from, struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    for (int node = 0; node < (int)from->node_count; node++) {
        if (!rewrite.live[node]) continue;
        const struct node *old = &from->nodes[node];
        const struct node *conv = old->op == &op_stats ? producer(from, old->in[0], &op_conv) : NULL;
        if (old->op == &op_conv && statistics_wanted(&rewrite, old->out[CONV_Y])) {
            struct conv_attr attr = *(const struct conv_attr *)old->attr;
            attr.want_stats = true;
            int in[NODE_INPUTS];
            rewrite_inputs(&rewrite, node, in);
            rewrite_as(&rewrite, node, &attr, sizeof attr, in);
        } else if (conv) {
            int y = rewrite.map[conv->out[CONV_Y]];
            rewrite.map[old->out[0]] = rewrite.to->nodes[rewrite.to->values[y].node].out[CONV_STATS];
        } else {
            rewrite_copy(&rewrite, node);
        }
    }
    return rewrite_end(&rewrite, to);
}
