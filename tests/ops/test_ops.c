/* test_ops.c — every case of golden/ops.json: forward and gradients of each op by its reference (1e-9), and of what
 * the passes make of it by the engine in f32 (1e-5); and the table of ops: nothing half said, nothing without a case.
 *
 * Truth is PyTorch in float64 (tests/golden/make_ops.py). A NaN goes through relu and relu6 as in torch; their slope at
 * a NaN is 0 here (torch: 1 for relu): such a step is given up anyway. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ops/cases_layers.h"
#include "ops/golden.h"

/* ---- convolution ---- */

/* Padding that the builder cannot say (one-sided): the node by hand. */
static int conv_by_hand(struct graph *g, int x, const struct json *one) {
    const struct shape *in = value_shape(g, x);
    const struct json *w = json_get(one, "w"), *pad = json_get(one, "pad_top_bottom_left_right");
    int stride = (int)json_integer(one, "stride", 0), dilation = (int)json_integer(one, "dilation", 0);
    struct conv_attr attr = {.shape = {.n = in->dim[0],
                                       .h = in->dim[1],
                                       .w = in->dim[2],
                                       .c = in->dim[3],
                                       .k = item(w, 0),
                                       .r = (int)item(w, 2),
                                       .s = (int)item(w, 3),
                                       .stride_h = stride,
                                       .stride_w = stride,
                                       .dilation_h = dilation,
                                       .dilation_w = dilation,
                                       .groups = (int)json_integer(one, "groups", 0),
                                       .pad_top = (int)item(pad, 0),
                                       .pad_left = (int)item(pad, 2)}};
    struct conv_shape *s = &attr.shape;
    s->p = (s->h + item(pad, 0) + item(pad, 1) - (s->r - 1) * dilation - 1) / stride + 1;
    s->q = (s->w + item(pad, 2) + item(pad, 3) - (s->s - 1) * dilation - 1) / stride + 1;
    int inputs[CONV_INPUTS] = {[CONV_X] = x};
    struct shape weight = {4, {s->r, s->s, s->c / s->groups, s->k}};
    inputs[CONV_W] = graph_param(g, conv_is_depthwise(s) ? PARAM_DEPTHWISE : PARAM_CONV, weight, "layer.weight");
    if (json_boolean(one, "bias", false))
        inputs[CONV_BIAS] = graph_param(g, PARAM_BIAS, (struct shape){1, {s->k}}, "layer.bias");
    return op_value(g, &op_conv, &attr, sizeof attr, inputs, CONV_INPUTS, "layer");
}

static int conv_layer(struct graph *g, int x, const void *with) {
    const struct json *one = with, *w = json_get(one, "w"), *pad = json_get(one, "pad_top_bottom_left_right");
    struct conv conv = {.out = item(w, 0),
                        .kernel_h = (int)item(w, 2),
                        .kernel_w = (int)item(w, 3),
                        .stride = (int)json_integer(one, "stride", 0),
                        .dilation = (int)json_integer(one, "dilation", 0),
                        .groups = (int)json_integer(one, "groups", 0),
                        .padding = PADDING_EXPLICIT,
                        .pad_h = (int)item(pad, 0),
                        .pad_w = (int)item(pad, 2),
                        .bias = json_boolean(one, "bias", false)};
    bool same = json_boolean(one, "same", false);
    if (!same && (item(pad, 0) != item(pad, 1) || item(pad, 2) != item(pad, 3))) return conv_by_hand(g, x, one);
    if (conv.pad_h == (conv.kernel_h - 1) / 2 * conv.dilation && conv.pad_w == (conv.kernel_w - 1) / 2 * conv.dilation)
        conv.padding = PADDING_SYMMETRIC;
    if (same) conv.padding = PADDING_SAME;
    return build_conv(g, x, conv, "layer");
}

static const struct checked conv_gradients[] = {{"dw", "layer.weight"}, {"db", "layer.bias"}, {NULL, NULL}};

