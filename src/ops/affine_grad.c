/* affine_grad.c — g = dz * act'(scale*x + shift), and the partial sums of g and g*x.
 *
 * Without an activation g is dz itself and only the sums are wanted. A clamp's slope is 0 where what it gave lies at its
 * ends: with that as an input, x is read for the sums alone. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

static sk_status affine_grad_infer(struct graph *graph, int node) {
    const struct affine_grad_attr *attr = graph->nodes[node].attr;
    struct shape x = *value_shape(graph, graph->nodes[node].in[AG_X]);
    int64_t c = x.dim[x.rank - 1];
    if (attr->want_g) graph_output(graph, node, AG_G, F32, x);
    if (attr->want_sums)
        graph_output(graph, node, AG_SUMS, F32, (struct shape){3, {conv_blocks(shape_elements(&x) / c), 2, c}});
    return graph->status;
}

static void affine_grad_reference(const struct reference_call *call) {
    const struct affine_grad_attr *attr = call->node->attr;
    const struct shape *x = value_shape(call->graph, call->node->in[AG_X]);
    int64_t channels = x->dim[x->rank - 1], count = shape_elements(x);
    double *sums = call->out[AG_SUMS];
    if (sums) memset(sums, 0, (size_t)value_elements(call->graph, call->node->out[AG_SUMS]) * sizeof *sums);
    for (int64_t j = 0; j < count; j++) {
        int64_t c = j % channels;
        double v = call->in[AG_X][j];
        const double *made = call->in[AG_MADE];
        double slope = made ? view_slope(attr->act, NULL, NULL, c, made[j])
                            : view_slope(attr->act, call->in[AG_SCALE], call->in[AG_SHIFT], c, v);
        double g = call->in[AG_DZ][j] * slope;
        g = reference_stored(call, AG_G, g);
        if (call->out[AG_G]) call->out[AG_G][j] = g;
        if (sums) {
            double *block = sums + j / channels / BLOCK_ROWS * 2 * channels;
            block[c] += g;
            block[channels + c] += g * v;
        }
    }
}

static sk_status affine_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct affine_grad_attr *attr = request->node->attr;
    const struct shape *x = value_shape(request->graph, request->node->in[AG_X]);
    struct affine_backward *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->c = x->dim[x->rank - 1];
    job->rows = shape_elements(x) / job->c;
    job->in.act = attr->act;
    job->in.bf16 = value_is_bf16(request->graph, request->node->in[AG_X]);
    job->dz_bf16 = value_is_bf16(request->graph, request->node->in[AG_DZ]);
    job->made_bf16 = value_is_bf16(request->graph, request->node->in[AG_MADE]);
    job->g_bf16 = value_is_bf16(request->graph, request->node->out[AG_G]);
    request->kernels->affine_backward_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void affine_grad_bind(const struct bind_request *request, void *to) {
    struct affine_backward *job = to;
    job->dz = request->in[AG_DZ], job->made = request->in[AG_MADE];
    job->in.x = request->in[AG_X], job->in.scale = request->in[AG_SCALE], job->in.shift = request->in[AG_SHIFT];
    job->g = request->out[AG_G], job->sums = request->out[AG_SUMS];
}

static void affine_grad_run(const struct kernels *kernels, const void *job, int phase, int64_t tile,
                            struct lane *lane) {
    (void)phase, (void)lane;
    kernels->affine_backward_run(job, tile);
}

const struct op op_affine_grad = {
    .name = "affine_grad",
    .bf16_in = SLOT(AG_DZ) | SLOT(AG_X) | SLOT(AG_MADE),
    .bf16_out = SLOT(AG_G),
    .outputs = 2,
    .infer = affine_grad_infer,
    .reference = affine_grad_reference,
    .plan = affine_grad_plan,
    .bind = affine_grad_bind,
    .run = affine_grad_run,
};
