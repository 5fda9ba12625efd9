/* avg_pool_grad.c — each output's gradient, divided by its window's numbers, goes to all of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

enum { APG_DY, APG_X };

static sk_status avg_pool_grad_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *value_shape(graph, graph->nodes[node].in[APG_X]));
    return graph->status;
}

static int64_t inside(int64_t from, int64_t kernel, int64_t size) {
    int64_t to = from + kernel < size ? from + kernel : size;
    return to - (from > 0 ? from : 0);
}

static void avg_pool_grad_reference(const struct reference_call *call) {
    const struct avg_pool_attr *a = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[APG_X])->dim;
    const int64_t *o = value_shape(call->graph, call->node->in[APG_DY])->dim;
    int64_t c = d[3];
    memset(call->out[0], 0, (size_t)(d[0] * d[1] * d[2] * c) * sizeof(double));
    for (int64_t j = 0; j < o[0] * o[1] * o[2] * c; j++) {
        int64_t n = j / (o[1] * o[2] * c), top = j / (o[2] * c) % o[1] * a->stride - a->padding;
        int64_t left = j / c % o[2] * a->stride - a->padding, count = (int64_t)a->kernel * a->kernel;
        if (a->exclude_padding) count = inside(top, a->kernel, d[1]) * inside(left, a->kernel, d[2]);
        for (int64_t h = top; h < top + a->kernel; h++)
            for (int64_t w = left; w < left + a->kernel; w++)
                if (h >= 0 && h < d[1] && w >= 0 && w < d[2])
                    call->out[0][((n * d[1] + h) * d[2] + w) * c + j % c] += call->in[APG_DY][j] / (double)count;
    }
}

static sk_status avg_pool_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct avg_pool_attr *attr = request->node->attr;
    const int64_t *d = value_shape(request->graph, request->node->in[APG_X])->dim;
    const int64_t *o = value_shape(request->graph, request->node->in[APG_DY])->dim;
    struct avg_pool_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct avg_pool_job){.n = d[0], .h = d[1], .w = d[2], .c = d[3], .p = o[1], .q = o[2]};
    job->kernel = attr->kernel, job->stride = attr->stride, job->padding = attr->padding;
    job->exclude_padding = attr->exclude_padding;
    job->x_bf16 = value_is_bf16(request->graph, request->node->in[APG_DY]);
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    request->kernels->avg_pool_backward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void avg_pool_grad_bind(const struct bind_request *request, void *to) {
    struct avg_pool_job *job = to;
    job->x = request->in[APG_DY], job->y = request->out[0];
}

static void avg_pool_grad_run(const struct kernels *kernels, const void *job, int phase, int64_t tile,
                              struct lane *lane) {
    (void)phase, (void)lane;
    kernels->avg_pool_backward_run(job, tile);
}

const struct op op_avg_pool_grad = {
    .name = "avg_pool_grad",
    .bf16_in = SLOT(APG_DY) | SLOT(APG_X),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = avg_pool_grad_infer,
    .reference = avg_pool_grad_reference,
    .plan = avg_pool_grad_plan,
    .bind = avg_pool_grad_bind,
    .run = avg_pool_grad_run,
};
