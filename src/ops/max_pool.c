/* max_pool.c — maximum over a square window; padding counts as minus infinity (torch, and TF SAME).
 *
 * The second output is where each maximum lay (the first in row order, as torch), for the gradient.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/build.h"

enum { MP_Y, MP_WHERE };
enum { POOL_MOST = 16 }; /* places in a window are exact in bf16 up to 256 */

int build_max_pool(struct graph *graph, int x, struct pool pool, const char *name) {
    return op_value(graph, &op_max_pool, &pool, sizeof pool, &x, 1, name);
}

static sk_status max_pool_infer(struct graph *graph, int node) {
    const struct pool *pool = graph->nodes[node].attr;
    struct shape x = *value_shape(graph, graph->nodes[node].in[0]);
    FAIL_IF(x.rank != 4 || pool->kernel < 1 || pool->stride < 1 || pool->padding * 2 > pool->kernel, SK_ESHAPE,
            "%s: a max pool of kernel %d, stride %d, padding %d does not fit its input", graph->nodes[node].name,
            pool->kernel, pool->stride, pool->padding);
    FAIL_IF(pool->kernel > POOL_MOST, SK_ESHAPE, "%s: a max pool's window of %d is larger than %d",
            graph->nodes[node].name, pool->kernel, POOL_MOST);
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

/* Where: the window position of the maximum, as (row in window)*kernel + column: small enough to be exact in bf16. */
static void max_pool_reference(const struct reference_call *call) {
    const struct pool *pool = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[0])->dim;
    const int64_t *o = value_shape(call->graph, call->node->out[MP_Y])->dim;
    const double *x = call->in[0];
    int64_t channels = d[3];
    for (int64_t i = 0; i < o[0] * o[1] * o[2] * channels; i++) {
        struct window at = window_at(pool, d, o, i / channels);
        double best = -(double)INFINITY;
        int64_t where = -1;
        for (int64_t h = at.top; h < at.bottom; h++)
            for (int64_t w = at.left; w < at.right; w++) {
                double v = x[((at.n * d[1] + h) * d[2] + w) * channels + i % channels];
                if (where < 0 || v > best || v != v) best = v, where = (h - at.top) * pool->kernel + w - at.left;
            }
        call->out[MP_Y][i] = best, call->out[MP_WHERE][i] = (double)where;
    }
}

static void max_pool_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int in[2] = {gradients_plain(gradients, n.out[MP_Y]), n.out[MP_WHERE]};
    struct max_pool_grad_attr attr = {*(const struct pool *)n.attr, *value_shape(gradients->graph, n.in[0])};
    int dx = op_value(gradients->graph, &op_max_pool_grad, &attr, sizeof attr, in, 2, n.name);
    gradients_add(gradients, n.in[0], dx);
}

struct max_pool_job max_pool_job(const struct pool *pool, const int64_t in[4], const int64_t out[4]) {
    struct max_pool_job job = {.n = in[0], .h = in[1], .w = in[2], .c = in[3], .p = out[1], .q = out[2]};
    job.kernel = pool->kernel, job.stride = pool->stride;
    job.top = pool_before(pool, in[1]), job.left = pool_before(pool, in[2]);
    return job;
}

static bool is_read(const struct graph *graph, int value) {
    bool read = graph->values[value].keep;
    for (size_t i = 0; i < graph->node_count; i++)
        for (int slot = 0; slot < NODE_INPUTS; slot++) read |= graph->nodes[i].in[slot] == value;
    return read;
}

struct max_pool_step {
    struct max_pool_job job;
    bool want_where;
};

static sk_status max_pool_plan(const struct plan_request *request, struct step_plan *step) {
    struct max_pool_step *made = arena_alloc(request->arena, sizeof *made);
    if (!made) return SK_EMEMORY;
    const struct node *node = request->node;
    made->job = max_pool_job(node->attr, value_shape(request->graph, node->in[0])->dim,
                             value_shape(request->graph, node->out[MP_Y])->dim);
    made->job.x_bf16 = value_is_bf16(request->graph, node->in[0]);
    made->job.y_bf16 = value_is_bf16(request->graph, node->out[MP_Y]);
    made->job.where_bf16 = value_is_bf16(request->graph, node->out[MP_WHERE]);
    made->want_where = is_read(request->graph, node->out[MP_WHERE]);
    request->kernels->max_pool_plan(&made->job);
    *step = (struct step_plan){.job = made, .phases = 1, .tiles = {made->job.tiles}};
    return SK_OK;
}

static void max_pool_bind(const struct bind_request *request, void *to) {
    struct max_pool_step *made = to;
    made->job.x = request->in[0], made->job.y = request->out[MP_Y];
    made->job.where = made->want_where ? request->out[MP_WHERE] : NULL;
}

static void max_pool_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct max_pool_step *made = from;
    (void)phase, (void)lane;
    kernels->max_pool_run(&made->job, tile);
}

static struct op_window max_pool_window(const struct node *node) {
    const struct pool *pool = node->attr;
    return (struct op_window){pool->kernel, pool->kernel, pool->stride, pool->stride};
}

const struct op op_max_pool = {
    .name = "max_pool",
    .bf16_in = SLOT(0),
    .bf16_out = SLOT(MP_Y) | SLOT(MP_WHERE),
    .outputs = 2,
    .infer = max_pool_infer,
    .window = max_pool_window,
    .gradient = max_pool_gradient,
    .reference = max_pool_reference,
    .plan = max_pool_plan,
    .bind = max_pool_bind,
    .run = max_pool_run,
};
