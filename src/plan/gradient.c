/* gradient.c — the gradient as a transformation: walk the forward nodes backwards, let each op's rule append nodes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/build.h"
#include "plan/passes.h"

/* The gradient of each parameter gets its own place, at the parameter's offset in the gradient block. */
static void place_parameter_gradients(struct gradients *gradients) {
    struct graph *graph = gradients->graph;
    for (size_t i = 0; i < graph->param_count; i++) {
        if (graph->params[i].state || graph->params[i].frozen) continue;
        int of = gradients_plain(gradients, graph->params[i].value);
        if (!of) {
            graph_fail(graph, status_fail(SK_EINTERNAL, "%s has no gradient", graph->params[i].name));
            return;
        }
        struct value *value = &graph->values[of];
        value->place = PLACE_GRADIENT;
        value->param = (int)i;
        value->offset = graph->params[i].offset;
    }
}

/* What a trained parameter is in: nothing else needs a gradient, and where nothing below does, the walk ends. */
static void mark_wanted(struct gradients *gradients) {
    const struct graph *graph = gradients->graph;
    for (size_t i = 0; i < graph->param_count; i++)
        gradients->wanted[graph->params[i].value] = !graph->params[i].state && !graph->params[i].frozen;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        bool wanted = false;
        for (int slot = 0; slot < NODE_INPUTS; slot++) wanted |= gradients->wanted[node->in[slot]];
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (node->out[slot]) gradients->wanted[node->out[slot]] = wanted;
    }
}

/* True where the node is to hand on what reached its outputs. */
static bool is_reached(const struct gradients *gradients, int node, int root) {
    bool reached = node == root;
    for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
        int out = gradients->graph->nodes[node].out[slot];
        reached |= gradients_wanted(gradients, out) && gradients_known(gradients, out);
    }
    return reached;
}

sk_status gradient_build(struct graph *graph, int loss) {
    TRY(graph_check(graph));
    struct gradients gradients = {.graph = graph, .count = graph->value_count};
    gradients.of = arena_array(graph->arena, gradients.count, sizeof *gradients.of);
    gradients.wanted = arena_array(graph->arena, gradients.count, sizeof *gradients.wanted);
    if (!gradients.of || !gradients.wanted) return SK_EMEMORY;
    mark_wanted(&gradients);
    int root = graph->values[loss].node;
    for (int node = (int)graph->node_count - 1; node >= 0 && graph->status == SK_OK; node--) {
        if (!is_reached(&gradients, node, root)) continue;
        if (!graph->nodes[node].op->gradient)
            return status_fail(SK_EINTERNAL, "%s (%s) cannot be differentiated", graph->nodes[node].name,
                               graph->nodes[node].op->name);
        graph->nodes[node].op->gradient(&gradients, node);
    }
    TRY(graph_check(graph));
    place_parameter_gradients(&gradients);
    return graph_check(graph);
}
