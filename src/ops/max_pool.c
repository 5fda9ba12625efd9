/* max_pool.c — maximum over a square window; padding counts as minus infinity (torch, and TF SAME).
 *
 * The second output is where each maximum lay (the first in row order, as torch), for the gradient.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/build.h"

enum { MP_Y, MP_WHERE };

int build_max_pool(struct graph *graph, int x, struct pool pool, const char *name) {
    return op_value(graph, &op_max_pool, &pool, sizeof pool, &x, 1, name);
}

static sk_status max_pool_infer(struct graph *graph, int node) {
    const struct pool *pool = graph->nodes[node].attr;
    struct shape x = *value_shape(graph, graph->nodes[node].in[0]);
    FAIL_IF(x.rank != 4 || pool->kernel < 1 || pool->stride < 1 || pool->padding * 2 > pool->kernel, SK_ESHAPE,
            "%s: a max pool of kernel %d, stride %d, padding %d does not fit its input", graph->nodes[node].name,
            pool->kernel, pool->stride, pool->padding);
    for (int i = 1; i <= 2; i++) {
        FAIL_IF(!pool->same && x.dim[i] + 2 * pool->padding < pool->kernel, SK_ESHAPE, "%s: the input is smaller than the window of %d", graph->nodes[node].name,
                pool->kernel);
        x.dim[i] = pool_outputs(pool, x.dim[i]);
    }
    graph_output(graph, node, MP_Y, F32, x);
    graph_output(graph, node, MP_WHERE, F32, x);
    return graph->status;
}

struct window { /* of one output pixel, cut to the picture */
    int64_t n, top, bottom, left, right;
};

static struct window window_at(const struct pool *pool, const int64_t *x, const int64_t *y, int64_t pixel) {
    struct window at = {.n = pixel / (y[1] * y[2])};
    int64_t top = pixel / y[2] % y[1] * pool->stride - pool_before(pool, x[1]);
    int64_t left = pixel % y[2] * pool->stride - pool_before(pool, x[2]);
    at.top = top < 0 ? 0 : top, at.left = left < 0 ? 0 : left;
    at.bottom = top + pool->kernel < x[1] ? top + pool->kernel : x[1];
    at.right = left + pool->kernel < x[2] ? left + pool->kernel : x[2];
    return at;
}

/* Window position of the maximum, as (row in window)*kernel + column: small enough to be exact in f32. */
#define MAX_POOL_PIXEL(type)                                                                                           \
    for (int64_t c = 0; c < channels; c++) {                                                                           \
        type best = -(type)INFINITY;                                                                                   \
        int64_t where = -1;                                                                                            \
        for (int64_t h = at.top; h < at.bottom; h++)                                                                   \
            for (int64_t w = at.left; w < at.right; w++) {                                                             \
                type v = x[((at.n * d[1] + h) * d[2] + w) * channels + c];                                             \
                if (where < 0 || v > best || v != v) best = v, where = (h - at.top) * pool->kernel + w - at.left;      \
            }                                                                                                          \
        y[pixel * channels + c] = best;                                                                                \
        where_out[pixel * channels + c] = (type)where;                                                                 \
    }

static void max_pool_reference(const struct reference_call *call) {
    const struct pool *pool = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[0])->dim;
    const int64_t *o = value_shape(call->graph, call->node->out[MP_Y])->dim;
    const double *x = call->in[0];
    double *y = call->out[MP_Y], *where_out = call->out[MP_WHERE];
    int64_t channels = d[3];
    for (int64_t pixel = 0; pixel < o[0] * o[1] * o[2]; pixel++) {
        struct window at = window_at(pool, d, o, pixel);
        MAX_POOL_PIXEL(double)
    }
}

static void max_pool_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int in[3] = {gradients_plain(gradients, n.out[MP_Y]), n.out[MP_WHERE], n.in[0]};
    int dx = op_value(gradients->graph, &op_max_pool_grad, n.attr, sizeof(struct pool), in, 3, n.name);
    gradients_add(gradients, n.in[0], dx);
}

struct max_pool_job {
    struct pool pool;
    int64_t in[4], out[4];
    const float *x;
    float *y, *where;
};

static sk_status max_pool_plan(const struct plan_request *request, struct step_plan *step) {
    struct max_pool_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->pool = *(const struct pool *)request->node->attr;
    for (int i = 0; i < 4; i++) {
        job->in[i] = value_shape(request->graph, request->node->in[0])->dim[i];
        job->out[i] = value_shape(request->graph, request->node->out[MP_Y])->dim[i];
    }
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->out[0] * job->out[1]}};
    return SK_OK;
}

static void max_pool_bind(const struct bind_request *request, void *to) {
    struct max_pool_job *job = to;
    job->x = request->in[0], job->y = request->out[MP_Y], job->where = request->out[MP_WHERE];
}

static void max_pool_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct max_pool_job *job = from;
    const struct pool *pool = &job->pool;
    const int64_t *d = job->in;
    const float *x = job->x;
    float *y = job->y, *where_out = job->where;
    int64_t channels = d[3];
    (void)kernels, (void)phase, (void)lane;
    for (int64_t pixel = tile * job->out[2]; pixel < (tile + 1) * job->out[2]; pixel++) {
        struct window at = window_at(pool, d, job->out, pixel);
        MAX_POOL_PIXEL(float)
    }
}

static struct op_window max_pool_window(const struct node *node) {
    const struct pool *pool = node->attr;
    return (struct op_window){pool->kernel, pool->kernel, pool->stride, pool->stride};
}

const struct op op_max_pool = {
    .name = "max_pool",
    .outputs = 2,
    .infer = max_pool_infer,
    .window = max_pool_window,
    .gradient = max_pool_gradient,
    .reference = max_pool_reference,
    .plan = max_pool_plan,
    .bind = max_pool_bind,
    .run = max_pool_run,
};
