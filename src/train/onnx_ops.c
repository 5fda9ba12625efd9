/* onnx_ops.c — how each op of a network is said in ONNX: one small function an op, one row a function.
 *
 * Ops of inference graphs before lowering; a folded norm comes as `fold_norm`, whose own reference makes the weights.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "ops/attrs.h"
#include "ops/build.h"
#include "train/onnx_emit.h"

/* The form in which a value lies already, planes where both do. */
static enum onnx_form form_at_hand(const struct onnx_emitter *e, int value) {
    return onnx_has_form(e, value, FORM_PLANES) ? FORM_PLANES : FORM_ROWS;
}

/* The form that several values have in common, else planes. */
static enum onnx_form common_form(const struct onnx_emitter *e, const int *values, int count) {
    bool rows = true, planes = true;
    for (int i = 0; i < count; i++) {
        rows = rows && onnx_has_form(e, values[i], FORM_ROWS);
        planes = planes && onnx_has_form(e, values[i], FORM_PLANES);
    }
    return rows && !planes ? FORM_ROWS : FORM_PLANES;
}

static struct onnx_attribute whole(const char *name, int64_t value) {
    return (struct onnx_attribute){.name = name, .kind = ONNX_INTEGER, .integer = value};
}
static struct onnx_attribute number(const char *name, double value) {
    return (struct onnx_attribute){.name = name, .kind = ONNX_FLOAT, .number = (float)value};
}
static struct onnx_attribute pair(const char *name, int64_t a, int64_t b) {
    return (struct onnx_attribute){.name = name, .kind = ONNX_LIST, .list = {a, b}, .count = 2};
}
/* Before on both axes, then behind. */
static struct onnx_attribute pads(int64_t top, int64_t left, int64_t bottom, int64_t right) {
    return (struct onnx_attribute){.name = "pads", .kind = ONNX_LIST, .list = {top, left, bottom, right}, .count = 4};
}

/* ---- convolution ---- */

/* Padding behind the last pixel: as before the first where that gives the same output, so that a symmetric layer looks
 * like one; else what the output's size asks for, never below 0. */
static int64_t pad_behind(int64_t in, int64_t out, int kernel, int stride, int dilation, int before) {
    int64_t reach = (int64_t)(kernel - 1) * dilation + 1, behind = (out - 1) * stride + reach - in - before;
    if ((in + 2 * before - reach) / stride + 1 == out) return before;
    return behind > 0 ? behind : 0;
}

static void emit_gemm(struct onnx_emitter *e) {
    const int *in = e->node->in;
    const char *x = onnx_form(e, in[CONV_X], FORM_ROWS),
               *bias = in[CONV_BIAS] ? onnx_param(e, in[CONV_BIAS], NULL) : NULL;
    const struct conv_shape *s = &((const struct conv_attr *)e->node->attr)->shape;
    const char *w = onnx_param(e, in[CONV_W], &(struct shape){2, {s->k, s->c}});
    onnx_finish(e, FORM_ROWS, &(struct onnx_node){.op = "Gemm", .in = {x, w, bias}, .attribute = {whole("transB", 1)}});
}

/* A linear layer over the channels of pixels that lie in rows. */
static void emit_matmul(struct onnx_emitter *e) {
    const int *in = e->node->in;
    const struct conv_shape *s = &((const struct conv_attr *)e->node->attr)->shape;
    const char *w = onnx_param_as_stored(e, in[CONV_W], (struct shape){2, {s->c, s->k}});
    struct onnx_node product = {.op = "MatMul", .in = {onnx_form(e, in[CONV_X], FORM_ROWS), w}};
    if (!in[CONV_BIAS]) {
        onnx_finish(e, FORM_ROWS, &product);
        return;
    }
    const char *y = onnx_emit(e, &product);
    onnx_finish(e, FORM_ROWS, &(struct onnx_node){.op = "Add", .in = {y, onnx_param(e, in[CONV_BIAS], NULL)}});
}

