/* norm_coef_grad.c — from the sums of g and g*x (g: the gradient of scale*x + shift) to the norm's gradients.
 *
 * With invstd = 1/sqrt(var+eps), S1 = sum g, S2 = sum g*x, n numbers a channel:
 *   dbias = S1,  dweight = invstd*(S2 - mean*S1),
 *   dx = scale*g + b*x + c  with  b = -scale*invstd*dweight/n,  c = -scale*S1/n - b*mean.
 * Where the statistics were running ones, b and c are not wanted. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/channel_sums.h"

static sk_status norm_coef_grad_infer(struct graph *graph, int node) {
    const struct norm_coef_attr *attr = graph->nodes[node].attr;
    struct shape channels = *value_shape(graph, graph->nodes[node].in[NCG_WEIGHT]);
    FAIL_IF(!graph->nodes[node].in[NCG_SUMS], SK_EINTERNAL, "%s: nobody formed the sums of its gradient",
            graph->nodes[node].name);
    for (int slot = NCG_DWEIGHT; slot <= (attr->count ? NCG_C : NCG_DBIAS); slot++)
        graph_output(graph, node, slot, F32, channels);
    return graph->status;
}

struct norm_gradient { /* of one channel */
    double dweight, dbias, b, c;
};

static struct norm_gradient norm_gradient(const struct norm_coef_attr *attr, double s1, double s2, double mean,
                                          double variance, double weight) {
    double invstd = 1 / sqrt(variance + attr->eps), scale = weight * invstd;
    struct norm_gradient of = {.dweight = invstd * (s2 - mean * s1), .dbias = s1};
    if (attr->count) {
        of.b = -scale * invstd * of.dweight / (double)attr->count;
        of.c = -scale * s1 / (double)attr->count - of.b * mean;
    }
    return of;
}

static void norm_coef_grad_reference(const struct reference_call *call) {
    const struct norm_coef_attr *attr = call->node->attr;
    const struct shape *sums = value_shape(call->graph, call->node->in[NCG_SUMS]);
    int64_t c = sums->dim[2];
    for (int64_t j = 0; j < c; j++) {
        double s1 = 0, s2 = 0;
        for (int64_t b = 0; b < sums->dim[0]; b++) {
            s1 += call->in[NCG_SUMS][b * 2 * c + j];
            s2 += call->in[NCG_SUMS][b * 2 * c + c + j];
        }
        struct norm_gradient of =
            norm_gradient(attr, s1, s2, call->in[NCG_MEAN][j], call->in[NCG_VARIANCE][j], call->in[NCG_WEIGHT][j]);
        call->out[NCG_DWEIGHT][j] = of.dweight;
        call->out[NCG_DBIAS][j] = of.dbias;
        if (attr->count) call->out[NCG_B][j] = of.b, call->out[NCG_C][j] = of.c;
    }
}

struct norm_coef_grad_job {
    struct norm_coef_attr attr;
    int64_t c, blocks;
    const float *sums, *mean, *variance, *weight;
    float *dweight, *dbias, *b, *shift;
};

static sk_status norm_coef_grad_plan(const struct plan_request *request, struct step_plan *step) {
    struct norm_coef_grad_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    const struct shape *sums = value_shape(request->graph, request->node->in[NCG_SUMS]);
    job->attr = *(const struct norm_coef_attr *)request->node->attr;
    job->blocks = sums->dim[0];
    job->c = sums->dim[2];
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {channel_tiles(job->c)}};
    return SK_OK;
}

static void norm_coef_grad_bind(const struct bind_request *request, void *to) {
    struct norm_coef_grad_job *job = to;
    job->sums = request->in[NCG_SUMS], job->mean = request->in[NCG_MEAN];
    job->variance = request->in[NCG_VARIANCE], job->weight = request->in[NCG_WEIGHT];
    job->dweight = request->out[NCG_DWEIGHT], job->dbias = request->out[NCG_DBIAS];
    job->b = request->out[NCG_B], job->shift = request->out[NCG_C];
}

static void norm_coef_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                               struct lane *lane) {
    const struct norm_coef_grad_job *job = from;
    (void)kernels, (void)phase, (void)lane;
    struct channel_sums of_tile = channel_sums(job->sums, job->blocks, job->c, tile);
    for (int64_t i = 0; i < of_tile.count; i++) {
        int64_t j = of_tile.first + i;
        struct norm_gradient of = norm_gradient(&job->attr, of_tile.sum[0][i], of_tile.sum[1][i], job->mean[j],
                                                job->variance[j], job->weight[j]);
        if (job->dweight) job->dweight[j] = (float)of.dweight;
        if (job->dbias) job->dbias[j] = (float)of.dbias;
        if (job->b) job->b[j] = (float)of.b, job->shift[j] = (float)of.c;
    }
}

const struct op op_norm_coef_grad = {
    .name = "norm_coef_grad",
    .outputs = 4,
    .infer = norm_coef_grad_infer,
    .reference = norm_coef_grad_reference,
    .plan = norm_coef_grad_plan,
    .bind = norm_coef_grad_bind,
    .run = norm_coef_grad_run,
};