static void convolutions(void **state) {
    (void)state;
    int count = 0;
    for (const struct json *one = json_get(golden, "conv2d")->child; one; one = one->next, count++) {
        char what[160];
        const struct json *x = json_get(one, "x"), *w = json_get(one, "w");
        snprintf(what, sizeof what, "conv2d %d: x %ldx%ldx%ldx%ld, w %ldx%ldx%ldx%ld, stride %ld", count,
                 (long)item(x, 0), (long)item(x, 1), (long)item(x, 2), (long)item(x, 3), (long)item(w, 0),
                 (long)item(w, 1), (long)item(w, 2), (long)item(w, 3), (long)json_integer(one, "stride", 0));
        struct subject s = {.build = conv_layer, .with = one, .x = shape_of(x)};
        check_case(&s, one, conv_gradients, what);
        subject_free(&s);
    }
    assert_true(count >= 90);
}

/* Without a bias a linear layer is a 1x1 convolution of one pixel. */
static int linear_layer(struct graph *g, int x, const void *with) {
    int64_t out = item(json_get(with, "w"), 0);
    return build_linear(g, x, out, "layer");
}
static int linear_without_bias(struct graph *g, int x, const void *with) {
    return build_conv(g, x, (struct conv){.out = item(json_get(with, "w"), 0)}, "layer");
}

/* A linear layer over channels and a 1x1 convolution of (N,C) are said in other ways and mean the same. */
static int channels_layer(struct graph *g, int x, const void *with) {
    struct conv conv = {.out = item(json_get(with, "w"), 0), .bias = json_boolean(with, "bias", false), .linear = true};
    return build_conv(g, x, conv, "layer");
}

static void linears_over_channels(void **state) {
    (void)state;
    int maps = 0, rows = 0;
    for (const struct json *one = json_get(golden, "conv2d")->child; one; one = one->next) {
        const struct json *w = json_get(one, "w");
        bool pointwise = item(w, 2) == 1 && item(w, 3) == 1 && json_integer(one, "stride", 0) == 1;
        if (!pointwise || json_integer(one, "groups", 0) != 1) continue;
        struct subject s = {.build = channels_layer, .with = one, .x = shape_of(json_get(one, "x"))};
        check_case(&s, one, conv_gradients, "linear over channels");
        struct shape file = param_file_shape(graph_find_param(s.graph, "layer.weight"));
        assert_true(file.rank == 2 && file.dim[0] == item(w, 0) && file.dim[1] == item(w, 1));
        subject_free(&s);
        maps++;
    }
    for (const struct json *one = json_get(golden, "linear")->child; one; one = one->next, rows++) {
        struct subject s = {.build = channels_layer, .with = one, .x = shape_of(json_get(one, "x"))};
        check_case(&s, one, conv_gradients, "convolution of (N,C)");
        assert_int_equal(value_shape(s.graph, graph_find_port(s.graph, "y"))->rank, 2);
        subject_free(&s);
    }
    assert_true(maps >= 3 && rows >= 4);
}

static void linears(void **state) {
    (void)state;
    int count = 0;
    for (const struct json *one = json_get(golden, "linear")->child; one; one = one->next, count++) {
        struct subject s = {.build = linear_layer, .with = one, .x = shape_of(json_get(one, "x"))};
        if (!json_boolean(one, "bias", true)) {
            s.build = linear_without_bias;
            s.x = (struct shape){4, {s.x.dim[0], 1, 1, s.x.dim[1]}};
        }
        check_case(&s, one, conv_gradients, "linear");
        subject_free(&s);
    }
    assert_true(count >= 4);
}

/* ---- normalisation ---- */

static double norm_x(int64_t j, int64_t c, void *with) {
    (void)with;
    return (float)(3 * symmetric(j, STREAM_X) + (double)(c % 5) - 2);
}

struct norm_case {
    const struct json *json;
    bool unbiased;
};

static int norm_layer(struct graph *g, int x, const void *with) {
    const struct norm_case *one = with;
    struct norm norm = {json_number(one->json, "eps", 0), json_number(one->json, "momentum", 0), one->unbiased,
                        json_boolean(one->json, "train", false)};
    return build_batch_norm(g, x, norm, "layer");
}

static struct found found_state(struct subject *s, const char *name) {
    const struct param *param = graph_find_param(s->graph, name);
    return (struct found){s->reference->state + param->offset, param->count};
}

