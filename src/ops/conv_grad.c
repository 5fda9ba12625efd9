/* conv_grad.c — both gradients of a convolution in one node, since data and weights share one walk.
 *
 * dy = a*g + b*y + c (the gradient view of the convolution's output, batch-norm's own part included);
 * dx = (conv^T(dy, w) + add) * in_act'(scale*x + shift), the gradient of scale*x + shift; its partial sums with and
 * without x; dw = sum of view(x) * dy; dbias = sum of dy. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

static sk_status conv_grad_infer(struct graph *graph, int node) {
    const struct conv_grad_attr *attr = graph->nodes[node].attr;
    const struct conv_shape *s = &attr->shape;
    int x = graph->nodes[node].in[CG_X];
    if (attr->want_dx) graph_output(graph, node, CG_DX, F32, *value_shape(graph, x));
    if (attr->want_sums) graph_output(graph, node, CG_SUMS, F32, conv_sums_shape(s, false));
    if (attr->want_dw) graph_output(graph, node, CG_DW, F32, (struct shape){4, {s->r, s->s, s->c / s->groups, s->k}});
    if (attr->want_dbias) graph_output(graph, node, CG_DBIAS, F32, (struct shape){1, {s->k}});
    return graph->status;
}

static struct cost conv_grad_cost(const struct graph *graph, const struct node *node) {
    const struct conv_grad_attr *attr = node->attr;
    const struct conv_shape *s = &attr->shape;
    int64_t weights = s->r * s->s * (s->c / s->groups) * s->k;
    int64_t x = s->n * s->h * s->w * s->c, y = s->n * s->p * s->q * s->k;
    int walks = (attr->want_dx ? 1 : 0) + (attr->want_dw ? 1 : 0);
    int64_t bytes = y * value_size(graph, node->in[CG_G]) + x * value_size(graph, node->in[CG_X]);
    if (node->in[CG_Y]) bytes += y * value_size(graph, node->in[CG_Y]);
    if (node->in[CG_ADD]) bytes += x * value_size(graph, node->in[CG_ADD]);
    if (attr->want_dx) bytes += x * value_size(graph, node->out[CG_DX]);
    return (struct cost){.macs = s->n * s->p * s->q * weights * walks, .bytes = bytes + 8 * weights};
}

static double gradient_view(const struct reference_call *call, int64_t row, int64_t k, int64_t channels) {
    int64_t j = row * channels + k;
    double g = call->in[CG_G][j];
    if (!call->in[CG_Y]) return g;
    return (call->in[CG_A] ? call->in[CG_A][k] : 1) * g + call->in[CG_B][k] * call->in[CG_Y][j] + call->in[CG_C][k];
}

/* Scatter one output pixel's gradient to du and dw. */
static void reference_pixel(const struct reference_call *call, int64_t pixel, double *du) {
    const struct conv_grad_attr *attr = call->node->attr;
    const struct conv_shape *s = &attr->shape;
    const double *x = call->in[CG_X], *w = call->in[CG_W];
    double *dw = call->out[CG_DW];
    int64_t cg = s->c / s->groups, kg = s->k / s->groups;
    int64_t n = pixel / (s->p * s->q), p = pixel / s->q % s->p, q = pixel % s->q;
    for (int64_t k = 0; k < s->k; k++) {
        double dy = gradient_view(call, pixel, k, s->k);
        if (call->out[CG_DBIAS]) call->out[CG_DBIAS][k] += dy;
        int64_t first = k / kg * cg;
        for (int tap = 0; tap < s->r * s->s; tap++) {
            int64_t h = p * s->stride_h - s->pad_top + tap / s->s * s->dilation_h;
            int64_t v = q * s->stride_w - s->pad_left + tap % s->s * s->dilation_w;
            if (h < 0 || h >= s->h || v < 0 || v >= s->w) continue;
            int64_t at = ((n * s->h + h) * s->w + v) * s->c + first;
            for (int64_t c = 0; c < cg; c++) {
                int64_t weight = (tap * cg + c) * s->k + k;
                if (du) du[at + c] += dy * w[weight];
                if (dw)
                    dw[weight] +=
                        dy * view_value(attr->in_act, call->in[CG_SCALE], call->in[CG_SHIFT], first + c, x[at + c]);
            }
        }
    }
}

