/* rewrite.c — copying graphs for passes, dead nodes left behind.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/rewrite.h"

const struct node *producer(const struct graph *graph, int value, const struct op *op) {
    if (!value || graph->values[value].node < 0) return NULL;
    const struct node *node = &graph->nodes[graph->values[value].node];
    return node->op == op ? node : NULL;
}

/* Roots: kept values, parameters' gradients, and what updates read. Walk back through the nodes. */
static void find_live(struct rewrite *rewrite) {
    const struct graph *from = rewrite->from;
    for (size_t v = 1; v < from->value_count; v++)
        if (from->values[v].keep || from->values[v].place == PLACE_GRADIENT) rewrite->uses[v]++;
    for (size_t u = 0; u < from->update_count; u++) {
        rewrite->uses[from->updates[u].mean]++;
        rewrite->uses[from->updates[u].variance]++;
    }
    for (size_t i = from->node_count; i-- > 0;) {
        const struct node *node = &from->nodes[i];
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (node->out[slot] && rewrite->uses[node->out[slot]]) rewrite->live[i] = true;
        for (int slot = 0; rewrite->live[i] && slot < NODE_INPUTS; slot++)
            if (node->in[slot]) rewrite->uses[node->in[slot]]++;
    }
}

sk_status rewrite_begin(struct arena *arena, const struct graph *from, struct rewrite *rewrite) {
    TRY(graph_check(from));
    *rewrite = (struct rewrite){.from = from};
    TRY(graph_new(arena, &rewrite->to));
    rewrite->map = arena_array(arena, from->value_count, sizeof *rewrite->map);
    rewrite->uses = arena_array(arena, from->value_count, sizeof *rewrite->uses);
    rewrite->live = arena_array(arena, from->node_count + 1, sizeof *rewrite->live);
    if (!rewrite->map || !rewrite->uses || !rewrite->live) return SK_EMEMORY;
    graph_reserve(rewrite->to, from->node_count, from->value_count, from->param_count);
    find_live(rewrite);
    for (size_t v = 1; v < from->value_count; v++) {
        const struct value *value = &from->values[v];
        if (value->node >= 0) continue;
        if (value->place == PLACE_INPUT) {
            rewrite->map[v] = graph_input(rewrite->to, value->dtype, value->shape);
        } else {
            rewrite->map[v] = graph_param_of(rewrite->to, &from->params[value->param]);
        }
    }
    rewrite->to->random_nodes = from->random_nodes;
    return graph_check(rewrite->to);
}

void rewrite_inputs(const struct rewrite *rewrite, int node, int in[NODE_INPUTS]) {
    for (int slot = 0; slot < NODE_INPUTS; slot++) in[slot] = rewrite->map[rewrite->from->nodes[node].in[slot]];
}

int rewrite_as(struct rewrite *rewrite, int node, const void *attr, size_t size, const int in[NODE_INPUTS]) {
    const struct node *old = &rewrite->from->nodes[node];
    int made = op_node(rewrite->to, old->op, attr, size, in, NODE_INPUTS, old->name);
    for (int slot = 0; made >= 0 && slot < NODE_OUTPUTS; slot++)
        if (old->out[slot]) rewrite->map[old->out[slot]] = rewrite->to->nodes[made].out[slot];
    return made;
}

/* The attribute is immutable and lives in the old graph's arena, which outlives the new graph: it is shared. */
int rewrite_copy(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    int made = graph_append(rewrite->to, old->op, old->attr, in, NODE_INPUTS, old->name);
    if (made < 0) return made;
    sk_status status = old->op->infer(rewrite->to, made);
    if (status != SK_OK) return graph_fail(rewrite->to, status) - 1;
    for (int slot = 0; slot < NODE_OUTPUTS; slot++)
        if (old->out[slot]) rewrite->map[old->out[slot]] = rewrite->to->nodes[made].out[slot];
    return made;
}

sk_status rewrite_end(struct rewrite *rewrite, struct graph **to) {
    const struct graph *from = rewrite->from;
    for (size_t u = 0; u < from->update_count; u++) {
        struct update update = from->updates[u];
        update.mean = rewrite->map[update.mean];
        update.variance = rewrite->map[update.variance];
        graph_update(rewrite->to, update);
    }
    for (size_t i = 0; i < from->port_count; i++)
        graph_port(rewrite->to, from->ports[i].name, rewrite->map[from->ports[i].value]);
    TRY(graph_check(rewrite->to));
    for (size_t v = 1; v < from->value_count; v++) {
        const struct value *old = &from->values[v];
        struct value *new = &rewrite->to->values[rewrite->map[v]];
        if (!rewrite->map[v]) continue;
        if (old->place == PLACE_GRADIENT)
            new->place = PLACE_GRADIENT, new->param = old->param, new->offset = old->offset;
    }
    *to = rewrite->to;
    return SK_OK;
}

sk_status rewrite_op(struct arena *arena, const struct graph *from, const struct op *op,
                     bool (*say)(struct rewrite *rewrite, int node), struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    for (int node = 0; node < (int)from->node_count; node++) {
        if (!rewrite.live[node]) continue;
        if (from->nodes[node].op == op && say(&rewrite, node)) continue;
        rewrite_copy(&rewrite, node);
    }
    return rewrite_end(&rewrite, to);
}
