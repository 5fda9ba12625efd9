/* slice.c — some neighbouring channels of a tensor: what the gradient of concat gives each of its inputs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/scalar.h"

enum { SLICE_TILE_FLOATS = 1 << 14 };

static sk_status slice_infer(struct graph *graph, int node) {
    const struct slice_attr *attr = graph->nodes[node].attr;
    struct shape y = *value_shape(graph, graph->nodes[node].in[0]);
    int64_t *channels = &y.dim[y.rank - 1];
    FAIL_IF(attr->from < 0 || attr->count < 1 || attr->count > *channels - attr->from, SK_ESHAPE,
            "%s: channels %lld to %lld do not lie in a tensor of %lld", graph->nodes[node].name, (long long)attr->from,
            (long long)(attr->from + attr->count - 1), (long long)*channels);
    *channels = attr->count;
    graph_output(graph, node, 0, F32, y);
    return graph->status;
}

static void slice_reference(const struct reference_call *call) {
    const struct slice_attr *attr = call->node->attr;
    const struct shape *x = value_shape(call->graph, call->node->in[0]);
    int64_t c = x->dim[x->rank - 1], count = value_elements(call->graph, call->node->out[0]);
    for (int64_t j = 0; j < count; j++)
        call->out[0][j] = call->in[0][j / attr->count * c + attr->from + j % attr->count];
}

struct slice_job {
    struct slice_attr attr;
    int64_t rows, c, tile_rows;
    const void *x;
    void *y;
    bool x_bf16, y_bf16;
};

static sk_status slice_plan(const struct plan_request *request, struct step_plan *step) {
    const struct shape *x = value_shape(request->graph, request->node->in[0]);
    struct slice_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->attr = *(const struct slice_attr *)request->node->attr;
    job->c = x->dim[x->rank - 1];
    job->rows = shape_elements(x) / job->c;
    job->x_bf16 = value_is_bf16(request->graph, request->node->in[0]);
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    job->tile_rows = SLICE_TILE_FLOATS / job->attr.count + 1;
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {(job->rows + job->tile_rows - 1) / job->tile_rows}};
    return SK_OK;
}

static void slice_bind(const struct bind_request *request, void *to) {
    struct slice_job *job = to;
    job->x = request->in[0], job->y = request->out[0];
}

static void slice_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct slice_job *job = from;
    (void)kernels, (void)phase, (void)lane;
    int64_t count = job->attr.count;
    for (int64_t row = tile * job->tile_rows; row < (tile + 1) * job->tile_rows && row < job->rows; row++)
        scalar_copy(job->y, job->y_bf16, row * count, job->x, job->x_bf16, row * job->c + job->attr.from, count);
}

const struct op op_slice = {
    .name = "slice",
    .bf16_in = SLOT(0),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = slice_infer,
    .reference = slice_reference,
    .plan = slice_plan,
    .bind = slice_bind,
    .run = slice_run,
};
