/* bce.c — mean binary cross-entropy of logits against targets in [0,1], each class by itself.
 *
 * loss = mean over rows of sum or mean over k of w_k (-p_k t_k log s(z)_k - (1 - t_k) log(1 - s(z)_k)), s the sigmoid:
 * PyTorch's binary_cross_entropy_with_logits as timm uses it (Wightman et al., "ResNet strikes back", 2021). The
 * gradient is made on the way, since the loss is always the root. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"

enum { BCE_LOGITS, BCE_TARGET };
enum { BCE_LOSS, BCE_DLOGITS, BCE_ROWS }; /* mean loss (1), gradient (N,K), loss of each row (N) */

static sk_status bce_infer(struct graph *graph, int node) {
    struct shape z = *value_shape(graph, graph->nodes[node].in[BCE_LOGITS]);
    const struct shape *t = value_shape(graph, graph->nodes[node].in[BCE_TARGET]);
    char a[96], b[96];
    FAIL_IF(z.rank != 2 || !shape_equal(&z, t), SK_ESHAPE, "%s: logits %s and targets %s must both be (N, classes)",
            graph->nodes[node].name, shape_text(&z, a, sizeof a), shape_text(t, b, sizeof b));
    graph_output(graph, node, BCE_LOSS, F32, (struct shape){1, {1}});
    graph_output(graph, node, BCE_DLOGITS, F32, z);
    graph_output(graph, node, BCE_ROWS, F32, (struct shape){1, {z.dim[0]}});
    return graph->status;
}

static void bce_gradient(struct gradients *gradients, int node) {
    struct node n = gradients->graph->nodes[node];
    gradients_add(gradients, n.in[BCE_LOGITS], n.out[BCE_DLOGITS]);
}

/* Loss and slope of one logit; what a row adds is divided by the classes unless they are summed. */
static double one(const struct loss_rule *rule, int64_t classes, int64_t k, double z, double t, double *slope) {
    double share = (rule->weights ? rule->weights[k] : 1) / (rule->sum ? 1 : (double)classes);
    double positive = (rule->positive ? rule->positive[k] : 1) * t, negative = 1 - t;
    double tail = log1p(exp(-fabs(z))); /* -log s(z) = max(-z, 0) + tail */
    double sigmoid = z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
    *slope = share * (negative * sigmoid - positive * (1 - sigmoid));
    return share * (positive * ((z < 0 ? -z : 0) + tail) + negative * ((z > 0 ? z : 0) + tail));
}

static void bce_reference(const struct reference_call *call) {
    const int64_t *d = value_shape(call->graph, call->node->in[BCE_LOGITS])->dim;
    const struct loss_rule *rule = call->node->attr;
    double total = 0;
    for (int64_t i = 0; i < d[0]; i++) {
        double loss = 0;
        for (int64_t k = 0; k < d[1]; k++) {
            int64_t at = i * d[1] + k;
            double slope;
            loss += one(rule, d[1], k, call->in[BCE_LOGITS][at], call->in[BCE_TARGET][at], &slope);
            call->out[BCE_DLOGITS][at] = slope / (double)d[0];
        }
        call->out[BCE_ROWS][i] = loss;
        total += loss;
    }
    call->out[BCE_LOSS][0] = total / (double)d[0];
}

struct bce_job {
    int64_t n, classes;
    struct loss_rule rule;
    const float *logits, *target;
    float *loss, *dlogits, *rows;
};

static sk_status bce_plan(const struct plan_request *request, struct step_plan *step) {
    const int64_t *d = value_shape(request->graph, request->node->in[BCE_LOGITS])->dim;
    struct bce_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->n = d[0], job->classes = d[1];
    job->rule = *(const struct loss_rule *)request->node->attr;
    *step = (struct step_plan){.job = job, .phases = 2, .tiles = {job->n, 1}};
    return SK_OK;
}

static void bce_bind(const struct bind_request *request, void *to) {
    struct bce_job *job = to;
    job->logits = request->in[BCE_LOGITS], job->target = request->in[BCE_TARGET];
    job->loss = request->out[BCE_LOSS], job->dlogits = request->out[BCE_DLOGITS], job->rows = request->out[BCE_ROWS];
}

/* A row, in double, as softmax_xent does: there are few numbers, and the loss is what everything is judged by. */
static void bce_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct bce_job *job = from;
    double loss = 0;
    (void)kernels, (void)lane;
    if (phase == 1) {
        for (int64_t i = 0; i < job->n; i++) loss += (double)job->rows[i];
        job->loss[0] = (float)(loss / (double)job->n);
        return;
    }
    for (int64_t k = 0; k < job->classes; k++) {
        int64_t at = tile * job->classes + k;
        double slope;
        loss += one(&job->rule, job->classes, k, (double)job->logits[at], (double)job->target[at], &slope);
        job->dlogits[at] = (float)(slope / (double)job->n);
    }
    job->rows[tile] = (float)loss;
}

const struct op op_bce = {
    .name = "bce",
    .outputs = 3,
    .infer = bce_infer,
    .gradient = bce_gradient,
    .reference = bce_reference,
    .plan = bce_plan,
    .bind = bce_bind,
    .run = bce_run,
};

int build_bce(struct graph *graph, int logits, int target, const struct loss_rule *rule, const char *name) {
    int in[2] = {logits, target};
    return op_value(graph, &op_bce, rule, sizeof *rule, in, 2, name);
}
