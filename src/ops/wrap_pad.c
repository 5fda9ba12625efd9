/* wrap_pad.c — a picture with rows and columns of its opposite sides around it: what lies beyond a border is the other one.
 *
 * JAX's padding='CIRCULAR' and numpy's mode='wrap', before a convolution without padding.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/build.h"
#include "ops/scalar.h"
#include "ops/wrapping.h"

enum { WRAP_MOST = 1 << 14 };

int build_wrap_pad(struct graph *graph, int x, struct wrap wrap, const char *name) {
    return graph->status == SK_OK ? op_value(graph, &op_wrap_pad, &wrap, sizeof wrap, &x, 1, name) : 0;
}

static sk_status wrap_pad_infer(struct graph *graph, int node) {
    const struct wrap *wrap = graph->nodes[node].attr;
    struct shape y = *value_shape(graph, graph->nodes[node].in[0]);
    FAIL_IF(y.rank != 4, SK_ESHAPE, "%s: only (N,H,W,C) can be wrapped around, not %d dimensions",
            graph->nodes[node].name, y.rank);
    const int64_t sides[] = {wrap->top, wrap->bottom, wrap->left, wrap->right};
    for (int i = 0; i < 4; i++)
        FAIL_IF(sides[i] < 0 || sides[i] > WRAP_MOST, SK_ESHAPE, "%s: a padding of %lld is not 0 to %d",
                graph->nodes[node].name, (long long)sides[i], WRAP_MOST);
    y.dim[1] += wrap->top + wrap->bottom;
    y.dim[2] += wrap->left + wrap->right;
    graph_output(graph, node, 0, F32, y);
    return graph->status;
}

static void wrap_pad_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int dy = gradients_plain(gradients, n.out[0]);
    gradients_add(gradients, n.in[0],
                  op_value(gradients->graph, &op_wrap_pad_grad, n.attr, sizeof(struct wrap), &dy, 1, n.name));
}

static void wrap_pad_reference(const struct reference_call *call) {
    const struct shape *x = value_shape(call->graph, call->node->in[0]);
    const struct shape *y = value_shape(call->graph, call->node->out[0]);
    const struct wrap *wrap = call->node->attr;
    int64_t c = y->dim[3], count = shape_elements(y);
    for (int64_t j = 0; j < count; j++) {
        int64_t w = j / c % y->dim[2], h = j / c / y->dim[2] % y->dim[1], n = j / c / y->dim[2] / y->dim[1];
        int64_t from_h = wrapped_index(h - wrap->top, x->dim[1]), from_w = wrapped_index(w - wrap->left, x->dim[2]);
        call->out[0][j] = call->in[0][((n * x->dim[1] + from_h) * x->dim[2] + from_w) * c + j % c];
    }
}

/* One row of the result a tile. */
static sk_status wrap_pad_plan(const struct plan_request *request, struct step_plan *step) {
    struct wrap_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct wrap_job){.wrap = *(const struct wrap *)request->node->attr,
                             .inner = *value_shape(request->graph, request->node->in[0]),
                             .outer = *value_shape(request->graph, request->node->out[0])};
    job->from_bf16 = value_is_bf16(request->graph, request->node->in[0]);
    job->to_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->outer.dim[0] * job->outer.dim[1]}};
    return SK_OK;
}

static void wrap_pad_bind(const struct bind_request *request, void *to) {
    struct wrap_job *job = to;
    job->from = request->in[0], job->to = request->out[0];
}

static void wrap_copy(const struct wrap_job *job, int64_t to, int64_t from, int64_t count) {
    scalar_copy(job->to, job->to_bf16, to, job->from, job->from_bf16, from, count);
}

static void wrap_pad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct wrap_job *job = from;
    (void)kernels, (void)phase, (void)lane;
    int64_t c = job->inner.dim[3], h = job->inner.dim[1], w = job->inner.dim[2];
    int64_t n = tile / job->outer.dim[1], row = wrapped_index(tile % job->outer.dim[1] - job->wrap.top, h);
    int64_t x = (n * h + row) * w * c, y = tile * job->outer.dim[2] * c;
    for (int64_t j = 0; j < job->wrap.left; j++, y += c)
        wrap_copy(job, y, x + wrapped_index(j - job->wrap.left, w) * c, c);
    wrap_copy(job, y, x, w * c);
    y += w * c;
    for (int64_t j = 0; j < job->wrap.right; j++, y += c) wrap_copy(job, y, x + j % w * c, c);
}

const struct op op_wrap_pad = {
    .name = "wrap_pad",
    .bf16_in = SLOT(0),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = wrap_pad_infer,
    .gradient = wrap_pad_gradient,
    .reference = wrap_pad_reference,
    .plan = wrap_pad_plan,
    .bind = wrap_pad_bind,
    .run = wrap_pad_run,
};
