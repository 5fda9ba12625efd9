/* gap_grad.c — g = (dy[n,c]/(H*W) + dz*factor[n,c]) * act'(scale*x + shift), and the partial sums of g and g*x where x
 * is viewed.
 *
 * dz*factor is what reaches the same view from the gate that the pool feeds (squeeze-excite), where there is one.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

static sk_status gap_grad_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    struct shape x = *value_shape(graph, in[GG_X]);
    graph_output(graph, node, GG_G, F32, x);
    if (in[GG_SCALE])
        graph_output(graph, node, GG_SUMS, F32,
                     (struct shape){3, {conv_blocks(x.dim[0] * x.dim[1] * x.dim[2]), 2, x.dim[3]}});
    return graph->status;
}

static void gap_grad_reference(const struct reference_call *call) {
    const struct gap_attr *attr = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[GG_X])->dim;
    int64_t pixels = d[1] * d[2], c = d[3];
    double *sums = call->out[GG_SUMS];
    if (sums) memset(sums, 0, (size_t)value_elements(call->graph, call->node->out[GG_SUMS]) * sizeof *sums);
    for (int64_t j = 0; j < d[0] * pixels * c; j++) {
        double x = call->in[GG_X][j];
        int64_t at = j / (pixels * c) * c + j % c;
        double g = call->in[GG_DY][at] / (double)pixels;
        if (call->in[GG_DZ]) g += call->in[GG_DZ][j] * call->in[GG_FACTOR][at];
        g *= view_slope(attr->act, call->in[GG_SCALE], call->in[GG_SHIFT], j % c, x);
        g = reference_stored(call, GG_G, g);
        call->out[GG_G][j] = g;
        if (!sums) continue;
        double *block = sums + j / c / BLOCK_ROWS * 2 * c;
        block[j % c] += g;
        block[c + j % c] += g * x;
    }
}

static sk_status gap_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct gap_attr *attr = request->node->attr;
    const int64_t *d = value_shape(request->graph, request->node->in[GG_X])->dim;
    struct gap_backward *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct gap_backward){.n = d[0], .hw = d[1] * d[2], .c = d[3], .in = {.act = attr->act}};
    job->in.bf16 = value_is_bf16(request->graph, request->node->in[GG_X]);
    job->dz_bf16 = value_is_bf16(request->graph, request->node->in[GG_DZ]);
    job->g_bf16 = value_is_bf16(request->graph, request->node->out[GG_G]);
    request->kernels->gap_backward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void gap_grad_bind(const struct bind_request *request, void *to) {
    struct gap_backward *job = to;
    job->dy = request->in[GG_DY], job->dz = request->in[GG_DZ], job->factor = request->in[GG_FACTOR];
    job->in.x = request->in[GG_X], job->in.scale = request->in[GG_SCALE], job->in.shift = request->in[GG_SHIFT];
    job->g = request->out[GG_G], job->sums = request->out[GG_SUMS];
}

static void gap_grad_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->gap_backward_run(job, tile);
}

const struct op op_gap_grad = {
    .name = "gap_grad",
    .bf16_in = SLOT(GG_X) | SLOT(GG_DZ),
    .bf16_out = SLOT(GG_G),
    .outputs = 2,
    .infer = gap_grad_infer,
    .reference = gap_grad_reference,
    .plan = gap_grad_plan,
    .bind = gap_grad_bind,
    .run = gap_grad_run,
};
