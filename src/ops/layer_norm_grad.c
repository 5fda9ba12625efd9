/* layer_norm_grad.c — the gradients of a layer norm: of x, pixel by pixel, and of weight and bias, over all pixels.
 *
 * With h = (x - mean)/sqrt(variance + eps) and g = dy*weight, a pixel's dx = (g - mean(g) - h*mean(g*h)) / sqrt(variance
 * + eps), the means over channels; dweight = sum of dy*h, dbias = sum of dy, in blocks of BLOCK_ROWS pixels. Mean and
 * variance are formed again: a pixel lies in L1 then, and nothing is kept from the forward pass.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "ops/attrs.h"
#include "ops/channel_sums.h"

static sk_status layer_norm_grad_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    struct shape channels = *value_shape(graph, in[LNG_WEIGHT]);
    graph_output(graph, node, LNG_DX, F32, *value_shape(graph, in[LNG_X]));
    graph_output(graph, node, LNG_DWEIGHT, F32, channels);
    graph_output(graph, node, LNG_DBIAS, F32, channels);
    return graph->status;
}

/* One pixel: dx, and its share of dweight and dbias. */
static void reference_row(const struct reference_call *call, int64_t row, int64_t c) {
    const struct layer_norm_attr *attr = call->node->attr;
    const double *x = call->in[LNG_X] + row * c, *dy = call->in[LNG_DY] + row * c, *weight = call->in[LNG_WEIGHT];
    double mean = 0, variance = 0, mean_g = 0, mean_gh = 0;
    for (int64_t j = 0; j < c; j++) mean += x[j] / (double)c;
    for (int64_t j = 0; j < c; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)c;
    double invstd = 1 / sqrt(variance + attr->eps);
    for (int64_t j = 0; j < c; j++) {
        double h = (x[j] - mean) * invstd;
        mean_g += dy[j] * weight[j] / (double)c;
        mean_gh += dy[j] * weight[j] * h / (double)c;
        call->out[LNG_DWEIGHT][j] += dy[j] * h;
        call->out[LNG_DBIAS][j] += dy[j];
    }
    for (int64_t j = 0; j < c; j++)
        call->out[LNG_DX][row * c + j] = (dy[j] * weight[j] - mean_g - (x[j] - mean) * invstd * mean_gh) * invstd;
}

static void layer_norm_grad_reference(const struct reference_call *call) {
    int64_t c = value_elements(call->graph, call->node->in[LNG_WEIGHT]);
    int64_t rows = value_elements(call->graph, call->node->in[LNG_X]) / c;
    memset(call->out[LNG_DWEIGHT], 0, (size_t)c * sizeof(double));
    memset(call->out[LNG_DBIAS], 0, (size_t)c * sizeof(double));
    for (int64_t row = 0; row < rows; row++) reference_row(call, row, c);
}

struct layer_norm_grad_job {
    struct layer_norm_backward rows;
    float *dweight, *dbias;
};

/* First the pixels and the sums of each block, then the sums of all blocks. */
static sk_status layer_norm_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct layer_norm_attr *attr = request->node->attr;
    struct layer_norm_grad_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    int64_t c = value_elements(request->graph, request->node->in[LNG_WEIGHT]);
    job->rows = (struct layer_norm_backward){
        .c = c, .rows = value_elements(request->graph, request->node->in[LNG_X]) / c, .eps = (float)attr->eps};
    job->rows.x_bf16 = value_is_bf16(request->graph, request->node->in[LNG_X]);
    job->rows.dy_bf16 = value_is_bf16(request->graph, request->node->in[LNG_DY]);
    job->rows.dx_bf16 = value_is_bf16(request->graph, request->node->out[LNG_DX]);
    request->kernels->layer_norm_backward_plan(&job->rows);
    *step = (struct step_plan){.job = job,
                               .phases = 2,
                               .tiles = {job->rows.tiles, channel_tiles(c)},
                               .early = {[LNG_DX] = true},
                               .shared_scratch = (size_t)(conv_blocks(job->rows.rows) * 2 * c) * sizeof(float)};
    return SK_OK;
}

static void layer_norm_grad_bind(const struct bind_request *request, void *to) {
    struct layer_norm_grad_job *job = to;
    job->rows.x = request->in[LNG_X], job->rows.dy = request->in[LNG_DY], job->rows.weight = request->in[LNG_WEIGHT];
    job->rows.dx = request->out[LNG_DX], job->rows.sums = request->shared;
    job->dweight = request->out[LNG_DWEIGHT], job->dbias = request->out[LNG_DBIAS];
}

static void layer_norm_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile,
                                struct lane *lane) {
    const struct layer_norm_grad_job *job = from;
    (void)lane;
    if (phase == 0) {
        kernels->layer_norm_backward_run(&job->rows, tile);
        return;
    }
    struct channel_sums of = channel_sums(job->rows.sums, conv_blocks(job->rows.rows), job->rows.c, tile);
    for (int64_t j = 0; j < of.count; j++) {
        job->dbias[of.first + j] = (float)of.sum[0][j];
        job->dweight[of.first + j] = (float)of.sum[1][j];
    }
}

const struct op op_layer_norm_grad = {
    .name = "layer_norm_grad",
    .bf16_in = SLOT(LNG_X) | SLOT(LNG_DY),
    .bf16_out = SLOT(LNG_DX),
    .outputs = 3,
    .infer = layer_norm_grad_infer,
    .reference = layer_norm_grad_reference,
    .plan = layer_norm_grad_plan,
    .bind = layer_norm_grad_bind,
    .run = layer_norm_grad_run,
};
