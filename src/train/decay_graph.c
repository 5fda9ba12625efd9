/* decay_graph.c — a graph's parameters as the decay rules see them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ir/graph.h"
#include "train/decay.h"

/* A bias belongs to no norm; the name's ".bias" is what the rule asks for. */
static enum decay_kind kind_of(enum param_kind kind) {
    switch (kind) {
    case PARAM_CONV: return DECAY_CONV;
    case PARAM_DEPTHWISE: return DECAY_DEPTHWISE;
    case PARAM_LINEAR: return DECAY_LINEAR;
    case PARAM_NORM_WEIGHT:
    case PARAM_NORM_BIAS: return DECAY_BATCH_NORM;
    case PARAM_LAYER_NORM_WEIGHT:
    case PARAM_LAYER_NORM_BIAS: return DECAY_LAYER_NORM;
    case PARAM_LAYER_SCALE: return DECAY_LAYER_SCALE;
    default: return DECAY_OTHER;
    }
}

sk_status decay_tensors(const struct graph *graph, struct arena *arena, struct decay_tensor **tensors, size_t *count) {
    *count = 0;
    *tensors = arena_array(arena, graph->param_count, sizeof **tensors);
    if (!*tensors) return SK_EMEMORY;
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        if (param->state) continue;
        (*tensors)[(*count)++] = (struct decay_tensor){
            .name = param->name,
            .rank = param_file_shape(param).rank,
            .kind = kind_of(param->kind),
            .elements = param->count,
            .offset = param->offset,
        };
    }
    return SK_OK;
}
