/* scale_coef_grad.c — the gradient of a layer scale: the sums of g*x of all blocks.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/channel_sums.h"

static sk_status scale_coef_grad_infer(struct graph *graph, int node) {
    FAIL_IF(!graph->nodes[node].in[0], SK_EINTERNAL, "%s: nobody formed the sums of its gradient",
            graph->nodes[node].name);
    int64_t c = value_shape(graph, graph->nodes[node].in[0])->dim[2];
    graph_output(graph, node, 0, F32, (struct shape){1, {c}});
    return graph->status;
}

static void scale_coef_grad_reference(const struct reference_call *call) {
    const struct shape *sums = value_shape(call->graph, call->node->in[0]);
    int64_t c = sums->dim[2];
    for (int64_t j = 0; j < c; j++) {
        double sum = 0;
        for (int64_t b = 0; b < sums->dim[0]; b++) sum += call->in[0][b * 2 * c + c + j];
        call->out[0][j] = sum;
    }
}

struct scale_coef_grad_job {
    int64_t blocks, c;
    const float *sums;
    float *dscale;
};

static sk_status scale_coef_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct shape *sums = value_shape(request->graph, request->node->in[0]);
    struct scale_coef_grad_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->blocks = sums->dim[0], job->c = sums->dim[2];
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {channel_tiles(job->c)}};
    return SK_OK;
}

static void scale_coef_grad_bind(const struct bind_request *request, void *to) {
    struct scale_coef_grad_job *job = to;
    job->sums = request->in[0], job->dscale = request->out[0];
}

static void scale_coef_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                                struct lane *lane) {
    const struct scale_coef_grad_job *job = from;
    (void)kernels, (void)phase, (void)lane;
    struct channel_sums of = channel_sums(job->sums, job->blocks, job->c, tile);
    for (int64_t j = 0; j < of.count; j++) job->dscale[of.first + j] = (float)of.sum[1][j];
}

const struct op op_scale_coef_grad = {
    .name = "scale_coef_grad",
    .outputs = 1,
    .infer = scale_coef_grad_infer,
    .reference = scale_coef_grad_reference,
    .plan = scale_coef_grad_plan,
    .bind = scale_coef_grad_bind,
    .run = scale_coef_grad_run,
};
