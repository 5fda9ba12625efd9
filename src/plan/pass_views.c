/* pass_views.c — a norm and its activation are applied in the load of the tensor's only reader.
 *
 * Readers that take views: convolution and global average pool; and the two of a squeeze-excite together, the pool and
 * the gate that comes of it. A residual's sum stays a tensor of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "plan/passes.h"

/* The affine before `value`, where it is a plain view that `readers` inputs read. */
static const struct node *viewable(const struct rewrite *rewrite, int value, int readers) {
    const struct node *affine = producer(rewrite->from, value, &op_affine);
    return affine && rewrite->uses[value] == readers && affine->in[AF_SCALE] && !affine->in[AF_ADD] ? affine : NULL;
}

/* Marks the values from `first` on that come of what node `first` makes; true where one of them gates at `gate`. */
static bool gate_comes_of(const struct graph *graph, int first, int gate, bool *comes) {
    memset(comes, 0, graph->value_count * sizeof *comes);
    for (int node = first; node < gate; node++) {
        bool of_it = node == first;
        for (int slot = 0; slot < NODE_INPUTS; slot++) of_it |= comes[graph->nodes[node].in[slot]];
        for (int slot = 0; of_it && slot < NODE_OUTPUTS; slot++)
            if (graph->nodes[node].out[slot]) comes[graph->nodes[node].out[slot]] = true;
    }
    return comes[graph->nodes[gate].in[GT_GATE]];
}

/* Marks pools and gates that read one view alone, the gate being made of the pool's output: then the gradient passes
 * the gate first. */
static sk_status find_pairs(struct arena *arena, const struct rewrite *rewrite, bool **paired) {
    const struct graph *from = rewrite->from;
    bool *comes = arena_array(arena, from->value_count, sizeof *comes);
    *paired = arena_array(arena, from->node_count + 1, sizeof **paired);
    if (!comes || !*paired) return SK_EMEMORY;
    for (int gap = 0; gap < (int)from->node_count; gap++) {
        int x = from->nodes[gap].in[GAP_X];
        if (!rewrite->live[gap] || from->nodes[gap].op != &op_gap || !viewable(rewrite, x, 2)) continue;
        for (int gate = gap + 1; gate < (int)from->node_count; gate++) {
            const struct node *node = &from->nodes[gate];
            if (!rewrite->live[gate] || node->op != &op_gate || node->in[GT_X] != x) continue;
            (*paired)[gap] = (*paired)[gate] = gate_comes_of(from, gap, gate, comes);
        }
    }
    return SK_OK;
}

static bool view_conv(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct conv_attr attr = *(const struct conv_attr *)old->attr;
    const struct node *affine = viewable(rewrite, old->in[CONV_X], 1);
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

static bool view_gap(struct rewrite *rewrite, int node, bool paired) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct node *affine = viewable(rewrite, old->in[GAP_X], paired ? 2 : 1);
    if (!affine || old->in[GAP_SCALE]) return false;
    struct gap_attr attr = {((const struct affine_attr *)affine->attr)->act};
    int in[NODE_INPUTS] = {[GAP_X] = rewrite->map[affine->in[AF_X]],
                           [GAP_SCALE] = rewrite->map[affine->in[AF_SCALE]],
                           [GAP_SHIFT] = rewrite->map[affine->in[AF_SHIFT]]};
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
    return true;
}

static void view_gate(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct node *affine = viewable(rewrite, old->in[GT_X], 2);
    struct gate_attr attr = {((const struct affine_attr *)affine->attr)->act};
    int in[NODE_INPUTS] = {[GT_X] = rewrite->map[affine->in[AF_X]],
                           [GT_GATE] = rewrite->map[old->in[GT_GATE]],
                           [GT_SCALE] = rewrite->map[affine->in[AF_SCALE]],
                           [GT_SHIFT] = rewrite->map[affine->in[AF_SHIFT]]};
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
}

sk_status pass_views(struct arena *arena, const struct graph *from, struct graph **to) {
    struct rewrite rewrite;
    bool *paired;
    TRY(rewrite_begin(arena, from, &rewrite));
    TRY(find_pairs(arena, &rewrite, &paired));
    for (int node = 0; node < (int)from->node_count; node++) {
        if (!rewrite.live[node]) continue;
        if (from->nodes[node].op == &op_conv && view_conv(&rewrite, node)) continue;
        if (from->nodes[node].op == &op_gap && view_gap(&rewrite, node, paired[node])) continue;
        if (paired[node] && from->nodes[node].op == &op_gate)
            view_gate(&rewrite, node);
        else
            rewrite_copy(&rewrite, node);
    }
    return rewrite_end(&rewrite, to);
}
