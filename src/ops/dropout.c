/* dropout.c — zero with probability p, scale the rest by 1/(1-p); by element, or by row of the batch.
 *
 * Row mode is stochastic depth (Huang et al. 2016). The mask is Philox at (seed, micro-step, row, node's own number),
 * so forward and backward draw the same one and nothing is stored. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/rng.h"
#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"
#include "ops/scalar.h"

struct dropout_attr {
    double p;
    bool rows;
    int number; /* of this random node in its graph */
};

int build_dropout(struct graph *graph, int x, double p, bool rows, const char *name) {
    if (p == 0) return x;
    if (!(p > 0 && p < 1))
        return graph_fail(graph, status_fail(SK_EUSAGE, "%s: a drop rate of %g is not in [0, 1)", name, p));
    struct dropout_attr attr = {p, rows, graph->random_nodes++};
    /* A frozen block does what it does in evaluation. */
    if (rows && graph->freezing && graph->freezing->param(graph->freezing->user, name)) return x;
    return op_value(graph, &op_dropout, &attr, sizeof attr, &x, 1, name);
}

double dropout_rate(const struct node *node, bool *rows) {
    const struct dropout_attr *attr = node->attr;
    *rows = attr->rows;
    return attr->p;
}

static sk_status dropout_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *value_shape(graph, graph->nodes[node].in[0]));
    return graph->status;
}

static void dropout_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    int dy = gradients_plain(gradients, n.out[0]);
    int dx = op_value(gradients->graph, &op_dropout, n.attr, sizeof(struct dropout_attr), &dy, 1, n.name);
    gradients_add(gradients, n.in[0], dx);
}

static struct rng row_numbers(const struct dropout_attr *attr, const struct run_env *env, int64_t row) {
    uint64_t seed = env->seed + 0x9E3779B97F4A7C15u * (uint64_t)(attr->number + 1);
    return rng_at(seed, RNG_DROPOUT, env->step, env->first_sample + (uint64_t)row);
}

static void dropout_reference(const struct reference_call *call) {
    const struct dropout_attr *attr = call->node->attr;
    const struct shape *shape = value_shape(call->graph, call->node->in[0]);
    int64_t rows = shape->dim[0], size = shape_elements(shape) / rows;
    for (int64_t i = 0; i < rows; i++) {
        struct rng rng = row_numbers(attr, call->env, i);
        double row_draw = attr->rows ? rng_float(&rng) : 0;
        for (int64_t j = i * size; j < (i + 1) * size; j++) {
            double draw = attr->rows ? row_draw : rng_float(&rng);
            call->out[0][j] = draw < attr->p ? 0 : call->in[0][j] / (1 - attr->p);
        }
    }
}

struct dropout_job {
    struct dropout_attr attr;
    int64_t size;
    const void *x;
    void *y;
    bool x_bf16, y_bf16;
};

static sk_status dropout_plan(const struct plan_request *request, struct step_plan *step) {
    const struct shape *shape = value_shape(request->graph, request->node->in[0]);
    struct dropout_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->attr = *(const struct dropout_attr *)request->node->attr;
    job->size = shape_elements(shape) / shape->dim[0];
    job->x_bf16 = value_is_bf16(request->graph, request->node->in[0]);
    job->y_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {shape->dim[0]}};
    return SK_OK;
}

static void dropout_bind(const struct bind_request *request, void *to) {
    struct dropout_job *job = to;
    job->x = request->in[0], job->y = request->out[0];
}

/* Zeros are not products: what is dropped may be infinite. */
static inline void keep_row(const struct dropout_job *job, int64_t from, float keep, bool x_bf16, bool y_bf16) {
    size_t size = y_bf16 ? sizeof(uint16_t) : sizeof(float);
    if (keep == 0)
        memset((char *)job->y + (size_t)from * size, 0, (size_t)job->size * size);
    else
        for (int64_t j = from; j < from + job->size; j++)
            scalar_put(job->y, y_bf16, j, scalar_at(job->x, x_bf16, j) * keep);
}

static void row_dropout(const struct dropout_job *job, int64_t from, float keep) {
    if (!job->x_bf16 && !job->y_bf16)
        keep_row(job, from, keep, false, false);
    else if (job->x_bf16 && job->y_bf16)
        keep_row(job, from, keep, true, true);
    else
        keep_row(job, from, keep, job->x_bf16, job->y_bf16);
}

static void dropout_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct dropout_job *job = from;
    (void)kernels, (void)phase;
    struct rng rng = row_numbers(&job->attr, lane->env, tile);
    float keep = (float)(1 / (1 - job->attr.p));
    if (job->attr.rows) {
        row_dropout(job, tile * job->size, rng_float(&rng) < job->attr.p ? 0 : keep);
        return;
    }
    for (int64_t j = tile * job->size; j < (tile + 1) * job->size; j++) {
        bool zero = rng_float(&rng) < job->attr.p;
        scalar_put(job->y, job->y_bf16, j, zero ? 0 : scalar_at(job->x, job->x_bf16, j) * keep);
    }
}

const struct op op_dropout = {
    .name = "dropout",
    .outputs = 1,
    .infer = dropout_infer,
    .gradient = dropout_gradient,
    .reference = dropout_reference,
    .plan = dropout_plan,
    .bind = dropout_bind,
    .run = dropout_run,
    .bf16_in = SLOT(0),
    .bf16_out = SLOT(0),
};
