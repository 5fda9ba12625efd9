/* pass_bf16.c — activations and gradients that have pixels are kept as bf16 (mixed precision).
 *
 * A value stays f32 unless its producer's kernel can store bf16 and every reader's can load it: an op says so of its
 * slots. Pictures, logits, losses, statistics, coefficients, weights and their gradients are never bf16; arithmetic
 * and sums are f32 whatever is stored. SPDX-License-Identifier: Apache-2.0 */
#include "plan/passes.h"

/* Tensors of more than one pixel an image: what has none is small, and near the loss. */
static bool has_pixels(const struct shape *shape) {
    return shape->rank == 4 && shape->dim[1] * shape->dim[2] > 1;
}

static bool may_be_bf16(const struct graph *graph, int v) {
    const struct value *value = &graph->values[v];
    return value->node >= 0 && value->place == PLACE_ARENA && value->dtype == F32 && !value->keep &&
           has_pixels(&value->shape);
}

void pass_bf16(struct graph *graph) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
            int v = node->out[slot];
            if ((node->op->bf16_out & SLOT(slot)) && may_be_bf16(graph, v)) graph->values[v].dtype = BF16;
        }
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int slot = 0; slot < NODE_INPUTS; slot++)
            if (value_is_bf16(graph, node->in[slot]) && !(node->op->bf16_in & SLOT(slot)))
                graph->values[node->in[slot]].dtype = F32;
    }
}
