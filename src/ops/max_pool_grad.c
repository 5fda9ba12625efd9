/* max_pool_grad.c — each output's gradient goes to the place its maximum came from.
 *
 * Windows overlap, so a tile is a whole image: its additions have one order. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/build.h"

enum { MPG_DY, MPG_WHERE, MPG_X };

static sk_status max_pool_grad_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *value_shape(graph, graph->nodes[node].in[MPG_X]));
    return graph->status;
}

/* Where in the input image the maximum of output pixel (p,q) lay. */
static int64_t source(const struct pool *pool, const int64_t *x, int64_t p, int64_t q, int64_t where) {
    int64_t top = p * pool->stride - pool_before(pool, x[1]), left = q * pool->stride - pool_before(pool, x[2]);
    int64_t h = (top < 0 ? 0 : top) + where / pool->kernel, w = (left < 0 ? 0 : left) + where % pool->kernel;
    return h * x[2] + w;
}

#define MAX_POOL_GRAD_IMAGE(type)                                                                                      \
    memset(dx, 0, (size_t)(d[1] * d[2] * d[3]) * sizeof(type));                                                        \
    for (int64_t pixel = 0; pixel < o[1] * o[2]; pixel++)                                                              \
        for (int64_t c = 0; c < d[3]; c++) {                                                                           \
            int64_t j = pixel * d[3] + c;                                                                              \
            dx[source(pool, d, pixel / o[2], pixel % o[2], (int64_t)where[j]) * d[3] + c] += dy[j];                    \
        }

static void max_pool_grad_reference(const struct reference_call *call) {
    const struct pool *pool = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[MPG_X])->dim;
    const int64_t *o = value_shape(call->graph, call->node->in[MPG_DY])->dim;
    for (int64_t n = 0; n < d[0]; n++) {
        double *dx = call->out[0] + n * d[1] * d[2] * d[3];
        const double *dy = call->in[MPG_DY] + n * o[1] * o[2] * o[3];
        const double *where = call->in[MPG_WHERE] + n * o[1] * o[2] * o[3];
        MAX_POOL_GRAD_IMAGE(double)
    }
}

struct max_pool_grad_job {
    struct pool pool;
    int64_t in[4], out[4];
    const float *dy, *where;
    float *dx;
};

static sk_status max_pool_grad_plan(const struct plan_request *request, struct step_plan *step) {
    struct max_pool_grad_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->pool = *(const struct pool *)request->node->attr;
    for (int i = 0; i < 4; i++) {
        job->in[i] = value_shape(request->graph, request->node->in[MPG_X])->dim[i];
        job->out[i] = value_shape(request->graph, request->node->in[MPG_DY])->dim[i];
    }
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->in[0]}};
    return SK_OK;
}

static void max_pool_grad_bind(const struct bind_request *request, void *to) {
    struct max_pool_grad_job *job = to;
    job->dy = request->in[MPG_DY], job->where = request->in[MPG_WHERE], job->dx = request->out[0];
}

static void max_pool_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                              struct lane *lane) {
    const struct max_pool_grad_job *job = from;
    const struct pool *pool = &job->pool;
    const int64_t *d = job->in, *o = job->out;
    float *dx = job->dx + tile * d[1] * d[2] * d[3];
    const float *dy = job->dy + tile * o[1] * o[2] * o[3], *where = job->where + tile * o[1] * o[2] * o[3];
    (void)kernels, (void)phase, (void)lane;
    MAX_POOL_GRAD_IMAGE(float)
}

const struct op op_max_pool_grad = {
    .name = "max_pool_grad",
    .outputs = 1,
    .infer = max_pool_grad_infer,
    .reference = max_pool_grad_reference,
    .plan = max_pool_grad_plan,
    .bind = max_pool_grad_bind,
    .run = max_pool_grad_run,
};