/* The running statistics by the reference; the engine's batch statistics beside the reference's. */
static void check_statistics(struct subject *s, const struct norm_case *one) {
    for (size_t u = 0; u < s->graph->update_count; u++) {
        const struct update *want = &s->graph->updates[u], *made = &s->plan->graph->updates[u];
        const float *mean = plan_value(s->plan, made->mean), *variance = plan_value(s->plan, made->variance);
        for (int64_t c = 0; c < value_elements(s->graph, want->mean); c++) {
            double v = s->reference->values[want->variance][c];
            note(true, fabs(mean[c] - s->reference->values[want->mean][c]) / sqrt(v), "batch mean");
            note(true, fabs(variance[c] - v) / v, "batch variance");
        }
    }
    reference_update(s->reference);
    same_checksum(false, found_state(s, "layer.running_mean"), json_get(one->json, "running_mean"), "running mean");
    same_checksum(false, found_state(s, "layer.running_var"),
                  json_get(one->json, one->unbiased ? "running_var_torch" : "running_var_flax"), "running variance");
    assert_true(s->reference->state[graph_find_param(s->graph, "layer.num_batches_tracked")->offset] == 1);
}

static void batch_norms(void **state) {
    (void)state;
    static const struct checked gradients[] = {{"dgamma", "layer.weight"}, {"dbeta", "layer.bias"}, {NULL, NULL}};
    int count = 0;
    for (const struct json *one = json_get(golden, "batch_norm")->child; one; one = one->next, count++)
        for (int unbiased = 0; unbiased < 2; unbiased++) {
            struct norm_case with = {one, unbiased};
            struct subject s = {.build = norm_layer, .with = &with, .x = shape_of(json_get(one, "x")), .fill = norm_x};
            check_case(&s, one, gradients, "batch_norm");
            if (json_boolean(one, "train", false))
                check_statistics(&s, &with);
            else
                assert_int_equal(s.graph->update_count, 0);
            subject_free(&s);
        }
    assert_true(count >= 12);
}

static int small_norm(struct graph *g, int x, const void *with) {
    return build_batch_norm(g, x, (struct norm){1e-3, 0.01, *(const bool *)with, true}, "layer");
}

/* The one example that says the two conventions in plain numbers: torch unbiased, Flax and TF biased. */
static void running_statistics(void **state) {
    (void)state;
    const struct json *one = json_get(training, "batch_norm");
    for (int unbiased = 0; unbiased < 2; unbiased++) {
        bool with = unbiased;
        struct subject s = {.build = small_norm,
                            .with = &with,
                            .x = {4, {2, 3, 3, 2}},
                            .fill = given_x,
                            .fill_with = (void *)(uintptr_t)json_get(one, "x")};
        subject_reference(&s);
        double *mean = found_state(&s, "layer.running_mean").value;
        double *variance = found_state(&s, "layer.running_var").value;
        for (int c = 0; c < 2; c++) {
            mean[c] = number_at(json_get(one, "start_mean"), c);
            variance[c] = number_at(json_get(one, "start_var"), c);
        }
        reference_update(s.reference);
        for (int c = 0; c < 2; c++) {
            double want = number_at(json_get(one, unbiased ? "torch_var" : "flax_var"), c);
            note(false, fabs(variance[c] - want) / want, "running variance");
            note(false, fabs(mean[c] - number_at(json_get(one, "torch_mean"), c)), "running mean");
        }
        subject_free(&s);
    }
}

/* ---- activations ---- */

static int act_layer(struct graph *g, int x, const void *act) {
    return build_act(g, x, *(const enum act *)act, "layer");
}

static double relu6_x(int64_t j, int64_t c, void *with) {
    (void)c, (void)with;
    return (float)((float)(8 * (2 * formula_u(j, STREAM_X) - 1)) + 2.0);
}

static void relu6(void **state) {
    (void)state;
    static const enum act act = ACT_RELU6;
    for (const struct json *one = json_get(golden, "relu6")->child; one; one = one->next) {
        struct subject s = {.build = act_layer, .with = &act, .x = shape_of(json_get(one, "x")), .fill = relu6_x};
        check_case(&s, one, NULL, "relu6");
        subject_free(&s);
    }
}

static bool same_number(double a, double b) {
    return (isnan(a) && isnan(b)) || a == b;
}

/* Bounds belong to no slope; a NaN goes through. Its slope is 0, and so is the engine's at an infinity (torch says 1
 * for relu): such a step is never taken, since its loss is not finite. */
