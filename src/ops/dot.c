/* dot.c — sum of x times given weights of its shape: the root of a gradient that asks for one number of a network.
 *
 * A class's logit is the dot product of the logits with a vector that is 1 at the class. It is always the root, so its
 * own gradient is 1 and that of x is the weights. SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"

enum { DOT_X, DOT_WEIGHTS, DOT_INPUTS };

int build_dot(struct graph *graph, int x, int weights, const char *name) {
    int in[DOT_INPUTS] = {x, weights};
    return op_value(graph, &op_dot, NULL, 0, in, DOT_INPUTS, name);
}

static sk_status dot_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    char a[96], b[96];
    FAIL_IF(!shape_equal(value_shape(graph, in[DOT_X]), value_shape(graph, in[DOT_WEIGHTS])), SK_ESHAPE,
            "%s: numbers %s and weights %s must have one shape", graph->nodes[node].name,
            shape_text(value_shape(graph, in[DOT_X]), a, sizeof a),
            shape_text(value_shape(graph, in[DOT_WEIGHTS]), b, sizeof b));
    graph_output(graph, node, 0, F32, (struct shape){1, {1}});
    return graph->status;
}

static void dot_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    gradients_add(gradients, n.in[DOT_X], n.in[DOT_WEIGHTS]);
}

static void dot_reference(const struct reference_call *call) {
    int64_t count = value_elements(call->graph, call->node->in[DOT_X]);
    call->out[0][0] = 0;
    for (int64_t j = 0; j < count; j++) call->out[0][0] += call->in[DOT_X][j] * call->in[DOT_WEIGHTS][j];
}

struct dot_job {
    int64_t count;
    const float *x, *weights;
    float *y;
};

static sk_status dot_plan(const struct plan_request *request, struct step_plan *step) {
    struct dot_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->count = value_elements(request->graph, request->node->in[DOT_X]);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {1}};
    return SK_OK;
}

static void dot_bind(const struct bind_request *request, void *to) {
    struct dot_job *job = to;
    job->x = request->in[DOT_X], job->weights = request->in[DOT_WEIGHTS], job->y = request->out[0];
}

/* In double: few numbers, and the sum is what the gradient is of. */
static void dot_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct dot_job *job = from;
    double sum = 0;
    (void)kernels, (void)phase, (void)tile, (void)lane;
    for (int64_t j = 0; j < job->count; j++) sum += (double)job->x[j] * (double)job->weights[j];
    job->y[0] = (float)sum;
}

const struct op op_dot = {
    .name = "dot",
    .outputs = 1,
    .infer = dot_infer,
    .gradient = dot_gradient,
    .reference = dot_reference,
    .plan = dot_plan,
    .bind = dot_bind,
    .run = dot_run,
};
