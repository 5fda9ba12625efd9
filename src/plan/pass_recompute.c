/* pass_recompute.c — training: activations that cost next to nothing are made again in the backward pass, not kept.
 *
 * An affine, a layer norm or a dropout reads each number once, a max pool and a depthwise convolution a few times; made
 * again from tensors that the gradient keeps anyway, their outputs need not live from forward to backward (Chen et al.
 * 2016). Depthwise outputs whose statistics are wanted stay: there they are a good part of the work. The same node on
 * the same numbers gives the same bits. Residual sums are made of each other: of a chain every fifth is kept, so that
 * few live at once. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "plan/passes.h"

enum { CHAIN = 4, SMALL = 64 }; /* sums made again of each other; a tensor is small below this part of the largest */

struct recompute {
    struct rewrite rewrite;
    int root;      /* the loss: nodes behind it are the gradient's */
    int64_t large; /* numbers, from which on something is gained */
    bool *again;   /* [value of from]: may be made again */
    int *sums;     /* [value of from]: how many sums are made again for it */
    int *made;     /* [value of from]: what was made again, as a value of to */
    bool *read;    /* [value of from]: by the gradient */
    bool *wanted;  /* [node of from]: scratch of make_again */
};

static bool is_cheap(const struct node *node) {
    const struct conv_attr *conv = node->attr;
    if (node->op == &op_conv) return conv_is_depthwise(&conv->shape) && !conv->want_stats;
    return node->op == &op_affine || node->op == &op_layer_norm || node->op == &op_dropout || node->op == &op_max_pool;
}

static bool is_there(const struct recompute *r, int value) {
    const struct value *v = &r->rewrite.from->values[value];
    return !value || v->node < 0 || v->keep || r->read[value] || r->again[value] ||
           value_elements(r->rewrite.from, value) < r->large;
}

/* Whether the gradient finds all that the node reads. */
static void judge(struct recompute *r, int node) {
    const struct graph *from = r->rewrite.from;
    const struct node *n = &from->nodes[node];
    int sums = n->op == &op_affine && n->in[AF_ADD] ? 1 : 0, most = 0;
    if (!is_cheap(n) || value_elements(from, n->out[0]) < r->large) return;
    for (int slot = 0; slot < NODE_INPUTS; slot++) {
        if (!is_there(r, n->in[slot])) return;
        if (r->sums[n->in[slot]] > most) most = r->sums[n->in[slot]];
    }
    if (most + sums > CHAIN) return;
    for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
        int out = n->out[slot];
        if (out && !from->values[out].keep) r->again[out] = true, r->sums[out] = most + sums;
    }
}

static void clone_node(struct recompute *r, int node) {
    const struct node *old = &r->rewrite.from->nodes[node];
    int in[NODE_INPUTS];
    for (int slot = 0; slot < NODE_INPUTS; slot++) {
        int v = old->in[slot];
        in[slot] = r->made[v] ? r->made[v] : r->rewrite.map[v];
    }
    int made = graph_append(r->rewrite.to, old->op, old->attr, in, NODE_INPUTS, old->name);
    if (made < 0) return;
    sk_status status = old->op->infer(r->rewrite.to, made);
    if (status != SK_OK) graph_fail(r->rewrite.to, status);
    for (int slot = 0; slot < NODE_OUTPUTS; slot++)
        if (old->out[slot]) r->made[old->out[slot]] = node_out(r->rewrite.to, made, slot);
}

/* The value, and before it what it is made of that is not there. */
static void make_again(struct recompute *r, int value) {
    const struct graph *from = r->rewrite.from;
    int last = from->values[value].node, first = last;
    memset(r->wanted, 0, ((size_t)last + 1) * sizeof *r->wanted);
    r->wanted[last] = true;
    for (int node = last; node >= 0; node--) {
        if (!r->wanted[node]) continue;
        first = node;
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int v = from->nodes[node].in[slot];
            if (v && r->again[v] && !r->made[v]) r->wanted[from->values[v].node] = true;
        }
    }
    for (int node = first; node <= last; node++)
        if (r->wanted[node]) clone_node(r, node);
}

static void copy_gradient(struct recompute *r, int node) {
    const struct node *old = &r->rewrite.from->nodes[node];
    int kept[NODE_INPUTS];
    for (int slot = 0; slot < NODE_INPUTS; slot++) {
        int v = old->in[slot];
        kept[slot] = r->rewrite.map[v];
        if (v && r->again[v] && !r->made[v]) make_again(r, v);
    }
    for (int slot = 0; slot < NODE_INPUTS; slot++)
        if (r->made[old->in[slot]]) r->rewrite.map[old->in[slot]] = r->made[old->in[slot]];
    rewrite_copy(&r->rewrite, node);
    for (int slot = 0; slot < NODE_INPUTS; slot++) r->rewrite.map[old->in[slot]] = kept[slot];
}

static sk_status prepare(struct arena *arena, const struct graph *from, struct recompute *r) {
    TRY(rewrite_begin(arena, from, &r->rewrite));
    r->again = arena_array(arena, from->value_count, sizeof *r->again);
    r->sums = arena_array(arena, from->value_count, sizeof *r->sums);
    r->made = arena_array(arena, from->value_count, sizeof *r->made);
    r->read = arena_array(arena, from->value_count, sizeof *r->read);
    r->wanted = arena_array(arena, from->node_count + 1, sizeof *r->wanted);
    if (!r->again || !r->sums || !r->made || !r->read || !r->wanted) return SK_EMEMORY;
    r->root = from->values[graph_find_port(from, "loss")].node;
    for (int node = r->root + 1; node < (int)from->node_count; node++)
        for (int slot = 0; r->rewrite.live[node] && slot < NODE_INPUTS; slot++)
            r->read[from->nodes[node].in[slot]] = true;
    for (size_t v = 1; v < from->value_count; v++)
        if (value_elements(from, (int)v) / SMALL > r->large) r->large = value_elements(from, (int)v) / SMALL;
    for (int node = 0; node <= r->root; node++)
        if (r->rewrite.live[node]) judge(r, node);
    return SK_OK;
}

sk_status pass_recompute(struct arena *arena, const struct graph *from, struct graph **to) {
    struct recompute r = {.root = 0};
    TRY(prepare(arena, from, &r));
    for (int node = 0; node < (int)from->node_count; node++) {
        if (!r.rewrite.live[node]) continue;
        if (node <= r.root)
            rewrite_copy(&r.rewrite, node);
        else
            copy_gradient(&r, node);
    }
    return rewrite_end(&r.rewrite, to);
}
