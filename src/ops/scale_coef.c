/* scale_coef.c — a layer scale as an affine node's scale and shift: the scale itself, and zeros.
 *
 * So a layer scale is lowered as a norm is, and what reads, merges and differentiates affine nodes knows it too.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/gradients.h"

static sk_status scale_coef_infer(struct graph *graph, int node) {
    struct shape channels = *value_shape(graph, graph->nodes[node].in[0]);
    graph_output(graph, node, SC_SCALE, F32, channels);
    graph_output(graph, node, SC_SHIFT, F32, channels);
    return graph->status;
}

static void scale_coef_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int sums = gradients->of[n.out[SC_SCALE]].sums;
    gradients_add(gradients, n.in[0], op_value(gradients->graph, &op_scale_coef_grad, NULL, 0, &sums, 1, n.name));
}

static void scale_coef_reference(const struct reference_call *call) {
    size_t bytes = (size_t)value_elements(call->graph, call->node->in[0]) * sizeof(double);
    memcpy(call->out[SC_SCALE], call->in[0], bytes);
    memset(call->out[SC_SHIFT], 0, bytes);
}

struct scale_coef_job {
    size_t bytes;
    const float *from;
    float *scale, *shift;
};

static sk_status scale_coef_plan(const struct plan_request *request, struct step_plan *step) {
    struct scale_coef_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->bytes = (size_t)value_elements(request->graph, request->node->in[0]) * sizeof(float);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {1}};
    return SK_OK;
}

static void scale_coef_bind(const struct bind_request *request, void *to) {
    struct scale_coef_job *job = to;
    job->from = request->in[0], job->scale = request->out[SC_SCALE], job->shift = request->out[SC_SHIFT];
}

static void scale_coef_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                           struct lane *lane) {
    const struct scale_coef_job *job = from;
    (void)kernels, (void)phase, (void)tile, (void)lane;
    memcpy(job->scale, job->from, job->bytes);
    memset(job->shift, 0, job->bytes);
}

const struct op op_scale_coef = {
    .name = "scale_coef",
    .outputs = 2,
    .infer = scale_coef_infer,
    .gradient = scale_coef_gradient,
    .reference = scale_coef_reference,
    .plan = scale_coef_plan,
    .bind = scale_coef_bind,
    .run = scale_coef_run,
};
