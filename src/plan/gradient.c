/* gradient.c — the gradient as a transformation: walk the forward nodes backwards, let each op's rule append nodes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/build.h"
#include "plan/passes.h"

/* The gradient of each parameter gets its own place, at the parameter's offset in the gradient block. */
static void place_parameter_gradients(struct gradients *gradients) {
    struct graph *graph = gradients->graph;
    for (size_t i = 0; i < graph->param_count; i++) {
        if (graph->params[i].state) continue;
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

sk_status gradient_build(struct graph *graph, int loss) {
    TRY(graph_check(graph));
    struct gradients gradients = {.graph = graph, .count = graph->value_count};
    gradients.of = arena_array(graph->arena, gradients.count, sizeof *gradients.of);
    if (!gradients.of) return SK_EMEMORY;
    int root = graph->values[loss].node;
    for (int node = (int)graph->node_count - 1; node >= 0 && graph->status == SK_OK; node--) {
        bool reached = node == root;
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            reached |= gradients_known(&gradients, graph->nodes[node].out[slot]);
        if (!reached) continue;
        if (!graph->nodes[node].op->gradient)
            return status_fail(SK_EINTERNAL, "%s (%s) cannot be differentiated", graph->nodes[node].name,
                               graph->nodes[node].op->name);
        graph->nodes[node].op->gradient(&gradients, node);
    }
    TRY(graph_check(graph));
    place_parameter_gradients(&gradients);
    return graph_check(graph);
}
