/* norm_coef.c — a norm's scale and shift per channel, from partial sums (training) or running statistics.
 *
 * scale = weight/sqrt(var + eps), shift = bias - mean*scale.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/channel_sums.h"
#include "ops/gradients.h"

static sk_status norm_coef_infer(struct graph *graph, int node) {
    const struct norm_coef_attr *attr = graph->nodes[node].attr;
    struct shape channels = *value_shape(graph, graph->nodes[node].in[NC_WEIGHT]);
    graph_output(graph, node, NC_SCALE, F32, channels);
    graph_output(graph, node, NC_SHIFT, F32, channels);
    if (attr->count) {
        graph_output(graph, node, NC_BATCH_MEAN, F32, channels);
        graph_output(graph, node, NC_BATCH_VARIANCE, F32, channels);
    }
    return graph->status;
}

/* Two norms of one tensor share its statistics: their parts of its gradient are summed. */
static void add_part(struct graph *graph, int *part, int more) {
    *part = *part ? build_sum(graph, *part, more) : more;
}

static void norm_coef_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    const struct norm_coef_attr *attr = n.attr;
    bool training = attr->count != 0;
    int in[NCG_INPUTS] = {[NCG_SUMS] = gradients->of[n.out[NC_SCALE]].sums,
                          [NCG_MEAN] = training ? n.out[NC_BATCH_MEAN] : n.in[NC_MEAN],
                          [NCG_VARIANCE] = training ? n.out[NC_BATCH_VARIANCE] : n.in[NC_VARIANCE],
                          [NCG_WEIGHT] = n.in[NC_WEIGHT]};
    int made = op_node(graph, &op_norm_coef_grad, attr, sizeof *attr, in, NCG_INPUTS, n.name);
    gradients_add(gradients, n.in[NC_WEIGHT], node_out(graph, made, NCG_DWEIGHT));
    gradients_add(gradients, n.in[NC_BIAS], node_out(graph, made, NCG_DBIAS));
    if (training && gradients_wanted(gradients, n.in[NC_STATS])) {
        add_part(graph, &gradients->of[n.in[NC_STATS]].b, node_out(graph, made, NCG_B));
        add_part(graph, &gradients->of[n.in[NC_STATS]].c, node_out(graph, made, NCG_C));
    }
}

struct norm_coef_values { /* of one channel, in double */
    double scale, shift, mean, variance;
};

static struct norm_coef_values coefficients(const struct norm_coef_attr *attr, double sum, double squares,
                                            double weight, double bias) {
    double mean = sum / (double)attr->count, variance = squares / (double)attr->count - mean * mean;
    if (variance < 0) variance = 0;
    double scale = weight / sqrt(variance + attr->eps);
    return (struct norm_coef_values){scale, bias - mean * scale, mean, variance};
}

static struct norm_coef_values running(const struct norm_coef_attr *attr, double mean, double variance, double weight,
                                       double bias) {
    double scale = weight / sqrt(variance + attr->eps);
    return (struct norm_coef_values){scale, bias - mean * scale, mean, variance};
}

static void norm_coef_reference(const struct reference_call *call) {
    const struct norm_coef_attr *attr = call->node->attr;
    int64_t c = value_elements(call->graph, call->node->in[NC_WEIGHT]);
    int64_t blocks = attr->count ? value_shape(call->graph, call->node->in[NC_STATS])->dim[0] : 0;
    for (int64_t j = 0; j < c; j++) {
        struct norm_coef_values v;
        if (attr->count) {
            double sum = 0, squares = 0;
            for (int64_t b = 0; b < blocks; b++) {
                sum += call->in[NC_STATS][b * 2 * c + j];
                squares += call->in[NC_STATS][b * 2 * c + c + j];
            }
            v = coefficients(attr, sum, squares, call->in[NC_WEIGHT][j], call->in[NC_BIAS][j]);
            call->out[NC_BATCH_MEAN][j] = v.mean;
            call->out[NC_BATCH_VARIANCE][j] = v.variance;
        } else {
            v = running(attr, call->in[NC_MEAN][j], call->in[NC_VARIANCE][j], call->in[NC_WEIGHT][j],
                        call->in[NC_BIAS][j]);
        }
        call->out[NC_SCALE][j] = v.scale;
        call->out[NC_SHIFT][j] = v.shift;
    }
}

struct norm_coef_job {
    struct norm_coef_attr attr;
    int64_t c, blocks;
    const float *stats, *weight, *bias, *running_mean, *running_variance;
    float *scale, *shift, *mean, *variance;
};

static sk_status norm_coef_plan(const struct plan_request *request, struct step_plan *step) {
    struct norm_coef_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->attr = *(const struct norm_coef_attr *)request->node->attr;
    job->c = value_elements(request->graph, request->node->in[NC_WEIGHT]);
    if (job->attr.count) job->blocks = value_shape(request->graph, request->node->in[NC_STATS])->dim[0];
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {channel_tiles(job->c)}};
    return SK_OK;
}

static void norm_coef_bind(const struct bind_request *request, void *to) {
    struct norm_coef_job *job = to;
    job->stats = request->in[NC_STATS], job->weight = request->in[NC_WEIGHT], job->bias = request->in[NC_BIAS];
    job->running_mean = request->in[NC_MEAN], job->running_variance = request->in[NC_VARIANCE];
    job->scale = request->out[NC_SCALE], job->shift = request->out[NC_SHIFT];
    job->mean = request->out[NC_BATCH_MEAN], job->variance = request->out[NC_BATCH_VARIANCE];
}

static void norm_coef_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct norm_coef_job *job = from;
    (void)kernels, (void)phase, (void)lane;
    struct channel_sums of_tile = channel_sums(job->stats, job->blocks, job->c, tile);
    for (int64_t i = 0; i < of_tile.count; i++) {
        int64_t j = of_tile.first + i;
        struct norm_coef_values v =
            job->attr.count
                ? coefficients(&job->attr, of_tile.sum[0][i], of_tile.sum[1][i], job->weight[j], job->bias[j])
                : running(&job->attr, job->running_mean[j], job->running_variance[j], job->weight[j], job->bias[j]);
        job->scale[j] = (float)v.scale;
        job->shift[j] = (float)v.shift;
        if (job->mean) job->mean[j] = (float)v.mean, job->variance[j] = (float)v.variance;
    }
}

const struct op op_norm_coef = {
    .name = "norm_coef",
    .outputs = 4,
    .infer = norm_coef_infer,
    .gradient = norm_coef_gradient,
    .reference = norm_coef_reference,
    .plan = norm_coef_plan,
    .bind = norm_coef_bind,
    .run = norm_coef_run,
};
