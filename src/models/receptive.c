/* receptive.c — walks a graph forward: windows widen the field by the jump, strides widen the jump.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/receptive.h"

#include "ops/attrs.h"

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What the inputs see together: those that are made from the picture. */
static struct receptive inputs_of(const struct graph *graph, const struct node *node, const struct receptive *fields) {
    struct receptive sum = {0};
    for (int i = 0; i < NODE_INPUTS; i++) {
        const struct receptive *field = &fields[node->in[i]];
        if (!node->in[i] || (field->height == 0 && !field->whole)) continue; /* weights */
        if (i > 0 && value_shape(graph, node->in[i])->rank < value_shape(graph, node->in[0])->rank)
            continue; /* a gate */
        sum.height = larger(sum.height, field->height);
        sum.width = larger(sum.width, field->width);
        sum.jump_h = larger(sum.jump_h, field->jump_h);
        sum.jump_w = larger(sum.jump_w, field->jump_w);
        sum.whole = sum.whole || field->whole;
    }
    return sum;
}

static struct receptive through(const struct graph *graph, const struct node *node, const struct receptive *fields) {
    struct receptive field = inputs_of(graph, node, fields);
    if (field.height == 0 && !field.whole) return field;
    if (value_shape(graph, node->out[0])->rank < 4) return (struct receptive){.whole = true};
    if (!node->op->window || field.whole) return field;
    struct op_window window = node->op->window(node);
    field.height += (window.height - 1) * field.jump_h;
    field.width += (window.width - 1) * field.jump_w;
    field.jump_h *= window.stride_h;
    field.jump_w *= window.stride_w;
    return field;
}

sk_status receptive_fields(struct arena *arena, const struct graph *graph, struct receptive **fields) {
    int image = graph_find_port(graph, "image");
    *fields = arena_array(arena, graph->value_count, sizeof **fields);
    if (!*fields) return SK_EMEMORY;
    FAIL_IF(!image, SK_EINTERNAL, "a graph without an image has no receptive fields");
    (*fields)[image] = (struct receptive){1, 1, 1, 1, false};
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        struct receptive field = node->out[0] ? through(graph, node, *fields) : (struct receptive){0};
        for (int o = 0; o < NODE_OUTPUTS; o++)
            if (node->out[o]) (*fields)[node->out[o]] = field;
    }
    return SK_OK;
}