static void zero_output(const struct reference_call *call, int slot) {
    if (call->out[slot])
        memset(call->out[slot], 0,
               (size_t)value_elements(call->graph, call->node->out[slot]) * sizeof *call->out[slot]);
}

static void conv_grad_reference(const struct reference_call *call) {
    const struct conv_grad_attr *attr = call->node->attr;
    const struct conv_shape *s = &attr->shape;
    for (int slot = 0; slot < CG_OUTPUTS; slot++) zero_output(call, slot);
    double *dx = call->out[CG_DX], *sums = call->out[CG_SUMS];
    for (int64_t pixel = 0; pixel < s->n * s->p * s->q; pixel++) reference_pixel(call, pixel, dx);
    for (int64_t row = 0; dx && row < s->n * s->h * s->w; row++) {
        double *block = sums ? sums + sums_block(conv_is_depthwise(s), row, s->h, s->w) * 2 * s->c : NULL;
        for (int64_t c = 0; c < s->c; c++) {
            int64_t j = row * s->c + c;
            double x = call->in[CG_X][j];
            if (call->in[CG_ADD]) dx[j] += call->in[CG_ADD][j];
            dx[j] *= view_slope(attr->in_act, call->in[CG_SCALE], call->in[CG_SHIFT], c, x);
            dx[j] = reference_stored(call, CG_DX, dx[j]);
            if (block) block[c] += dx[j], block[s->c + c] += dx[j] * x;
        }
    }
}

struct conv_grad_job {
    bool depthwise;
    struct conv_backward matrix;
    struct depthwise_backward channels;
};

static sk_status plan_depthwise(const struct plan_request *request, struct conv_grad_job *job, struct step_plan *step) {
    const struct conv_shape *s = &job->channels.s;
    step->lane_scratch = request->kernels->depthwise_backward_plan(&job->channels, request->threads);
    step->tiles[0] = job->channels.tiles;
    step->tiles[1] = job->channels.reduce_tiles;
    if (job->channels.dw) step->shared_scratch = (size_t)(depthwise_chunks(s) * s->r * s->s * s->c) * sizeof(float);
    return SK_OK;
}

static sk_status plan_matrix(const struct plan_request *request, struct conv_grad_job *job, struct step_plan *step) {
    const struct conv_grad_attr *attr = request->node->attr;
    const struct conv_shape *s = &attr->shape;
    step->lane_scratch = request->kernels->conv_backward_plan(&job->matrix, request->threads);
    step->tiles[0] = job->matrix.tiles;
    step->tiles[1] = job->matrix.reduce_tiles;
    int64_t parts = (attr->want_dw ? s->r * s->s * (s->c / s->groups) * s->k : 0) + (attr->want_dbias ? s->k : 0);
    step->shared_scratch = (size_t)(conv_chunks(s->n * s->p * s->q) * parts) * sizeof(float);
    FAIL_IF(attr->want_dx && !attr->packed, SK_EINTERNAL, "%s: its weights were not packed", request->node->name);
    return SK_OK;
}

/* Which of the node's tensors are bf16. */
struct stored_as {
    bool g, y, x, add, dx;
};
static struct stored_as stored_as(const struct graph *graph, const struct node *node) {
    const int *in = node->in;
    return (struct stored_as){value_is_bf16(graph, in[CG_G]), value_is_bf16(graph, in[CG_Y]),
                              value_is_bf16(graph, in[CG_X]), value_is_bf16(graph, in[CG_ADD]),
                              value_is_bf16(graph, node->out[CG_DX])};
}

