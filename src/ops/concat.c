/* concat.c — tensors side by side along the channels: (…,C0), (…,C1), … -> (…,C0+C1+…). Its gradient is slices.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"
#include "ops/scalar.h"

enum { CONCAT_INPUTS = 8, CONCAT_TILE_FLOATS = 1 << 14 };

int build_concat(struct graph *graph, const int *x, int count, const char *name) {
    if (graph->status != SK_OK) return 0;
    if (count < 1 || count > CONCAT_INPUTS)
        return graph_fail(
            graph, status_fail(SK_ESHAPE, "%s: %d tensors cannot be joined, only 1 to %d", name, count, CONCAT_INPUTS));
    return op_value(graph, &op_concat, NULL, 0, x, count, name);
}

static int64_t channels_of(const struct graph *graph, int value) {
    const struct shape *shape = value_shape(graph, value);
    return shape->dim[shape->rank - 1];
}

static sk_status concat_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    struct shape y = *value_shape(graph, in[0]);
    FAIL_IF(y.rank < 1, SK_ESHAPE, "%s: numbers without channels cannot be joined", graph->nodes[node].name);
    for (int i = 1; i < CONCAT_INPUTS && in[i]; i++) {
        struct shape x = *value_shape(graph, in[i]), like = y;
        char a[96], b[96];
        like.dim[y.rank - 1] = x.rank ? x.dim[x.rank - 1] : 0;
        FAIL_IF(!shape_equal(&x, &like), SK_ESHAPE, "%s: %s cannot be joined to %s along channels",
                graph->nodes[node].name, shape_text(&x, a, sizeof a),
                shape_text(value_shape(graph, in[0]), b, sizeof b));
        y.dim[y.rank - 1] += x.dim[x.rank - 1];
    }
    graph_output(graph, node, 0, F32, y);
    return graph->status;
}

static void concat_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    int dy = gradients_plain(gradients, n.out[0]);
    struct slice_attr slice = {0};
    for (int i = 0; i < CONCAT_INPUTS && n.in[i]; i++) {
        slice.count = channels_of(graph, n.in[i]);
        if (gradients_wanted(gradients, n.in[i]))
            gradients_add(gradients, n.in[i], op_value(graph, &op_slice, &slice, sizeof slice, &dy, 1, n.name));
        slice.from += slice.count;
    }
}

static void concat_reference(const struct reference_call *call) {
    int64_t c = channels_of(call->graph, call->node->out[0]), from = 0;
    int64_t rows = value_elements(call->graph, call->node->out[0]) / c;
    for (int i = 0; i < CONCAT_INPUTS && call->node->in[i]; i++) {
        int64_t count = channels_of(call->graph, call->node->in[i]);
        for (int64_t j = 0; j < rows * count; j++) call->out[0][j / count * c + from + j % count] = call->in[i][j];
        from += count;
    }
}

struct concat_job {
    int64_t rows, c, tile_rows, channels[CONCAT_INPUTS];
    const void *x[CONCAT_INPUTS];
    void *y;
    bool x_bf16[CONCAT_INPUTS], y_bf16;
};

static sk_status concat_plan(const struct plan_request *request, struct step_plan *step) {
    struct concat_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->c = channels_of(request->graph, request->node->out[0]);
    job->rows = value_elements(request->graph, request->node->out[0]) / job->c;
    for (int i = 0; i < CONCAT_INPUTS && request->node->in[i]; i++) {
        job->channels[i] = channels_of(request->graph, request->node->in[i]);
        job->x_bf16[i] = value_is_bf16(request->graph, request->node->in[i]);
    }
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    job->tile_rows = CONCAT_TILE_FLOATS / job->c + 1;
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {(job->rows + job->tile_rows - 1) / job->tile_rows}};
    return SK_OK;
}

static void concat_bind(const struct bind_request *request, void *to) {
    struct concat_job *job = to;
    for (int i = 0; i < CONCAT_INPUTS; i++) job->x[i] = request->in[i];
    job->y = request->out[0];
}

static void concat_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct concat_job *job = from;
    (void)kernels, (void)phase, (void)lane;
    int64_t end = (tile + 1) * job->tile_rows < job->rows ? (tile + 1) * job->tile_rows : job->rows;
    for (int64_t row = tile * job->tile_rows; row < end; row++) {
        int64_t to = row * job->c;
        for (int i = 0; i < CONCAT_INPUTS && job->channels[i]; to += job->channels[i++])
            scalar_copy(job->y, job->y_bf16, to, job->x[i], job->x_bf16[i], row * job->channels[i], job->channels[i]);
    }
}

const struct op op_concat = {
    .name = "concat",
    .bf16_in = SLOT(CONCAT_INPUTS) - 1,
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = concat_infer,
    .gradient = concat_gradient,
    .reference = concat_reference,
    .plan = concat_plan,
    .bind = concat_bind,
    .run = concat_run,
};
