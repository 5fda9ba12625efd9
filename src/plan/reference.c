/* reference.c — running a graph by its ops' references.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/reference.h"

#include <math.h>

sk_status reference_new(struct arena *arena, const struct graph *graph, struct reference **out) {
    TRY(graph_check(graph));
    struct reference *reference = arena_alloc(arena, sizeof *reference);
    if (!reference) return SK_EMEMORY;
    reference->graph = graph;
    reference->values = arena_array(arena, graph->value_count, sizeof *reference->values);
    reference->params = arena_array(arena, (size_t)graph->param_elements + 1, sizeof(double));
    reference->state = arena_array(arena, (size_t)graph->state_elements + 1, sizeof(double));
    reference->gradients = arena_array(arena, (size_t)graph->param_elements + 1, sizeof(double));
    if (!reference->values || !reference->params || !reference->state || !reference->gradients) return SK_EMEMORY;
    for (size_t v = 1; v < graph->value_count; v++) {
        const struct value *value = &graph->values[v];
        if (value->place == PLACE_PARAM)
            reference->values[v] = reference->params + value->offset;
        else if (value->place == PLACE_STATE)
            reference->values[v] = reference->state + value->offset;
        else if (value->place == PLACE_GRADIENT)
            reference->values[v] = reference->gradients + value->offset;
        else
            reference->values[v] = arena_array(arena, (size_t)shape_elements(&value->shape) + 1, sizeof(double));
        if (!reference->values[v]) return SK_EMEMORY;
    }
    *out = reference;
    return SK_OK;
}

/* What the graph keeps as bf16, as the engine's stores round it. */
static void round_bf16(const struct reference_call *call) {
    for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
        int v = call->node->out[slot];
        for (int64_t j = 0; value_is_bf16(call->graph, v) && j < value_elements(call->graph, v); j++)
            call->out[slot][j] = reference_stored(call, slot, call->out[slot][j]);
    }
}

void reference_run(struct reference *reference, const struct run_env *env) {
    const struct graph *graph = reference->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        struct reference_call call = {.graph = graph, .node = node, .env = env};
        for (int slot = 0; slot < NODE_INPUTS; slot++) call.in[slot] = reference->values[node->in[slot]];
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) call.out[slot] = reference->values[node->out[slot]];
        node->op->reference(&call);
        round_bf16(&call);
        for (int slot = 0; reference->round_to_f32 && slot < NODE_OUTPUTS; slot++)
            for (int64_t j = 0; node->out[slot] && j < value_elements(graph, node->out[slot]); j++)
                call.out[slot][j] = (float)call.out[slot][j];
    }
}

void reference_update(struct reference *reference) {
    const struct graph *graph = reference->graph;
    for (size_t u = 0; u < graph->update_count; u++) {
        const struct update *update = &graph->updates[u];
        const struct param *mean = &graph->params[update->running_mean];
        double *running_mean = reference->state + mean->offset;
        double *running_variance = reference->state + graph->params[update->running_variance].offset;
        double n = (double)update->count, unbias = update->unbiased ? n / (n - 1) : 1, m = update->momentum;
        for (int64_t c = 0; c < mean->count; c++) {
            running_mean[c] = (1 - m) * running_mean[c] + m * reference->values[update->mean][c];
            running_variance[c] = (1 - m) * running_variance[c] + m * reference->values[update->variance][c] * unbias;
        }
        reference->state[graph->params[update->counter].offset] += 1;
    }
}

const struct node *reference_first_bad(const struct reference *reference) {
    const struct graph *graph = reference->graph;
    for (size_t i = 0; i < graph->node_count; i++)
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
            int v = graph->nodes[i].out[slot];
            for (int64_t j = 0; v && j < value_elements(graph, v); j++)
                if (!isfinite(reference->values[v][j])) return &graph->nodes[i];
        }
    return NULL;
}
