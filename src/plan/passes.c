/* passes.c — the two lists: inference and training.
 *
 * To add a pass: one file pass_<name>.c, one line in passes.h, one row in a list below.
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/passes.h"

struct row {
    pass *run;
    const struct op *wants; /* a graph without this op is left as it is; NULL: none is */
};

static const struct row inference[] = {
    {pass_fold_norm, NULL},     {pass_fold_scale, &op_layer_scale},
    {pass_lower, NULL},         {pass_merge, NULL},
    {pass_store, NULL},         {pass_gate, &op_gate},
    {pass_block, NULL},         {pass_squeeze, NULL},
    {pass_mlp, &op_layer_norm}, {pass_winograd, NULL},
};
/* Fusion for training happens before the gradient: a fused op has its own rule. */
static const struct row training[] = {
    {pass_lower, NULL}, {pass_merge, NULL}, {pass_sum, NULL}, {pass_stats, NULL}, {pass_views, NULL}};

static bool has_op(const struct graph *graph, const struct op *op) {
    for (size_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].op == op) return true;
    return false;
}

sk_status passes_run(struct arena *arena, const struct graph *from, const struct lowering *lowering,
                     struct graph **to) {
    const struct row *list = lowering->training ? training : inference;
    size_t count = lowering->training ? sizeof training / sizeof *training : sizeof inference / sizeof *inference;
    struct graph *graph = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct graph *now = graph ? graph : from;
        if (list[i].wants && !has_op(now, list[i].wants)) continue;
        TRY(list[i].run(arena, now, &graph));
    }
    if (lowering->training && !lowering->forward) {
        FAIL_IF(!lowering->kernels->conv_backward_plan, SK_EINTERNAL,
                "a graph to be trained was given the kernels of inference alone (kernels_run_of)");
        int loss = graph_find_port(graph, "loss");
        FAIL_IF(!loss, SK_EINTERNAL, "a graph to be trained has no loss");
        TRY(gradient_build(graph, loss));
        TRY(pass_recompute(arena, graph, &graph));
    }
    TRY(pass_pack(arena, graph, lowering->kernels, to));
    if (lowering->training && lowering->bf16) pass_bf16(*to);
    return SK_OK;
}