static void emit_conv(struct onnx_emitter *e) {
    const struct node *node = e->node;
    const struct conv_attr *attr = node->attr;
    const struct conv_shape *s = &attr->shape;
    bool linear = e->graph->params[e->values[node->in[CONV_W]].param].kind == PARAM_LINEAR;
    if (attr->in_act != ACT_NONE || attr->out_act != ACT_NONE || node->in[CONV_SCALE] || node->in[CONV_ADD])
        onnx_fail(e, status_fail(SK_EINTERNAL, "ONNX: %s is a lowered convolution", node->name));
    if (linear && value_shape(e->graph, node->in[CONV_X])->rank == 2) {
        emit_gemm(e);
        return;
    }
    if (linear && conv_is_pointwise(s) && form_at_hand(e, node->in[CONV_X]) == FORM_ROWS) {
        emit_matmul(e);
        return;
    }
    const char *x = onnx_form(e, node->in[CONV_X], FORM_PLANES);
    struct shape oihw = {4, {s->k, s->c / s->groups, s->r, s->s}};
    const char *w = onnx_param(e, node->in[CONV_W], &oihw);
    const char *bias = node->in[CONV_BIAS] ? onnx_param(e, node->in[CONV_BIAS], NULL) : NULL;
    onnx_finish(
        e, FORM_PLANES,
        &(struct onnx_node){
            .op = "Conv",
            .in = {x, w, bias},
            .attribute = {whole("group", s->groups), pair("kernel_shape", s->r, s->s),
                          pair("strides", s->stride_h, s->stride_w), pair("dilations", s->dilation_h, s->dilation_w),
                          pads(s->pad_top, s->pad_left,
                               pad_behind(s->h, s->p, s->r, s->stride_h, s->dilation_h, s->pad_top),
                               pad_behind(s->w, s->q, s->s, s->stride_w, s->dilation_w, s->pad_left))}});
}

/* ---- normalisation ---- */

static void emit_batch_norm(struct onnx_emitter *e) {
    const struct batch_norm_attr *attr = e->node->attr;
    struct onnx_node node = {.op = "BatchNormalization", .attribute = {number("epsilon", attr->eps)}};
    node.in[0] = onnx_form(e, e->node->in[BN_X], FORM_PLANES);
    for (int slot = BN_WEIGHT; slot <= BN_VARIANCE; slot++) node.in[slot] = onnx_param(e, e->node->in[slot], NULL);
    onnx_finish(e, FORM_PLANES, &node);
}

/* Numbers of a parameter as the reference wants them. */
static const double *in_double(struct onnx_emitter *e, struct arena *arena, int value) {
    if (!value) return NULL;
    const struct value *v = &e->graph->values[value];
    const float *from = (v->place == PLACE_STATE ? e->network->state : e->network->params) + v->offset;
    int64_t count = value_elements(e->graph, value);
    double *numbers = arena_array(arena, (size_t)count + 1, sizeof *numbers);
    if (!numbers) onnx_fail(e, SK_EMEMORY);
    for (int64_t j = 0; numbers && j < count; j++) numbers[j] = from[j];
    return numbers;
}

static float *rounded(struct onnx_emitter *e, const double *from, int64_t count) {
    float *numbers = arena_array(e->arena, (size_t)count + 1, sizeof *numbers);
    if (!numbers) onnx_fail(e, SK_EMEMORY);
    for (int64_t j = 0; numbers && j < count; j++) numbers[j] = (float)from[j];
    return numbers;
}

/* The folded weights take the layout and name of the weight that they come from; the folded bias is the norm's. */
static void emit_fold_norm(struct onnx_emitter *e) {
    const struct node *node = e->node;
    struct arena arena = {0};
    struct reference_call call = {.graph = e->graph, .node = node};
    for (int slot = 0; slot < FN_INPUTS; slot++) call.in[slot] = in_double(e, &arena, node->in[slot]);
    for (int slot = FN_FOLDED_W; slot <= FN_FOLDED_BIAS; slot++) {
        call.out[slot] = arena_array(&arena, (size_t)value_elements(e->graph, node->out[slot]) + 1, sizeof(double));
        if (!call.out[slot]) onnx_fail(e, SK_EMEMORY);
    }
    if (e->file.status == SK_OK) {
        node->op->reference(&call);
        for (int slot = FN_FOLDED_W; slot <= FN_FOLDED_BIAS; slot++) {
            struct onnx_value *value = &e->values[node->out[slot]];
            value->folded = rounded(e, call.out[slot], value_elements(e->graph, node->out[slot]));
            value->param = e->values[node->in[slot == FN_FOLDED_W ? FN_W : FN_BIAS]].param;
        }
    }
    arena_free(&arena);
}

