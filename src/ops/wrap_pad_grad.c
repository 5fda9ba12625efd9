/* wrap_pad_grad.c — the gradient of wrap_pad: each number's, summed over the places that show it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/scalar.h"
#include "ops/wrapping.h"

static sk_status wrap_pad_grad_infer(struct graph *graph, int node) {
    const struct wrap *wrap = graph->nodes[node].attr;
    struct shape x = *value_shape(graph, graph->nodes[node].in[0]);
    x.dim[1] -= wrap->top + wrap->bottom;
    x.dim[2] -= wrap->left + wrap->right;
    FAIL_IF(x.dim[1] < 1 || x.dim[2] < 1, SK_ESHAPE, "%s: nothing lies inside of the padding", graph->nodes[node].name);
    graph_output(graph, node, 0, F32, x);
    return graph->status;
}

static void wrap_pad_grad_reference(const struct reference_call *call) {
    const struct shape *y = value_shape(call->graph, call->node->in[0]);
    const struct shape *x = value_shape(call->graph, call->node->out[0]);
    const struct wrap *wrap = call->node->attr;
    int64_t c = y->dim[3], count = shape_elements(y);
    memset(call->out[0], 0, (size_t)shape_elements(x) * sizeof *call->out[0]);
    for (int64_t j = 0; j < count; j++) {
        int64_t w = j / c % y->dim[2], h = j / c / y->dim[2] % y->dim[1], n = j / c / y->dim[2] / y->dim[1];
        int64_t to_h = wrapped_index(h - wrap->top, x->dim[1]), to_w = wrapped_index(w - wrap->left, x->dim[2]);
        call->out[0][((n * x->dim[1] + to_h) * x->dim[2] + to_w) * c + j % c] += call->in[0][j];
    }
}

/* One row of the result a tile: it alone adds to it, in the order of the rows that show it. */
static sk_status wrap_pad_grad_plan(const struct plan_request *request, struct step_plan *step) {
    struct wrap_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct wrap_job){.wrap = *(const struct wrap *)request->node->attr,
                             .inner = *value_shape(request->graph, request->node->out[0]),
                             .outer = *value_shape(request->graph, request->node->in[0])};
    job->from_bf16 = value_is_bf16(request->graph, request->node->in[0]);
    job->to_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->inner.dim[0] * job->inner.dim[1]}};
    /* sums are f32, and rounded once */
    if (job->to_bf16) step->lane_scratch = (size_t)(job->inner.dim[2] * job->inner.dim[3]) * sizeof(float);
    return SK_OK;
}

static void wrap_pad_grad_bind(const struct bind_request *request, void *to) {
    struct wrap_job *job = to;
    job->from = request->in[0], job->to = request->out[0];
}

static void add_pixel(const struct wrap_job *job, int64_t at, float *to, int64_t c) {
    for (int64_t k = 0; job->from_bf16 && k < c; k++) to[k] += scalar_at(job->from, true, at + k);
    for (int64_t k = 0; !job->from_bf16 && k < c; k++) to[k] += scalar_at(job->from, false, at + k);
}

static void wrap_pad_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                              struct lane *lane) {
    const struct wrap_job *job = from;
    (void)kernels, (void)phase;
    int64_t c = job->inner.dim[3], h = job->inner.dim[1], w = job->inner.dim[2];
    int64_t n = tile / h, rows = job->outer.dim[1], columns = job->outer.dim[2];
    float *dx = job->to_bf16 ? lane->scratch : (float *)job->to + tile * w * c;
    memset(dx, 0, (size_t)(w * c) * sizeof *dx);
    for (int64_t row = wrapped_index(tile % h + job->wrap.top, h); row < rows; row += h) {
        for (int64_t j = 0; j < columns; j++)
            add_pixel(job, ((n * rows + row) * columns + j) * c, dx + wrapped_index(j - job->wrap.left, w) * c, c);
    }
    if (job->to_bf16) scalar_copy(job->to, true, tile * w * c, dx, false, 0, w * c);
}

const struct op op_wrap_pad_grad = {
    .name = "wrap_pad_grad",
    .bf16_in = SLOT(0),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = wrap_pad_grad_infer,
    .reference = wrap_pad_grad_reference,
    .plan = wrap_pad_grad_plan,
    .bind = wrap_pad_grad_bind,
    .run = wrap_pad_grad_run,
};
