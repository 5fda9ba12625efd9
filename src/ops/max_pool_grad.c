/* max_pool_grad.c — each output's gradient goes to the place its maximum came from.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/build.h"

enum { MPG_DY, MPG_WHERE };

static sk_status max_pool_grad_infer(struct graph *graph, int node) {
    const struct max_pool_grad_attr *attr = graph->nodes[node].attr;
    graph_output(graph, node, 0, F32, attr->x);
    return graph->status;
}

/* Where in the input image the maximum of output pixel (p,q) lay. */
static int64_t source(const struct pool *pool, const int64_t *x, int64_t p, int64_t q, int64_t where) {
    int64_t top = p * pool->stride - pool_before(pool, x[1]), left = q * pool->stride - pool_before(pool, x[2]);
    int64_t h = (top < 0 ? 0 : top) + where / pool->kernel, w = (left < 0 ? 0 : left) + where % pool->kernel;
    return h * x[2] + w;
}

static void max_pool_grad_reference(const struct reference_call *call) {
    const struct max_pool_grad_attr *attr = call->node->attr;
    const struct pool *pool = &attr->pool;
    const int64_t *d = attr->x.dim;
    const int64_t *o = value_shape(call->graph, call->node->in[MPG_DY])->dim;
    double *dx = call->out[0];
    memset(dx, 0, (size_t)(d[0] * d[1] * d[2] * d[3]) * sizeof *dx);
    for (int64_t i = 0; i < o[0] * o[1] * o[2] * d[3]; i++) {
        int64_t pixel = i / d[3], n = pixel / (o[1] * o[2]), p = pixel / o[2] % o[1], q = pixel % o[2];
        int64_t from = source(pool, d, p, q, (int64_t)call->in[MPG_WHERE][i]);
        dx[(n * d[1] * d[2] + from) * d[3] + i % d[3]] += call->in[MPG_DY][i];
    }
}

static sk_status max_pool_grad_plan(const struct plan_request *request, struct step_plan *step) {
    struct max_pool_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    const struct node *node = request->node;
    const struct max_pool_grad_attr *attr = node->attr;
    *job = max_pool_job(&attr->pool, attr->x.dim, value_shape(request->graph, node->in[MPG_DY])->dim);
    job->x_bf16 = value_is_bf16(request->graph, node->in[MPG_DY]);
    job->where_bf16 = value_is_bf16(request->graph, node->in[MPG_WHERE]);
    job->y_bf16 = value_is_bf16(request->graph, node->out[0]);
    request->kernels->max_pool_backward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void max_pool_grad_bind(const struct bind_request *request, void *to) {
    struct max_pool_job *job = to;
    job->x = request->in[MPG_DY], job->where = request->in[MPG_WHERE], job->y = request->out[0];
}

static void max_pool_grad_run(const struct kernels *kernels, const void *job, int phase, int64_t tile,
                              struct lane *lane) {
    (void)phase, (void)lane;
    kernels->max_pool_backward_run(job, tile);
}

const struct op op_max_pool_grad = {
    .name = "max_pool_grad",
    .bf16_in = SLOT(MPG_DY) | SLOT(MPG_WHERE),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = max_pool_grad_infer,
    .reference = max_pool_grad_reference,
    .plan = max_pool_grad_plan,
    .bind = max_pool_grad_bind,
    .run = max_pool_grad_run,
};
