/* layers.c — a graph's nodes as rows of a table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/layers.h"

struct cost layer_cost(const struct graph *graph, const struct node *node) {
    if (node->op->cost) return node->op->cost(graph, node);
    struct cost cost = {0};
    for (int i = 0; i < NODE_INPUTS; i++)
        if (node->in[i])
            cost.bytes += value_elements(graph, node->in[i]) * (int64_t)dtype_size(graph->values[node->in[i]].dtype);
    for (int i = 0; i < NODE_OUTPUTS; i++)
        if (node->out[i])
            cost.bytes += value_elements(graph, node->out[i]) * (int64_t)dtype_size(graph->values[node->out[i]].dtype);
    return cost;
}

static int64_t take_parameters(const struct graph *graph, const struct node *node, bool *counted) {
    int64_t sum = 0;
    for (int i = 0; i < NODE_INPUTS; i++) {
        const struct value *value = &graph->values[node->in[i]];
        if (!node->in[i] || value->place != PLACE_PARAM || counted[value->param]) continue;
        counted[value->param] = true;
        sum += graph->params[value->param].count;
    }
    return sum;
}

sk_status layers_of(struct arena *arena, const struct graph *graph, struct layer **layers, size_t *count) {
    bool *counted = arena_array(arena, graph->param_count + 1, sizeof *counted);
    *count = graph->node_count;
    *layers = arena_array(arena, graph->node_count, sizeof **layers);
    if (!counted || !*layers) return SK_EMEMORY;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        (*layers)[i] = (struct layer){.name = node->name,
                                      .op = node->op->name,
                                      .parameters = take_parameters(graph, node, counted),
                                      .cost = layer_cost(graph, node)};
        if (node->out[0]) (*layers)[i].output = *value_shape(graph, node->out[0]);
    }
    return SK_OK;
}
