/* bias_grad.c — the gradient of a bias that was added to every row: the sum of dy over rows.
 *
 * For depthwise convolutions, whose kernel has no such sum. Blocks in f32, merged in index order in double.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/channel_sums.h"

static sk_status bias_grad_infer(struct graph *graph, int node) {
    const struct shape *dy = value_shape(graph, graph->nodes[node].in[0]);
    graph_output(graph, node, 0, F32, (struct shape){1, {dy->dim[dy->rank - 1]}});
    return graph->status;
}

static void bias_grad_reference(const struct reference_call *call) {
    const struct shape *dy = value_shape(call->graph, call->node->in[0]);
    int64_t c = dy->dim[dy->rank - 1], count = shape_elements(dy);
    memset(call->out[0], 0, (size_t)c * sizeof(double));
    for (int64_t j = 0; j < count; j++) call->out[0][j % c] += call->in[0][j];
}

struct bias_grad_job {
    struct stats_job sums;
    float *dbias;
};

static sk_status bias_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct shape *dy = value_shape(request->graph, request->node->in[0]);
    struct bias_grad_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    int64_t c = dy->dim[dy->rank - 1];
    job->sums = (struct stats_job){
        .rows = shape_elements(dy) / c, .c = c, .x_bf16 = value_is_bf16(request->graph, request->node->in[0])};
    request->kernels->stats_plan(&job->sums);
    *step = (struct step_plan){.job = job,
                               .phases = 2,
                               .tiles = {job->sums.tiles, channel_tiles(c)},
                               .shared_scratch = (size_t)(conv_blocks(job->sums.rows) * 2 * c) * sizeof(float)};
    return SK_OK;
}

static void bias_grad_bind(const struct bind_request *request, void *to) {
    struct bias_grad_job *job = to;
    job->sums.x = request->in[0], job->sums.stats = request->shared;
    job->dbias = request->out[0];
}

static void bias_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct bias_grad_job *job = from;
    (void)lane;
    if (phase == 0) {
        kernels->stats_run(&job->sums, tile);
        return;
    }
    struct channel_sums of = channel_sums(job->sums.stats, conv_blocks(job->sums.rows), job->sums.c, tile);
    for (int64_t j = 0; j < of.count; j++) job->dbias[of.first + j] = (float)of.sum[0][j];
}

const struct op op_bias_grad = {
    .name = "bias_grad",
    .bf16_in = SLOT(0),
    .outputs = 1,
    .infer = bias_grad_infer,
    .reference = bias_grad_reference,
    .plan = bias_grad_plan,
    .bind = bias_grad_bind,
    .run = bias_grad_run,
};
