/* passes.c — the two lists: inference and training.
 *
 * To add a pass: one file pass_<name>.c, one line in passes.h, one row in a list below.
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/passes.h"

static pass *const inference[] = {pass_fold_norm, pass_fold_scale, pass_lower,   pass_merge, pass_store,
                                  pass_gate,      pass_block,      pass_squeeze, pass_mlp,   pass_winograd};
/* Fusion for training happens before the gradient: a fused op has its own rule. */
static pass *const training[] = {pass_lower, pass_merge, pass_stats, pass_views};

sk_status passes_run(struct arena *arena, const struct graph *from, const struct lowering *lowering,
                     struct graph **to) {
    pass *const *list = lowering->training ? training : inference;
    size_t count = lowering->training ? sizeof training / sizeof *training : sizeof inference / sizeof *inference;
    struct graph *graph = NULL;
    for (size_t i = 0; i < count; i++) {
        TRY(list[i](arena, graph ? graph : from, &graph));
    }
    if (lowering->training && !lowering->forward) {
        FAIL_IF(!lowering->kernels->conv_backward_plan, SK_EINTERNAL,
                "a graph to be trained was given the kernels of inference alone (kernels_run_of)");
        int loss = graph_find_port(graph, "loss");
        FAIL_IF(!loss, SK_EINTERNAL, "a graph to be trained has no loss");
        TRY(gradient_build(graph, loss));
    }
    TRY(pass_pack(arena, graph, lowering->kernels, to));
    if (lowering->training && lowering->bf16) pass_bf16(*to);
    return SK_OK;
}
