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

static struct layer layer_of(const struct graph *graph, const struct node *node, const struct receptive *fields,
                             bool *counted) {
    struct layer layer = {.name = node->name,
                          .op = node->op->name,
                          .parameters = take_parameters(graph, node, counted),
                          .cost = layer_cost(graph, node)};
    int out = node->out[0];
    if (!out) return layer;
    layer.output = *value_shape(graph, out);
    layer.activations = value_elements(graph, out);
    layer.bytes = layer.activations * (int64_t)dtype_size(graph->values[out].dtype);
    layer.sees = fields[out];
    return layer;
}

sk_status layers_of(struct arena *arena, const struct graph *graph, struct layers *layers) {
    bool *counted = arena_array(arena, graph->param_count + 1, sizeof *counted);
    struct receptive *fields;
    TRY(receptive_fields(arena, graph, &fields));
    *layers = (struct layers){.count = graph->node_count};
    layers->row = arena_array(arena, graph->node_count, sizeof *layers->row);
    if (!counted || !layers->row) return SK_EMEMORY;
    for (size_t i = 0; i < graph->node_count; i++) {
        struct layer *row = &layers->row[i];
        *row = layer_of(graph, &graph->nodes[i], fields, counted);
        layers->macs += row->cost.macs;
        layers->activations += row->activations;
        layers->bytes += row->bytes;
    }
    return SK_OK;
}
