/* op.c — the table of ops, and appending a checked node.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/op.h"

#include <string.h>

static const struct op *const table[] = {
#define OP(name) &op_##name,
#include "ops/ops.def"
#undef OP
};

const struct op *const *op_table(size_t *count) {
    *count = sizeof table / sizeof *table;
    return table;
}

int op_node(struct graph *graph, const struct op *op, const void *attr, size_t size, const int *in, int in_count,
            const char *name) {
    if (graph->status != SK_OK) return -1;
    void *kept = NULL;
    if (size) {
        kept = arena_alloc(graph->arena, size);
        if (!kept) return graph_fail(graph, SK_EMEMORY) - 1;
        memcpy(kept, attr, size);
    }
    char *kept_name = arena_strdup(graph->arena, name ? name : op->name);
    if (!kept_name) return graph_fail(graph, SK_EMEMORY) - 1;
    int node = graph_append(graph, op, kept, in, in_count, kept_name);
    if (node < 0) return -1;
    sk_status status = op->infer(graph, node);
    if (status != SK_OK) {
        graph_fail(graph, status);
        return -1;
    }
    return graph->status == SK_OK ? node : -1;
}

int op_value(struct graph *graph, const struct op *op, const void *attr, size_t size, const int *in, int in_count,
             const char *name) {
    return node_out(graph, op_node(graph, op, attr, size, in, in_count, name), 0);
}
