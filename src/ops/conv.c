/* conv.c — convolution, any kernel, stride, padding, dilation and groups; depthwise and linear are cases of it.
 *
 * y = out_act(conv(in_act(scale*x + shift), w) + bias) + add (add_first: out_act comes last), with partial sums of y and y*y per block of rows,
 * from which batch statistics follow. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"
#include "ops/gradients.h"

bool conv_is_depthwise(const struct conv_shape *s) {
    return s->groups > 1 && s->groups == s->c && s->c == s->k;
}

bool conv_is_pointwise(const struct conv_shape *s) {
    return s->r == 1 && s->s == 1 && s->stride_h == 1 && s->stride_w == 1 && s->groups == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->p == s->h && s->q == s->w;
}

struct shape conv_sums_shape(const struct conv_shape *s, bool output) {
    int64_t h = output ? s->p : s->h, w = output ? s->q : s->w, channels = output ? s->k : s->c;
    int64_t blocks = conv_is_depthwise(s) ? strip_count(s->n, h, w) : conv_blocks(s->n * h * w);
    return (struct shape){3, {blocks, 2, channels}};
}

int64_t sums_block(bool strips, int64_t row, int64_t h, int64_t w) {
    if (!strips) return row / BLOCK_ROWS;
    int64_t rows = strip_rows(w), per_image = (h + rows - 1) / rows;
    return row / (h * w) * per_image + row / w % h / rows;
}

static sk_status conv_infer(struct graph *graph, int node) {
    const struct conv_attr *attr = graph->nodes[node].attr;
    const struct conv_shape *s = &attr->shape;
    const char *name = graph->nodes[node].name;
    const struct shape *x = value_shape(graph, graph->nodes[node].in[CONV_X]);
    FAIL_IF(s->p < 1 || s->q < 1, SK_ESHAPE, "%s: an input of %lld x %lld is too small for a %d x %d kernel", name,
            (long long)s->h, (long long)s->w, s->r, s->s);
    FAIL_IF(shape_elements(x) != s->n * s->h * s->w * s->c, SK_ESHAPE,
            "%s: the input has %lld numbers, but the convolution is over (%lld, %lld, %lld, %lld)", name,
            (long long)shape_elements(x), (long long)s->n, (long long)s->h, (long long)s->w, (long long)s->c);
    FAIL_IF(s->groups < 1 || s->c % s->groups || s->k % s->groups, SK_ESHAPE,
            "%s: %lld input and %lld output channels do not divide into %d groups", name, (long long)s->c,
            (long long)s->k, s->groups);
    FAIL_IF(graph->nodes[node].in[CONV_GATE] && conv_is_depthwise(s), SK_EINTERNAL, "%s: a depthwise load has no gate",
            name);
    struct shape y = {4, {s->n, s->p, s->q, s->k}};
    if (x->rank == 2) y = (struct shape){2, {s->n, s->k}};
    graph_output(graph, node, CONV_Y, F32, y);
    if (attr->want_stats) graph_output(graph, node, CONV_STATS, F32, conv_sums_shape(s, true));
    return graph->status;
}

static struct cost conv_cost(const struct graph *graph, const struct node *node) {
    const struct conv_shape *s = &((const struct conv_attr *)node->attr)->shape;
    int64_t weights = s->r * s->s * (s->c / s->groups) * s->k, y = s->n * s->p * s->q * s->k;
    int64_t residual = node->in[CONV_ADD] ? y : 0;
    int64_t x = s->n * s->h * s->w * s->c * value_size(graph, node->in[CONV_X]);
    return (struct cost){.macs = s->n * s->p * s->q * weights,
                         .bytes = x + 4 * (weights + residual) + y * value_size(graph, node->out[CONV_Y])};
}

/* One output pixel of one group into acc[k per group]; also how conv_grad walks the taps. */
static void reference_pixel(const struct reference_call *call, int64_t pixel, int group, double *acc) {
    const struct conv_attr *attr = call->node->attr;
    const struct conv_shape *s = &attr->shape;
    const double *x = call->in[CONV_X], *w = call->in[CONV_W];
    int64_t cg = s->c / s->groups, kg = s->k / s->groups;
    int64_t n = pixel / (s->p * s->q), p = pixel / s->q % s->p, q = pixel % s->q;
    memset(acc, 0, (size_t)kg * sizeof *acc);
    for (int r = 0; r < s->r; r++) {
        int64_t h = p * s->stride_h - s->pad_top + r * s->dilation_h;
        for (int t = 0; t < s->s && h >= 0 && h < s->h; t++) {
            int64_t v = q * s->stride_w - s->pad_left + t * s->dilation_w;
            if (v < 0 || v >= s->w) continue;
            const double *px = x + ((n * s->h + h) * s->w + v) * s->c;
            for (int64_t c = 0; c < cg; c++) {
                double u = view_value(attr->in_act, call->in[CONV_SCALE], call->in[CONV_SHIFT], group * cg + c,
                                      px[group * cg + c]);
                if (call->in[CONV_GATE]) u *= call->in[CONV_GATE][n * s->c + group * cg + c];
                const double *pw = w + ((r * s->s + t) * cg + c) * s->k + group * kg;
                for (int64_t k = 0; k < kg; k++) acc[k] += u * pw[k];
            }
        }
    }
}