static void emit_layer_norm(struct onnx_emitter *e) {
    const struct layer_norm_attr *attr = e->node->attr;
    const int *in = e->node->in;
    const char *x = onnx_form(e, in[LN_X], FORM_ROWS);
    const char *weight = onnx_param(e, in[LN_WEIGHT], NULL), *bias = onnx_param(e, in[LN_BIAS], NULL);
    onnx_finish(e, FORM_ROWS,
                &(struct onnx_node){.op = "LayerNormalization",
                                    .in = {x, weight, bias},
                                    .attribute = {whole("axis", -1), number("epsilon", attr->eps)}});
}

static void emit_layer_scale(struct onnx_emitter *e) {
    const int *in = e->node->in;
    enum onnx_form form = form_at_hand(e, in[LS_X]);
    int64_t c = value_elements(e->graph, in[LS_SCALE]);
    struct shape shape = form == FORM_PLANES ? (struct shape){3, {c, 1, 1}} : (struct shape){1, {c}};
    const char *x = onnx_form(e, in[LS_X], form);
    onnx_finish(e, form, &(struct onnx_node){.op = "Mul", .in = {x, onnx_param(e, in[LS_SCALE], &shape)}});
}

/* ---- activations ---- */

static struct onnx_node two(const char *op, const char *a, const char *b) {
    return (struct onnx_node){.op = op, .in = {a, b}};
}

/* x/2 * (1 + inner) */
static struct onnx_node gelu_end(struct onnx_emitter *e, const char *x, const char *inner) {
    struct onnx_node sum = two("Add", inner, onnx_scalar(e, 1)), half = two("Mul", x, onnx_scalar(e, 0.5));
    const char *one_more = onnx_emit(e, &sum);
    return two("Mul", onnx_emit(e, &half), one_more);
}

static struct onnx_node gelu(struct onnx_emitter *e, const char *x) {
    struct onnx_node scaled = two("Div", x, onnx_scalar(e, 1.41421356237309504880));
    struct onnx_node error = {.op = "Erf", .in = {onnx_emit(e, &scaled)}};
    return gelu_end(e, x, onnx_emit(e, &error));
}

/* tanh(sqrt(2/pi) * x * (1 + 0.044715 x^2)) */
static struct onnx_node gelu_tanh(struct onnx_emitter *e, const char *x) {
    struct onnx_node square = two("Mul", x, x);
    struct onnx_node cubic = two("Mul", onnx_emit(e, &square), onnx_scalar(e, 0.044715));
    struct onnx_node factor = two("Add", onnx_emit(e, &cubic), onnx_scalar(e, 1));
    struct onnx_node product = two("Mul", x, onnx_emit(e, &factor));
    struct onnx_node inner = two("Mul", onnx_emit(e, &product), onnx_scalar(e, 0.79788456080286535588));
    struct onnx_node tanh = {.op = "Tanh", .in = {onnx_emit(e, &inner)}};
    return gelu_end(e, x, onnx_emit(e, &tanh));
}

