/* op.c — the table of ops, appending a checked node, and the scalar meaning of activations.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/op.h"

#include <string.h>

#include "ops/attrs.h"

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

/* Written so that a NaN goes through, as in the kernels and in torch: the reference finds the first bad tensor. */
double act_value(enum act act, double x) {
    switch (act) {
    case ACT_RELU: return x < 0 ? 0 : x;
    case ACT_RELU6: return x < 0 ? 0 : x > 6 ? 6 : x;
    default: return x;
    }
}

double act_slope(enum act act, double x) {
    switch (act) {
    case ACT_RELU: return x > 0;
    case ACT_RELU6: return x > 0 && x < 6;
    default: return 1;
    }
}

const char *act_name(enum act act) {
    static const char *const names[] = {[ACT_NONE] = "none", [ACT_RELU] = "relu", [ACT_RELU6] = "relu6"};
    return names[act];
}