static void conv_reference(const struct reference_call *call) {
    const struct conv_attr *attr = call->node->attr;
    const struct conv_shape *s = &attr->shape;
    double *y = call->out[CONV_Y], *stats = call->out[CONV_STATS];
    int64_t kg = s->k / s->groups, rows = s->n * s->p * s->q;
    if (stats) {
        struct shape shape = conv_sums_shape(s, true);
        memset(stats, 0, (size_t)shape_elements(&shape) * sizeof *stats);
    }
    for (int64_t row = 0; row < rows; row++) {
        double *py = y + row * s->k;
        for (int group = 0; group < s->groups; group++) reference_pixel(call, row, group, py + group * kg);
        double *block = stats ? stats + sums_block(conv_is_depthwise(s), row, s->p, s->q) * 2 * s->k : NULL;
        for (int64_t k = 0; k < s->k; k++) {
            double add = call->in[CONV_ADD] ? call->in[CONV_ADD][row * s->k + k] : 0;
            py[k] += (call->in[CONV_BIAS] ? call->in[CONV_BIAS][k] : 0) + (attr->add_first ? add : 0);
            py[k] = act_value(attr->out_act, py[k]) + (attr->add_first ? 0 : add);
            py[k] = reference_stored(call, CONV_Y, py[k]);
            if (block) block[k] += py[k], block[s->k + k] += py[k] * py[k];
        }
    }
}

/* The gradient of a fused output activation, residual or gate is never asked for: passes that make them serve inference. */
static void conv_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    const struct conv_attr *attr = n.attr;
    if (attr->out_act != ACT_NONE || n.in[CONV_ADD] || n.in[CONV_GATE]) {
        graph_fail(graph, status_fail(SK_EINTERNAL, "%s: no gradient through a fused store or gate", n.name));
        return;
    }
    if (n.out[CONV_STATS]) {
        gradients->of[n.out[CONV_Y]].b = gradients->of[n.out[CONV_STATS]].b;
        gradients->of[n.out[CONV_Y]].c = gradients->of[n.out[CONV_STATS]].c;
    }
    /* The kernels' view has all three coefficients or none; anything else is written out. */
    if (!gradients->of[n.out[CONV_Y]].b || !gradients->of[n.out[CONV_Y]].a) gradients_plain(gradients, n.out[CONV_Y]);
    struct gradient dy = gradients->of[n.out[CONV_Y]];
    struct conv_grad_attr grad = {.shape = attr->shape, .in_act = attr->in_act};
    grad.want_sums = gradients_wanted(gradients, n.in[CONV_SCALE]); /* a norm's gradient, also where x needs none */
    grad.want_dx = gradients_wanted(gradients, n.in[CONV_X]) || grad.want_sums;
    grad.want_dw = gradients_wanted(gradients, n.in[CONV_W]);
    bool own_bias = gradients_wanted(gradients, n.in[CONV_BIAS]) &&
                    (conv_is_depthwise(&attr->shape) || (!grad.want_dx && !grad.want_dw));
    grad.want_dbias = gradients_wanted(gradients, n.in[CONV_BIAS]) && !own_bias;
    if (own_bias) { /* the depthwise kernel does not sum dy; and a bias alone needs no walk over x */
        dy = (struct gradient){.g = gradients_plain(gradients, n.out[CONV_Y])};
        gradients_add(gradients, n.in[CONV_BIAS], op_value(graph, &op_bias_grad, NULL, 0, &dy.g, 1, n.name));
    }
    if (!grad.want_dx && !grad.want_dw && !grad.want_dbias) return;
    int in[CG_INPUTS] = {[CG_G] = dy.g,
                         [CG_X] = n.in[CONV_X],
                         [CG_SCALE] = n.in[CONV_SCALE],
                         [CG_SHIFT] = n.in[CONV_SHIFT],
                         [CG_W] = n.in[CONV_W]};
    if (dy.b) in[CG_Y] = n.out[CONV_Y], in[CG_A] = dy.a, in[CG_B] = dy.b, in[CG_C] = dy.c;
    /* What is added reaches scale*x + shift under its activation: x itself, where there is no view. */
    if (grad.want_dx && !n.in[CONV_SCALE]) in[CG_ADD] = gradients_take(gradients, n.in[CONV_X]);
    int made = op_node(graph, &op_conv_grad, &grad, sizeof grad, in, CG_INPUTS, n.name);
    if (made < 0) return;
    if (grad.want_dx && n.in[CONV_SCALE]) /* du/dx = act' * scale: the factor stays a view */
        gradients_view(gradients, n.in[CONV_X], node_out(graph, made, CG_DX), n.in[CONV_SCALE]);
    else if (grad.want_dx)
        gradients_add(gradients, n.in[CONV_X], node_out(graph, made, CG_DX));
    if (grad.want_sums) gradients->of[n.in[CONV_SCALE]].sums = node_out(graph, made, CG_SUMS);
    gradients_add(gradients, n.in[CONV_W], node_out(graph, made, CG_DW));
    gradients_add(gradients, n.in[CONV_BIAS], node_out(graph, made, CG_DBIAS));
}