/* Who reads and writes what: the same for a plan, which looks only at which parts are there, and for its run. */
static void set_tensors(struct conv_grad_job *job, const struct conv_grad_attr *attr, struct stored_as as,
                        void *const *in, void *const *out) {
    struct load_view view = {
        .x = in[CG_X], .bf16 = as.x, .scale = in[CG_SCALE], .shift = in[CG_SHIFT], .act = attr->in_act};
    struct grad_view dy = {
        .g = in[CG_G], .y = in[CG_Y], .g_bf16 = as.g, .y_bf16 = as.y, .a = in[CG_A], .b = in[CG_B], .c = in[CG_C]};
    if (job->depthwise) {
        struct depthwise_backward *d = &job->channels;
        d->s = attr->shape, d->add_bf16 = as.add, d->dx_bf16 = as.dx;
        d->dy = dy, d->in = view, d->w = in[CG_W], d->add = in[CG_ADD];
        d->dx = out[CG_DX], d->sums = out[CG_SUMS], d->dw = out[CG_DW];
        return;
    }
    struct conv_backward *m = &job->matrix;
    m->s = attr->shape, m->add_bf16 = as.add, m->dx_bf16 = as.dx;
    m->dy = dy, m->in = view, m->packed = in[CG_W], m->add = in[CG_ADD];
    m->dx = out[CG_DX], m->sums = out[CG_SUMS], m->dw = out[CG_DW], m->dbias = out[CG_DBIAS];
}

static sk_status conv_grad_plan(const struct plan_request *request, struct step_plan *step) {
    const struct conv_grad_attr *attr = request->node->attr;
    struct conv_grad_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    *job = (struct conv_grad_job){.depthwise = conv_is_depthwise(&attr->shape)};
    /* Plans look at whether the optional parts are there, so their pointers are marked before they are known. */
    static float there;
    void *in[NODE_INPUTS], *out[NODE_OUTPUTS];
    for (int slot = 0; slot < NODE_INPUTS; slot++) in[slot] = request->node->in[slot] ? &there : NULL;
    for (int slot = 0; slot < NODE_OUTPUTS; slot++) out[slot] = request->node->out[slot] ? &there : NULL;
    set_tensors(job, attr, stored_as(request->graph, request->node), in, out);
    step->job = job;
    step->phases = 2;
    step->early[CG_DX] = step->early[CG_SUMS] = true; /* the second phase merges the weights' parts */
    return job->depthwise ? plan_depthwise(request, job, step) : plan_matrix(request, job, step);
}

static void conv_grad_bind(const struct bind_request *request, void *to) {
    struct conv_grad_job *job = to;
    const struct conv_grad_attr *attr = request->node->attr;
    set_tensors(job, attr, stored_as(request->graph, request->node), request->in, request->out);
    if (job->depthwise) {
        job->channels.dw_parts = request->shared;
        return;
    }
    struct conv_backward *m = &job->matrix;
    const struct conv_shape *s = &attr->shape;
    m->dw_parts = request->shared;
    m->dbias_parts = request->shared;
    if (attr->want_dw) /* the bias's parts lie behind the weights' */
        m->dbias_parts = m->dw_parts + conv_chunks(s->n * s->p * s->q) * s->r * s->s * (s->c / s->groups) * s->k;
}

static void conv_grad_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct conv_grad_job *job = from;
    if (job->depthwise && phase == 0)
        kernels->depthwise_backward_run(&job->channels, tile, lane->scratch);
    else if (job->depthwise)
        kernels->depthwise_backward_reduce(&job->channels, tile);
    else if (phase == 0)
        kernels->conv_backward_run(&job->matrix, tile, lane->scratch);
    else
        kernels->conv_backward_reduce(&job->matrix, tile);
}

const struct op op_conv_grad = {
    .name = "conv_grad",
    .bf16_in = SLOT(CG_G) | SLOT(CG_Y) | SLOT(CG_X) | SLOT(CG_ADD),
    .bf16_out = SLOT(CG_DX),
    .outputs = CG_OUTPUTS,
    .infer = conv_grad_infer,
    .cost = conv_grad_cost,
    .reference = conv_grad_reference,
    .plan = conv_grad_plan,
    .bind = conv_grad_bind,
    .run = conv_grad_run,
};