/* The last node of an activation. */
static struct onnx_node activation(struct onnx_emitter *e, enum act act, const char *x) {
    struct onnx_node sigmoid = {.op = "Sigmoid", .in = {x}};
    switch (act) {
    case ACT_RELU: return (struct onnx_node){.op = "Relu", .in = {x}};
    case ACT_RELU6: return (struct onnx_node){.op = "Clip", .in = {x, onnx_scalar(e, 0), onnx_scalar(e, 6)}};
    case ACT_HARDSIGMOID: /* ONNX's own alpha would be 0.2 */
        return (struct onnx_node){
            .op = "HardSigmoid", .in = {x}, .attribute = {number("alpha", 1.0 / 6), number("beta", 0.5)}};
    case ACT_HARDSWISH: return (struct onnx_node){.op = "HardSwish", .in = {x}};
    case ACT_SIGMOID: return sigmoid;
    case ACT_SILU: return two("Mul", x, onnx_emit(e, &sigmoid));
    case ACT_GELU: return gelu(e, x);
    case ACT_GELU_TANH: return gelu_tanh(e, x);
    default: break;
    }
    onnx_fail(e,
              status_fail(SK_EINTERNAL, "ONNX: %s: the activation %s has no form there", e->node->name, act_name(act)));
    return (struct onnx_node){.op = "Identity", .in = {x}};
}

static void emit_act(struct onnx_emitter *e) {
    enum onnx_form form = form_at_hand(e, e->node->in[0]);
    const struct affine_attr *attr = e->node->attr;
    struct onnx_node last = activation(e, attr->act, onnx_form(e, e->node->in[0], form));
    onnx_finish(e, form, &last);
}

/* ---- the rest ---- */

static void emit_add(struct onnx_emitter *e) {
    enum onnx_form form = common_form(e, e->node->in, 2);
    const char *a = onnx_form(e, e->node->in[0], form), *b = onnx_form(e, e->node->in[1], form);
    struct onnx_node sum = two("Add", a, b);
    onnx_finish(e, form, &sum);
}

static void emit_gate(struct onnx_emitter *e) {
    const char *x = onnx_form(e, e->node->in[GT_X], FORM_PLANES);
    struct onnx_node product = two("Mul", x, onnx_form(e, e->node->in[GT_GATE], FORM_PLANES));
    onnx_finish(e, FORM_PLANES, &product);
}

static void emit_gap(struct onnx_emitter *e) {
    const char *x = onnx_form(e, e->node->in[GAP_X], FORM_PLANES);
    onnx_finish(e, FORM_PLANES, &(struct onnx_node){.op = "GlobalAveragePool", .in = {x}});
}

static void emit_max_pool(struct onnx_emitter *e) {
    const struct pool *pool = e->node->attr;
    const char *x = onnx_form(e, e->node->in[0], FORM_PLANES);
    const int64_t *d = value_shape(e->graph, e->node->in[0])->dim, *o = value_shape(e->graph, e->node->out[0])->dim;
    int64_t before[2], behind[2];
    for (int i = 0; i < 2; i++) {
        before[i] = behind[i] = pool_before(pool, d[i + 1]);
        if (pool->same) behind[i] = (o[i + 1] - 1) * pool->stride + pool->kernel - d[i + 1] - before[i];
        if (behind[i] < 0) behind[i] = 0;
    }
    onnx_finish(e, FORM_PLANES,
                &(struct onnx_node){.op = "MaxPool",
                                    .in = {x},
                                    .attribute = {pair("kernel_shape", pool->kernel, pool->kernel),
                                                  pair("strides", pool->stride, pool->stride),
                                                  pads(before[0], before[1], behind[0], behind[1])}});
}

static void emit_avg_pool(struct onnx_emitter *e) {
    const struct avg_pool_attr *pool = e->node->attr;
    const char *x = onnx_form(e, e->node->in[0], FORM_PLANES);
    int p = pool->padding;
    onnx_finish(e, FORM_PLANES,
                &(struct onnx_node){.op = "AveragePool",
                                    .in = {x},
                                    .attribute = {pair("kernel_shape", pool->kernel, pool->kernel),
                                                  pair("strides", pool->stride, pool->stride), pads(p, p, p, p),
                                                  whole("count_include_pad", !pool->exclude_padding)}});
}

static void emit_concat(struct onnx_emitter *e) {
    int count = 0;
    while (count < NODE_INPUTS && e->node->in[count]) count++;
    enum onnx_form form = common_form(e, e->node->in, count);
    struct onnx_node node = {.op = "Concat", .attribute = {whole("axis", form == FORM_PLANES ? 1 : -1)}};
    for (int i = 0; i < count; i++) node.in[i] = onnx_form(e, e->node->in[i], form);
    onnx_finish(e, form, &node);
}