struct conv_job {
    bool depthwise;
    struct conv_forward matrix;
    struct depthwise_forward channels;
};

static sk_status conv_plan(const struct plan_request *request, struct step_plan *step) {
    const struct conv_attr *attr = request->node->attr;
    struct conv_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    /* Plans look at whether the optional parts are there, so their pointers are marked before they are known. */
    static const float there;
    const float *scale = request->node->in[CONV_SCALE] ? &there : NULL;
    float *stats = request->node->out[CONV_STATS] ? (float *)&there : NULL;
    bool x_bf16 = value_is_bf16(request->graph, request->node->in[CONV_X]);
    bool y_bf16 = value_is_bf16(request->graph, request->node->out[CONV_Y]);
    struct load_view in = {.x = &there, .bf16 = x_bf16, .scale = scale, .shift = scale, .act = attr->in_act};
    in.gate = request->node->in[CONV_GATE] ? &there : NULL;
    job->depthwise = conv_is_depthwise(&attr->shape);
    step->job = job;
    step->phases = 1;
    if (job->depthwise) {
        job->channels = (struct depthwise_forward){
            .s = attr->shape, .in = in, .act = attr->out_act, .y_bf16 = y_bf16, .stats = stats};
        step->lane_scratch = request->kernels->depthwise_forward_plan(&job->channels, request->threads);
        step->tiles[0] = job->channels.tiles;
        FAIL_IF(request->node->in[CONV_ADD], SK_EINTERNAL, "%s: a depthwise store cannot add", request->node->name);
    } else {
        job->matrix =
            (struct conv_forward){.s = attr->shape, .in = in, .act = attr->out_act, .y_bf16 = y_bf16, .stats = stats};
        job->matrix.add = request->node->in[CONV_ADD] ? &there : NULL;
        job->matrix.add_first = attr->add_first;
        job->matrix.winograd = attr->winograd;
        step->lane_scratch = request->kernels->conv_forward_plan(&job->matrix, request->threads);
        step->tiles[0] = job->matrix.tiles;
        FAIL_IF(!attr->packed, SK_EINTERNAL, "%s: its weights were not packed", request->node->name);
    }
    return SK_OK;
}

static void conv_bind(const struct bind_request *request, void *to) {
    struct conv_job *job = to;
    const struct conv_attr *attr = request->node->attr;
    struct load_view in = {.x = request->in[CONV_X],
                           .bf16 = value_is_bf16(request->graph, request->node->in[CONV_X]),
                           .scale = request->in[CONV_SCALE],
                           .shift = request->in[CONV_SHIFT],
                           .act = attr->in_act,
                           .gate = request->in[CONV_GATE]};
    if (job->depthwise) {
        struct depthwise_forward *d = &job->channels;
        d->in = in, d->w = request->in[CONV_W], d->bias = request->in[CONV_BIAS];
        d->y = request->out[CONV_Y], d->stats = request->out[CONV_STATS];
    } else {
        struct conv_forward *m = &job->matrix;
        m->in = in, m->packed = request->in[CONV_W], m->bias = request->in[CONV_BIAS], m->add = request->in[CONV_ADD];
        m->y = request->out[CONV_Y], m->stats = request->out[CONV_STATS];
    }
}

static void conv_run(const struct kernels *kernels, const void *from, int phase, int64_t tile, struct lane *lane) {
    const struct conv_job *job = from;
    (void)phase;
    if (job->depthwise)
        kernels->depthwise_forward_run(&job->channels, tile, lane->scratch);
    else
        kernels->conv_forward_run(&job->matrix, tile, lane->scratch);
}

static struct op_window conv_window(const struct node *node) {
    const struct conv_shape *s = &((const struct conv_attr *)node->attr)->shape;
    return (struct op_window){(int64_t)(s->r - 1) * s->dilation_h + 1, (int64_t)(s->s - 1) * s->dilation_w + 1,
                              s->stride_h, s->stride_w};
}

const struct op op_conv = {
    .name = "conv",
    .bf16_in = SLOT(CONV_X),
    .bf16_out = SLOT(CONV_Y),
    .outputs = CONV_OUTPUTS,
    .infer = conv_infer,
    .cost = conv_cost,
    .window = conv_window,
    .gradient = conv_gradient,
    .reference = conv_reference,
    .plan = conv_plan,
    .bind = conv_bind,
    .run = conv_run,
};
