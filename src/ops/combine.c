/* combine.c — a gradient view written out: a[c]*g + b[c]*x + c[c], for readers that take no view.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

enum { CB_G, CB_X, CB_A, CB_B, CB_C };

static sk_status combine_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    graph_output(graph, node, 0, F32, *value_shape(graph, in[CB_G] ? in[CB_G] : in[CB_X]));
    return graph->status;
}

static void combine_reference(const struct reference_call *call) {
    const struct shape *shape = value_shape(call->graph, call->node->out[0]);
    int64_t channels = shape->dim[shape->rank - 1], count = shape_elements(shape);
    for (int64_t j = 0; j < count; j++) {
        int64_t c = j % channels;
        double v = call->in[CB_G] ? (call->in[CB_A] ? call->in[CB_A][c] : 1) * call->in[CB_G][j] : 0;
        if (call->in[CB_B]) v += call->in[CB_B][c] * call->in[CB_X][j] + call->in[CB_C][c];
        call->out[0][j] = v;
    }
}

static sk_status combine_op_plan(const struct plan_request *request, struct step_plan *step) {
    const struct shape *shape = value_shape(request->graph, request->node->out[0]);
    struct combine_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->c = shape->dim[shape->rank - 1];
    job->rows = shape_elements(shape) / job->c;
    job->out_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    request->kernels->combine_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void combine_bind(const struct bind_request *request, void *to) {
    struct combine_job *job = to;
    job->dy = (struct grad_view){.g = request->in[CB_G],
                                 .y = request->in[CB_X],
                                 .g_bf16 = value_is_bf16(request->graph, request->node->in[CB_G]),
                                 .y_bf16 = value_is_bf16(request->graph, request->node->in[CB_X]),
                                 .a = request->in[CB_A],
                                 .b = request->in[CB_B],
                                 .c = request->in[CB_C]};
    job->out = request->out[0];
}

static void combine_op_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->combine_run(job, tile);
}

const struct op op_combine = {
    .name = "combine",
    .bf16_in = SLOT(CB_G) | SLOT(CB_X),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = combine_infer,
    .reference = combine_reference,
    .plan = combine_op_plan,
    .bind = combine_bind,
    .run = combine_op_run,
};
