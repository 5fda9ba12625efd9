/* avg_pool.c — the mean over a square window; padding counts as zeros (torch's default), or not at all (TF).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/build.h"

int build_avg_pool(struct graph *graph, int x, struct pool pool, bool exclude_padding, const char *name) {
    struct avg_pool_attr attr = {pool.kernel, pool.stride, pool.padding, exclude_padding};
    return op_value(graph, &op_avg_pool, &attr, sizeof attr, &x, 1, name);
}

static sk_status avg_pool_infer(struct graph *graph, int node) {
    const struct avg_pool_attr *attr = graph->nodes[node].attr;
    struct shape x = *value_shape(graph, graph->nodes[node].in[0]);
    FAIL_IF(x.rank != 4 || attr->kernel < 1 || attr->stride < 1 || attr->padding < 0 ||
                attr->padding > attr->kernel / 2,
            SK_ESHAPE, "%s: an average pool of kernel %d, stride %d, padding %d does not fit its input",
            graph->nodes[node].name, attr->kernel, attr->stride, attr->padding);
    for (int i = 1; i <= 2; i++) {
        int64_t room = x.dim[i] + 2 * attr->padding - attr->kernel;
        FAIL_IF(room < 0, SK_ESHAPE, "%s: the input is smaller than the window of %d", graph->nodes[node].name,
                attr->kernel);
        x.dim[i] = room / attr->stride + 1;
    }
    graph_output(graph, node, 0, F32, x);
    return graph->status;
}

static void avg_pool_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int in[2] = {gradients_plain(gradients, n.out[0]), n.in[0]};
    int dx = op_value(gradients->graph, &op_avg_pool_grad, n.attr, sizeof(struct avg_pool_attr), in, 2, n.name);
    gradients_add(gradients, n.in[0], dx);
}

static void avg_pool_reference(const struct reference_call *call) {
    const struct avg_pool_attr *a = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[0])->dim;
    const int64_t *o = value_shape(call->graph, call->node->out[0])->dim;
    int64_t c = d[3];
    for (int64_t j = 0; j < o[0] * o[1] * o[2] * c; j++) {
        int64_t n = j / (o[1] * o[2] * c), top = j / (o[2] * c) % o[1] * a->stride - a->padding;
        int64_t left = j / c % o[2] * a->stride - a->padding, inside = 0;
        double sum = 0;
        for (int64_t h = top; h < top + a->kernel; h++)
            for (int64_t w = left; w < left + a->kernel; w++) {
                if (h < 0 || h >= d[1] || w < 0 || w >= d[2]) continue;
                sum += call->in[0][((n * d[1] + h) * d[2] + w) * c + j % c];
                inside++;
            }
        call->out[0][j] = sum / (double)(a->exclude_padding ? inside : (int64_t)a->kernel * a->kernel);
    }
}

static sk_status avg_pool_plan(const struct plan_request *request, struct step_plan *step) {
    const struct avg_pool_attr *attr = request->node->attr;
    const int64_t *d = value_shape(request->graph, request->node->in[0])->dim;
    const int64_t *o = value_shape(request->graph, request->node->out[0])->dim;
    struct avg_pool_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct avg_pool_job){.n = d[0], .h = d[1], .w = d[2], .c = d[3], .p = o[1], .q = o[2]};
    job->kernel = attr->kernel, job->stride = attr->stride, job->padding = attr->padding;
    job->exclude_padding = attr->exclude_padding;
    job->x_bf16 = value_is_bf16(request->graph, request->node->in[0]);
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    request->kernels->avg_pool_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void avg_pool_bind(const struct bind_request *request, void *to) {
    struct avg_pool_job *job = to;
    job->x = request->in[0], job->y = request->out[0];
}

static void avg_pool_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->avg_pool_run(job, tile);
}

static struct op_window avg_pool_window(const struct node *node) {
    const struct avg_pool_attr *pool = node->attr;
    return (struct op_window){pool->kernel, pool->kernel, pool->stride, pool->stride};
}

const struct op op_avg_pool = {
    .name = "avg_pool",
    .bf16_in = SLOT(0),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = avg_pool_infer,
    .window = avg_pool_window,
    .gradient = avg_pool_gradient,
    .reference = avg_pool_reference,
    .plan = avg_pool_plan,
    .bind = avg_pool_bind,
    .run = avg_pool_run,
};