static void activation_edges(void **state) {
    (void)state;
    const struct json *edges = json_get(golden, "activation_edges"), *x = json_get(edges, "x");
    static const enum act acts[] = {ACT_RELU, ACT_RELU6};
    for (int a = 0; a < 2; a++) {
        const struct json *want = json_get(edges, a ? "relu6" : "relu");
        struct subject s = {.build = act_layer,
                            .with = &acts[a],
                            .x = {2, {1, (int64_t)x->count}},
                            .fill = given_x,
                            .fill_with = (void *)(uintptr_t)x,
                            .ones = true};
        subject_reference(&s);
        subject_engine(&s, team);
        for (int engine = 0; engine < 2; engine++) {
            struct found y = found_y(&s, engine), dx = found_gradient(&s, engine, "x");
            for (int64_t j = 0; j < y.count; j++) {
                double in = number_at(x, j), slope = number_at(json_get(want, "dx"), j);
                if (isnan(in) || (engine && isinf(in))) slope = 0;
                double value = number_at(json_get(want, "y"), j);
                bool right = same_number((float)y.value[j], (float)value) && dx.value[j] == slope;
                if (!right) print_error("%s(%g) = %g, slope %g\n", act_name(acts[a]), in, y.value[j], dx.value[j]);
                assert_true(right);
            }
        }
        subject_free(&s);
    }
}

/* ---- loss ---- */

struct entropy {
    struct loss_rule rule;
    struct graph *graph;
    struct reference *reference;
    int logits, target, loss;
};

static void entropy_graph(struct arena *arena, int64_t n, int64_t classes, struct entropy *e) {
    ok(graph_new(arena, &e->graph));
    struct shape shape = {2, {n, classes}};
    e->logits = graph_param(e->graph, PARAM_BIAS, shape, "logits");
    e->target = graph_input(e->graph, F32, shape);
    e->loss = e->rule.bce ? build_bce(e->graph, e->logits, e->target, &e->rule, "loss")
                          : build_softmax_xent(e->graph, e->logits, e->target, "loss");
    graph_port(e->graph, "target", e->target);
    graph_port(e->graph, "loss", e->loss);
    ok(graph_check(e->graph));
}

static double target_of(const struct json *one, int64_t i, int64_t k, int64_t classes) {
    double smoothing = json_number(one, "smoothing", 0), t;
    const struct json *soft = json_get(one, "soft_targets");
    if (soft) {
        const struct json *row = soft->child;
        for (int64_t r = 0; r < i; r++) row = row->next;
        t = number_at(row, k);
    } else {
        t = item(json_get(one, "labels"), (int)i) == k;
    }
    return t * (1 - smoothing) + smoothing / (double)classes;
}

static void entropy_engine(struct arena *arena, const struct json *one, const struct entropy *e) {
    enum isa isa;
    ok(cpu_isa(&isa));
    struct graph *lowered;
    struct plan *plan;
    struct workspace workspace = {0};
    struct bound_plan bound;
    const struct kernels *kernels = kernels_of(isa);
    struct entropy plain = {.rule = e->rule};
    const int64_t *d = value_shape(e->graph, e->logits)->dim;
    entropy_graph(arena, d[0], d[1], &plain);
    ok(passes_run(arena, plain.graph, &(struct lowering){.kernels = kernels, .training = true}, &lowered));
    ok(plan_new(arena, lowered, &(struct plan_options){.kernels = kernels, .threads = team_size(team)}, &plan));
    workspace_want(&workspace, plan);
    ok(workspace_allocate(&workspace));
    float *params = as_floats(arena, e->reference->params, e->graph->param_elements), state;
    float *gradients = arena_array(arena, (size_t)e->graph->param_elements, sizeof *gradients);
    struct model_blocks blocks = {.params = params, .state = &state, .gradients = gradients};
    ok(bound_plan_new(&bound, arena, plan, &workspace, &blocks));
    bound_plan_input(&bound, "target", as_floats(arena, e->reference->values[e->target], d[0] * d[1]));
    plan_run(plan, team, &(struct run_env){0});
    double want = json_number(one, "loss", NAN);
    note(true, fabs(bound_plan_output(&bound, "loss")[0] - want) / want, json_string(one, "name", ""));
    for (int64_t j = 0; j < d[0] * d[1]; j++)
        note(true, fabs(gradients[j] - e->reference->gradients[j]), json_string(one, "name", ""));
    bound_plan_free(&bound);
    workspace_free(&workspace);
}

