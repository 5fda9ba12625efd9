/* bf16_census.c — counting what pass_bf16 left as f32, by the op that knows no bf16.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/bf16_census.h"

#include <string.h>

#include "ops/op.h"

/* The op that keeps value v, output `slot` of its node, from being bf16. */
static const char *reason_of(const struct graph *graph, int v, int slot) {
    const struct node *maker = &graph->nodes[graph->values[v].node];
    if (!(maker->op->bf16_out & SLOT(slot))) return maker->op->name;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *reader = &graph->nodes[i];
        for (int in = 0; in < NODE_INPUTS; in++)
            if (reader->in[in] == v && !(reader->op->bf16_in & SLOT(in))) return reader->op->name;
    }
    return maker->op->name;
}

static void add_reason(struct bf16_census *census, const char *op, int64_t bytes) {
    int i = 0;
    while (i < census->reasons && strcmp(census->reason[i].op, op) != 0) i++;
    if (i == CENSUS_OPS) return;
    if (i == census->reasons) census->reason[census->reasons++] = (struct bf16_reason){.op = op};
    census->reason[i].tensors++;
    census->reason[i].bytes += bytes;
}

struct bf16_census bf16_census(const struct graph *graph) {
    struct bf16_census census = {0};
    for (size_t i = 0; i < graph->node_count; i++) {
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
            int v = graph->nodes[i].out[slot];
            const struct value *value = &graph->values[v];
            const struct shape *shape = &value->shape;
            if (!v || value->place != PLACE_ARENA || shape->rank != 4 || shape->dim[1] * shape->dim[2] < 2) continue;
            int64_t bytes = value_elements(graph, v) * (int64_t)dtype_size(value->dtype);
            if (value->dtype == BF16) {
                census.bf16++, census.bf16_bytes += bytes;
            } else {
                census.f32++, census.f32_bytes += bytes;
                add_reason(&census, reason_of(graph, v, slot), bytes);
            }
        }
    }
    return census;
}