static const char *slice_of(struct onnx_emitter *e, const char *x, int64_t axis, int64_t from, int64_t to) {
    struct onnx_node slice = {.op = "Slice"};
    slice.in[0] = x;
    slice.in[1] = onnx_integers(e, &from, 1), slice.in[2] = onnx_integers(e, &to, 1);
    slice.in[3] = onnx_integers(e, &axis, 1);
    return onnx_emit(e, &slice);
}

/* A side of n with its last `before` and its first `behind` pixels around it. */
static struct onnx_node wrapped_side(struct onnx_emitter *e, const char *x, int axis, const int64_t side[3]) {
    struct onnx_node sum = {.op = "Concat", .attribute = {whole("axis", axis)}};
    int64_t n = side[0], before = side[1], behind = side[2];
    int parts = 0;
    if (before > n || behind > n)
        onnx_fail(e, status_fail(SK_EUSAGE, "ONNX: %s: %lld pixels cannot be wrapped around by %lld", e->node->name,
                                 (long long)n, (long long)(before > behind ? before : behind)));
    if (before) sum.in[parts++] = slice_of(e, x, axis, n - before, n);
    sum.in[parts++] = x;
    if (behind) sum.in[parts++] = slice_of(e, x, axis, 0, behind);
    return sum;
}

/* ONNX's own Pad learnt to wrap in a later opset. */
static void emit_wrap_pad(struct onnx_emitter *e) {
    const struct wrap *wrap = e->node->attr;
    const struct shape *x = value_shape(e->graph, e->node->in[0]);
    const char *from = onnx_form(e, e->node->in[0], FORM_PLANES);
    struct onnx_node rows = wrapped_side(e, from, 2, (int64_t[]){x->dim[1], wrap->top, wrap->bottom});
    struct onnx_node columns =
        wrapped_side(e, onnx_emit(e, &rows), 3, (int64_t[]){x->dim[2], wrap->left, wrap->right});
    onnx_finish(e, FORM_PLANES, &columns);
}

/* Numbers lie in NHWC order; where there is one pixel, both orders are one. */
static void emit_flatten(struct onnx_emitter *e) {
    const struct shape *x = value_shape(e->graph, e->node->in[0]);
    if (x->rank == 2) {
        onnx_pass(e, e->node->in[0]);
        return;
    }
    bool pixel = x->rank == 4 && x->dim[1] == 1 && x->dim[2] == 1;
    const char *from = onnx_form(e, e->node->in[0], pixel ? form_at_hand(e, e->node->in[0]) : FORM_ROWS);
    onnx_finish(e, FORM_ROWS, &(struct onnx_node){.op = "Flatten", .in = {from}, .attribute = {whole("axis", 1)}});
}

static void emit_dropout(struct onnx_emitter *e) {
    onnx_pass(e, e->node->in[0]);
}

/* ---- the table ---- */

static const struct {
    const struct op *op;
    onnx_emission *emit;
} table[] = {
    {&op_conv, emit_conv},
    {&op_batch_norm, emit_batch_norm},
    {&op_fold_norm, emit_fold_norm},
    {&op_layer_norm, emit_layer_norm},
    {&op_layer_scale, emit_layer_scale},
    {&op_act, emit_act},
    {&op_add, emit_add},
    {&op_gate, emit_gate},
    {&op_gap, emit_gap},
    {&op_max_pool, emit_max_pool},
    {&op_avg_pool, emit_avg_pool},
    {&op_concat, emit_concat},
    {&op_flatten, emit_flatten},
    {&op_dropout, emit_dropout},
    {&op_wrap_pad, emit_wrap_pad},
};

sk_status onnx_emit_node(struct onnx_emitter *emitter, const struct node *node) {
    emitter->node = node;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].op != node->op) continue;
        table[i].emit(emitter);
        return emitter->file.status;
    }
    return status_fail(SK_EINTERNAL, "ONNX: %s: the op %s has no form there; src/train/onnx_ops.c would be the place",
                       node->name, node->op->name);
}
