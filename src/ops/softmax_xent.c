/* softmax_xent.c — mean cross-entropy of logits against target distributions: hard, smoothed or soft.
 *
 * loss = mean over rows of -sum_k t_k log softmax(z)_k; its gradient (softmax*sum(t) - t)/N is made on the way, since
 * the loss is always the root. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/gradients.h"

enum { XE_LOGITS, XE_TARGET };
enum { XE_LOSS, XE_DLOGITS, XE_ROWS }; /* mean loss (1), gradient (N,K), loss of each row (N) */

static sk_status softmax_xent_infer(struct graph *graph, int node) {
    struct shape z = *value_shape(graph, graph->nodes[node].in[XE_LOGITS]);
    char a[96], b[96];
    FAIL_IF(z.rank != 2 || !shape_equal(&z, value_shape(graph, graph->nodes[node].in[XE_TARGET])), SK_ESHAPE,
            "%s: logits %s and targets %s must both be (N, classes)", graph->nodes[node].name,
            shape_text(&z, a, sizeof a), shape_text(value_shape(graph, graph->nodes[node].in[XE_TARGET]), b, sizeof b));
    graph_output(graph, node, XE_LOSS, F32, (struct shape){1, {1}});
    graph_output(graph, node, XE_DLOGITS, F32, z);
    graph_output(graph, node, XE_ROWS, F32, (struct shape){1, {z.dim[0]}});
    return graph->status;
}

static void softmax_xent_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    gradients_add(gradients, n.in[XE_LOGITS], n.out[XE_DLOGITS]);
}

static void softmax_xent_reference(const struct reference_call *call) {
    const int64_t *d = value_shape(call->graph, call->node->in[XE_LOGITS])->dim;
    int64_t n = d[0], classes = d[1];
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *z = call->in[XE_LOGITS] + i * classes, *t = call->in[XE_TARGET] + i * classes;
        double top = z[0], sum = 0, loss = 0, mass = 0;
        for (int64_t k = 1; k < classes; k++) top = z[k] > top ? z[k] : top;
        for (int64_t k = 0; k < classes; k++) sum += exp(z[k] - top);
        for (int64_t k = 0; k < classes; k++) loss -= t[k] * (z[k] - top - log(sum)), mass += t[k];
        for (int64_t k = 0; k < classes; k++)
            call->out[XE_DLOGITS][i * classes + k] = (exp(z[k] - top) / sum * mass - t[k]) / (double)n;
        call->out[XE_ROWS][i] = loss;
        total += loss;
    }
    call->out[XE_LOSS][0] = total / (double)n;
}

struct softmax_xent_job {
    int64_t n, classes;
    const float *logits, *target;
    float *loss, *dlogits, *rows;
};

static sk_status softmax_xent_plan(const struct plan_request *request, struct step_plan *step) {
    const int64_t *d = value_shape(request->graph, request->node->in[XE_LOGITS])->dim;
    struct softmax_xent_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->n = d[0], job->classes = d[1];
    *step = (struct step_plan){.job = job, .phases = 2, .tiles = {job->n, 1}};
    return SK_OK;
}

static void softmax_xent_bind(const struct bind_request *request, void *to) {
    struct softmax_xent_job *job = to;
    job->logits = request->in[XE_LOGITS], job->target = request->in[XE_TARGET];
    job->loss = request->out[XE_LOSS], job->dlogits = request->out[XE_DLOGITS], job->rows = request->out[XE_ROWS];
}

/* One row, in double: there are few numbers, and the loss is what everything is judged by. */
static void one_row(const struct softmax_xent_job *job, int64_t i) {
    const float *z = job->logits + i * job->classes, *t = job->target + i * job->classes;
    double top = z[0], sum = 0, loss = 0, mass = 0;
    for (int64_t k = 1; k < job->classes; k++) top = z[k] > top ? z[k] : top;
    for (int64_t k = 0; k < job->classes; k++) sum += exp(z[k] - top);
    double log_sum = log(sum);
    for (int64_t k = 0; k < job->classes; k++) {
        mass += t[k];
        if (t[k] != 0) loss -= t[k] * (z[k] - top - log_sum);
    }
    for (int64_t k = 0; k < job->classes; k++)
        job->dlogits[i * job->classes + k] = (float)((exp(z[k] - top) / sum * mass - t[k]) / (double)job->n);
    job->rows[i] = (float)loss;
}

static void softmax_xent_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                             struct lane *lane) {
    const struct softmax_xent_job *job = from;
    (void)kernels, (void)lane;
    if (phase == 0) {
        one_row(job, tile);
        return;
    }
    double total = 0;
    for (int64_t i = 0; i < job->n; i++) total += job->rows[i];
    job->loss[0] = (float)(total / (double)job->n);
}

const struct op op_softmax_xent = {
    .name = "softmax_xent",
    .outputs = 3,
    .infer = softmax_xent_infer,
    .gradient = softmax_xent_gradient,
    .reference = softmax_xent_reference,
    .plan = softmax_xent_plan,
    .bind = softmax_xent_bind,
    .run = softmax_xent_run,
};