/* Truth for binary cross-entropy is timm's (tests/golden/make_mixing.py). */
static void read_rule(struct arena *arena, const struct json *one, struct loss_rule *rule) {
    const struct json *lists[] = {json_get(one, "weight"), json_get(one, "pos_weight")};
    const double **to[] = {&rule->weights, &rule->positive};
    rule->bce = json_get(one, "sum_classes") != NULL;
    rule->sum = json_boolean(one, "sum_classes", false);
    for (int l = 0; l < 2; l++) {
        if (!lists[l] || lists[l]->kind != JSON_ARRAY) continue;
        double *weights = arena_array(arena, lists[l]->count, sizeof *weights);
        assert_non_null(weights);
        for (size_t k = 0; k < lists[l]->count; k++) weights[k] = number_at(lists[l], (int64_t)k);
        *to[l] = weights;
    }
}

static void losses_of(const struct json *cases) {
    assert_true(cases->count > 0);
    for (const struct json *one = cases->child; one; one = one->next) {
        struct arena arena = {0};
        struct entropy e = {0};
        read_rule(&arena, one, &e.rule);
        const struct json *rows = json_get(one, "logits"), *row = rows->child, *slope;
        int64_t n = (int64_t)rows->count, classes = (int64_t)row->count;
        entropy_graph(&arena, n, classes, &e);
        ok(gradient_build(e.graph, e.loss));
        see(e.graph);
        ok(reference_new(&arena, e.graph, &e.reference));
        for (int64_t i = 0; i < n; i++, row = row->next)
            for (int64_t k = 0; k < classes; k++) {
                e.reference->params[i * classes + k] = number_at(row, k);
                e.reference->values[e.target][i * classes + k] = target_of(one, i, k, classes);
            }
        reference_run(e.reference, &(struct run_env){0});
        const char *name = json_string(one, "name", "");
        double want = json_number(one, "loss", NAN);
        note(false, fabs(e.reference->values[e.loss][0] - want) / want, name);
        slope = json_get(one, "gradient")->child;
        for (int64_t i = 0; i < n; i++, slope = slope->next)
            for (int64_t k = 0; k < classes; k++)
                note(false, fabs(e.reference->gradients[i * classes + k] - number_at(slope, k)), name);
        entropy_engine(&arena, one, &e);
        arena_free(&arena);
    }
}

static void cross_entropies(void **state) {
    (void)state;
    losses_of(json_get(training, "cross_entropy"));
}

static void binary_cross_entropies(void **state) {
    (void)state;
    const struct json *losses = golden_open("losses.json");
    losses_of(json_get(losses, "cross_entropy"));
    losses_of(json_get(losses, "bce"));
}

/* ---- what only inference makes: folded norms, the fused inverted residual ---- */

static int residual_layer(struct graph *g, int x, const void *with) {
    struct norm norm = {1e-3, 0.1, true, false};
    const struct shape *s = value_shape(g, x);
    int64_t c = s->dim[3], hidden = 6 * c;
    (void)with;
    int y = build_conv(g, x, (struct conv){.out = hidden}, "e");
    y = build_act(g, build_batch_norm(g, y, norm, "en"), ACT_RELU6, "e");
    y = build_conv(g, y, (struct conv){.out = hidden, .kernel = 3, .groups = (int)hidden}, "d");
    y = build_act(g, build_batch_norm(g, y, norm, "dn"), ACT_RELU6, "d");
    y = build_batch_norm(g, build_conv(g, y, (struct conv){.out = c}, "p"), norm, "pn");
    return build_add(g, x, y, "sum");
}

/* A squeeze-excite between two convolutions. */
static int gated_layer(struct graph *g, int x, const void *training) {
    struct norm norm = {1e-3, 0.1, true, training != NULL};
    int y = build_batch_norm(g, build_conv(g, x, (struct conv){.out = 21, .kernel = 3}, "a"), norm, "an");
    y = build_act(g, y, ACT_SILU, "ar");
    int gate = build_conv(g, build_gap(g, y, "pool"), (struct conv){.out = 3, .bias = true}, "fc1");
    gate = build_conv(g, build_act(g, gate, ACT_RELU, "r"), (struct conv){.out = 21, .bias = true}, "fc2");
    y = build_gate(g, y, build_act(g, gate, ACT_SIGMOID, "s"), "gate");
    return build_conv(g, y, (struct conv){.out = 4}, "b");
}

