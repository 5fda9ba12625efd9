/* fold_norm.c — batch normalisation with running statistics, or a layer scale, folded into the weights before it.
 *
 * w'[r,s,c,k] = w*weight[k]/sqrt(var[k]+eps); bias'[k] = bias[k] + (conv bias - mean)*that factor. A layer scale has
 * neither statistics nor bias: the factor is its weight. Depends on parameters alone, so it runs once when weights
 * change. SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"

static sk_status fold_norm_infer(struct graph *graph, int node) {
    graph_output(graph, node, FN_FOLDED_W, F32, *value_shape(graph, graph->nodes[node].in[FN_W]));
    graph_output(graph, node, FN_FOLDED_BIAS, F32, *value_shape(graph, graph->nodes[node].in[FN_WEIGHT]));
    return graph->status;
}

/* What a layer scale has not: variance 1 and eps 0 make its weight the factor. */
static double given(const double *of, int64_t j, double otherwise) {
    return of ? of[j] : otherwise;
}

static void fold_norm_reference(const struct reference_call *call) {
    const struct fold_norm_attr *attr = call->node->attr;
    int64_t count = value_elements(call->graph, call->node->in[FN_W]);
    int64_t k = value_elements(call->graph, call->node->in[FN_WEIGHT]);
    for (int64_t j = 0; j < k; j++) {
        double f = norm_factor(attr->eps, call->in[FN_WEIGHT][j], given(call->in[FN_VARIANCE], j, 1));
        double bias = given(call->in[FN_CONV_BIAS], j, 0) - given(call->in[FN_MEAN], j, 0);
        call->out[FN_FOLDED_BIAS][j] = given(call->in[FN_BIAS], j, 0) + bias * f;
    }
    for (int64_t j = 0; j < count; j++)
        call->out[FN_FOLDED_W][j] = call->in[FN_W][j] * norm_factor(attr->eps, call->in[FN_WEIGHT][j % k],
                                                                    given(call->in[FN_VARIANCE], j % k, 1));
}

struct fold_norm_job {
    double eps;
    int64_t count, k;
    const float *w, *conv_bias, *weight, *bias, *mean, *variance;
    float *folded_w, *folded_bias;
};

static sk_status fold_norm_plan(const struct plan_request *request, struct step_plan *step) {
    struct fold_norm_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->eps = ((const struct fold_norm_attr *)request->node->attr)->eps;
    job->count = request->node->in[FN_W] ? value_elements(request->graph, request->node->in[FN_W]) : 0;
    job->k = value_elements(request->graph, request->node->in[FN_WEIGHT]);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {1}};
    return SK_OK;
}

static void fold_norm_bind(const struct bind_request *request, void *to) {
    struct fold_norm_job *job = to;
    job->w = request->in[FN_W], job->conv_bias = request->in[FN_CONV_BIAS], job->weight = request->in[FN_WEIGHT];
    job->bias = request->in[FN_BIAS], job->mean = request->in[FN_MEAN], job->variance = request->in[FN_VARIANCE];
    job->folded_w = request->out[FN_FOLDED_W], job->folded_bias = request->out[FN_FOLDED_BIAS];
}

enum { FOLD_COLUMNS = 64 }; /* filters at a time: the weights are walked as they lie, four cache lines of each row */

static void fold_norm_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct fold_norm_job *job = from;
    (void)kernels, (void)phase, (void)tile, (void)lane;
    for (int64_t first = 0; first < job->k; first += FOLD_COLUMNS) {
        int64_t columns = job->k - first < FOLD_COLUMNS ? job->k - first : FOLD_COLUMNS;
        double f[FOLD_COLUMNS];
        for (int64_t j = 0; j < columns; j++) {
            int64_t k = first + j;
            f[j] = norm_factor(job->eps, job->weight[k], job->variance ? job->variance[k] : 1);
            double bias = (job->conv_bias ? job->conv_bias[k] : 0) - (job->mean ? job->mean[k] : 0);
            job->folded_bias[k] = (float)((job->bias ? job->bias[k] : 0) + bias * f[j]);
        }
        for (int64_t i = first; i < job->count; i += job->k)
            for (int64_t j = 0; j < columns; j++) job->folded_w[i + j] = (float)(job->w[i + j] * f[j]);
    }
}

const struct op op_fold_norm = {
    .name = "fold_norm",
    .outputs = 2,
    .infer = fold_norm_infer,
    .reference = fold_norm_reference,
    .plan = fold_norm_plan,
    .bind = fold_norm_bind,
    .run = fold_norm_run,
};
