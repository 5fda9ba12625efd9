/* flatten.c — (N,…) -> (N,rest), in the order the numbers lie (NHWC).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/build.h"

/* The attribute is the shape to give: the gradient flattens back. */
static sk_status flatten_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *(const struct shape *)graph->nodes[node].attr);
    return graph->status;
}

int build_flatten(struct graph *graph, int x, const char *name) {
    const struct shape *from = value_shape(graph, x);
    if (!x || from->rank == 2) return x;
    struct shape to = {2, {from->dim[0], from->dim[0] ? shape_elements(from) / from->dim[0] : 0}};
    return op_value(graph, &op_flatten, &to, sizeof to, &x, 1, name);
}

static void flatten_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    struct shape back = *value_shape(gradients->graph, n.in[0]);
    int dy = gradients_plain(gradients, n.out[0]);
    gradients_add(gradients, n.in[0], op_value(gradients->graph, &op_flatten, &back, sizeof back, &dy, 1, n.name));
}

static void flatten_reference(const struct reference_call *call) {
    memcpy(call->out[0], call->in[0], (size_t)value_elements(call->graph, call->node->in[0]) * sizeof(double));
}

struct flatten_job {
    size_t bytes;
    const void *x;
    void *y;
};

static sk_status flatten_plan(const struct plan_request *request, struct step_plan *step) {
    struct flatten_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->bytes = (size_t)value_elements(request->graph, request->node->in[0]) * sizeof(float);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {1}};
    return SK_OK;
}

static void flatten_bind(const struct bind_request *request, void *to) {
    struct flatten_job *job = to;
    job->x = request->in[0], job->y = request->out[0];
}

static void flatten_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct flatten_job *job = from;
    (void)kernels, (void)phase, (void)tile, (void)lane;
    memcpy(job->y, job->x, job->bytes);
}

const struct op op_flatten = {
    .name = "flatten",
    .outputs = 1,
    .infer = flatten_infer,
    .gradient = flatten_gradient,
    .reference = flatten_reference,
    .plan = flatten_plan,
    .bind = flatten_bind,
    .run = flatten_run,
};