/* MobileNetV3's block: a squeeze-excite behind an expanded depthwise convolution. */
static int squeezed_layer(struct graph *g, int x, const void *with) {
    struct norm norm = {1e-3, 0.1, true, false};
    int64_t hidden = 4 * value_shape(g, x)->dim[3];
    (void)with;
    int y = build_conv(g, x, (struct conv){.out = hidden}, "e");
    y = build_act(g, build_batch_norm(g, y, norm, "en"), ACT_HARDSWISH, "e");
    y = build_conv(g, y, (struct conv){.out = hidden, .kernel = 3, .groups = (int)hidden}, "d");
    y = build_act(g, build_batch_norm(g, y, norm, "dn"), ACT_HARDSWISH, "d");
    int gate = build_conv(g, build_gap(g, y, "pool"), (struct conv){.out = 8, .bias = true}, "fc1");
    gate = build_conv(g, build_act(g, gate, ACT_RELU, "r"), (struct conv){.out = hidden, .bias = true}, "fc2");
    y = build_gate(g, y, build_act(g, gate, ACT_HARDSIGMOID, "s"), "gate");
    return build_batch_norm(g, build_conv(g, y, (struct conv){.out = 6}, "p"), norm, "pn");
}

/* ConvNeXt's end of a block: its scale goes into the weights, with a bias and without. */
static int scaled_layer(struct graph *g, int x, const void *bias) {
    int64_t c = value_shape(g, x)->dim[3];
    int y = build_layer_norm(g, x, 1e-6, "ln");
    y = build_act(g, build_conv(g, y, (struct conv){.out = 2 * c, .bias = true, .linear = true}, "a"), ACT_GELU, "g");
    y = build_conv(g, y, (struct conv){.out = c, .bias = bias != NULL, .linear = true}, "b");
    return build_add(g, x, build_layer_scale(g, y, "scale"), "sum");
}

/* Computes in inference what the references do, in `steps` steps at run time and none of op `without`. */
static void check_in_inference(struct subject *s, int steps, const struct op *without) {
    s->inference = true;
    subject_reference(s);
    subject_engine(s, team);
    struct found want = found_y(s, false), y = found_y(s, true);
    double largest = 0;
    for (int64_t j = 0; j < y.count; j++) largest = fmax(largest, fabs(want.value[j]));
    for (int64_t j = 0; j < y.count; j++) note(true, fabs(y.value[j] - want.value[j]) / largest, "inference");
    int found = 0;
    for (int i = 0; i < s->plan->step_count; i++) {
        assert_true(s->plan->steps[i].node->op != without);
        found += s->plan->steps[i].first_phase >= 0; /* weights are folded and packed before */
    }
    assert_int_equal(found, steps);
    subject_free(s);
}

static void inference_only(void **state) {
    (void)state;
    struct subject residual = {.build = residual_layer, .x = {4, {2, 9, 7, 5}}};
    struct subject gated = {.build = gated_layer, .x = {4, {2, 9, 7, 5}}};
    struct subject scaled = {.build = scaled_layer, .x = {4, {2, 9, 7, 5}}};
    struct subject biased = {.build = scaled_layer, .with = "bias", .x = {4, {2, 9, 7, 5}}};
    struct subject squeezed = {.build = squeezed_layer, .x = {4, {2, 9, 7, 5}}};
    struct subject wide = {.build = scaled_layer, .with = "bias", .x = {4, {2, 14, 7, 32}}};
    check_in_inference(&residual, 1, &op_affine);
    check_in_inference(&squeezed, 3, &op_gap); /* expand and depthwise, the gate, the projection */
    check_in_inference(&wide, 1, &op_layer_norm);
    check_in_inference(&gated, 5, &op_gate); /* conv, pool, two of the gate, conv */
    check_in_inference(&scaled, 3, &op_affine);
    check_in_inference(&biased, 3, &op_affine);
}

/* A convolution and its norm, an activation and a sum of two readers: what training makes of them. */
static int joined_layer(struct graph *g, int x, const void *with) {
    struct norm norm = {1e-3, 0.1, true, true};
    (void)with;
    int y = build_batch_norm(g, build_conv(g, x, (struct conv){.out = 7, .kernel = 3}, "a"), norm, "an");
    y = build_act(g, y, ACT_RELU6, "ar");
    int z = build_batch_norm(g, build_conv(g, y, (struct conv){.out = 7, .kernel = 3, .groups = 7}, "b"), norm, "bn");
    return build_linear(g, build_add(g, y, build_act(g, z, ACT_RELU, "br"), "sum"), 5, "head"); /* flattens */
}

static void check_in_training(struct subject *s) {
    subject_reference(s);
    subject_engine(s, team);
    for (size_t i = 0; i <= s->graph->param_count; i++) {
        const struct param *param = i < s->graph->param_count ? &s->graph->params[i] : NULL;
        if (param && param->state) continue;
        struct found want = param ? found_gradient(s, false, param->name) : found_y(s, false);
        struct found found = param ? found_gradient(s, true, param->name) : found_y(s, true);
        double largest = 0;
        for (int64_t j = 0; j < want.count; j++) largest = fmax(largest, fabs(want.value[j]));
        for (int64_t j = 0; j < want.count; j++)
            note(true, fabs(found.value[j] - want.value[j]) / largest, param ? param->name : "y");
    }
}

static void joined_in_training(void **state) {
    (void)state;
    struct subject s = {.build = joined_layer, .x = {4, {3, 9, 7, 5}}};
    check_in_training(&s);
    subject_free(&s);
}

/* Pool and gate read the norm's view, and no normalised tensor is stored. */
static void gated_in_training(void **state) {
    (void)state;
    struct subject s = {.build = gated_layer, .with = "training", .x = {4, {3, 9, 13, 5}}};
    check_in_training(&s);
    int viewed = 0;
    for (size_t i = 0; i < s.plan->graph->node_count; i++) {
        const struct node *node = &s.plan->graph->nodes[i];
        viewed += node->op == &op_gate && node->in[GT_SCALE] && node->in[GT_SHIFT];
        assert_false(node->op == &op_affine && value_shape(s.plan->graph, node->out[0])->rank == 4);
    }
    assert_int_equal(viewed, 1);
    subject_free(&s);
}

/* ---- the table; last, when every case has run ---- */

static void table_is_whole(void **state) {
    (void)state;
    size_t count;
    const struct op *const *table = op_table(&count);
    int broken = 0;
    for (size_t i = 0; i < count; i++) {
        const struct op *op = table[i];
        bool named = op->name && op->name[0], run = op->plan && op->bind && op->run;
        for (size_t k = 0; named && k < i; k++) named = strcmp(op->name, table[k]->name) != 0;
        size_t at = 0;
        while (at < seen_count && seen[at] != op) at++;
        bool whole = named && op->infer && (op->reference || run) && (!op->plan || run) && op->outputs >= 1 &&
                     op->outputs <= NODE_OUTPUTS && at < seen_count;
        if (!whole)
            print_error("op %s: %s%s%s%s\n", op->name ? op->name : "?", named ? "" : "no name of its own; ",
                        op->infer ? "" : "no shape rule; ",
                        (op->reference || run) && (!op->plan || run) ? "" : "cannot be run; ",
                        at < seen_count ? "" : "no case here runs it");
        broken += !whole;
    }
    assert_int_equal(broken, 0);
    print_message("%d ops; largest distance of a reference %.2g, of the engine %.2g\n", (int)count, worst[0], worst[1]);
}

static int setup(void **state) {
    (void)state;
    golden = golden_open("ops.json");
    training = golden_open("training_v2.json");
    ok(team_new(&team, 2));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    team_free(team);
    arena_free(&golden_arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(linears),
        cmocka_unit_test(batch_norms),
        cmocka_unit_test(linears_over_channels),
        cmocka_unit_test(running_statistics),
        cmocka_unit_test(max_pools),
        cmocka_unit_test(max_pool_ties),
        cmocka_unit_test(layers),
        cmocka_unit_test(dropouts_have_streams_of_their_own),
        cmocka_unit_test(average_pools),
        cmocka_unit_test(relu6),
        cmocka_unit_test(activation_edges),
        cmocka_unit_test(dropouts),
        cmocka_unit_test(cross_entropies),
        cmocka_unit_test(inference_only),
        cmocka_unit_test(binary_cross_entropies),
        cmocka_unit_test(joined_in_training),
        cmocka_unit_test(gated_in_training),
        cmocka_unit_test(table_is_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
