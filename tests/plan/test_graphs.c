/* test_graphs.c — random networks: references against finite differences, the engine under all passes against
 * references, one thread against three, and no two values in one place at one time.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/rng.h"
#include "ops/build.h"
#include "plan/memory.h"
#include "plan/nodes.h"

enum { CLASSES = 5 };

static int pick(struct rng *rng, int n) {
    return (int)rng_below(rng, (uint64_t)n);
}

static enum act any_act(struct rng *rng) {
    return (enum act)(1 + pick(rng, ACT_COUNT - 1));
}

/* conv, norm, activation, squeeze-excite, conv: as MobileNetV3 and EfficientNet say it. */
static int random_gated(struct graph *g, struct rng *rng, int x, const char *name, bool training) {
    char part[64];
    struct shape s = *value_shape(g, x);
    int y = x;
    if (pick(rng, 3) && s.dim[0] * s.dim[1] * s.dim[2] > 3) {
        if (!training && pick(rng, 2)) {
            snprintf(part, sizeof part, "%s.e", name);
            y = build_conv(g, y, (struct conv){.out = s.dim[3]}, part);
            snprintf(part, sizeof part, "%s.en", name);
            y = build_batch_norm(g, y, (struct norm){1e-3, 0.1, true, training}, part);
            y = build_act(g, y, any_act(rng), part);
        }
        snprintf(part, sizeof part, "%s.d", name);
        y = build_conv(g, y, (struct conv){.out = s.dim[3], .kernel = 3, .groups = (int)s.dim[3]}, part);
        snprintf(part, sizeof part, "%s.dn", name);
        y = build_batch_norm(g, y, (struct norm){1e-3, 0.1, true, training}, part);
        if (pick(rng, 4)) y = build_act(g, y, any_act(rng), part);
    }
    /* One in three is no squeeze-excite: the gate comes of another tensor, and what is pooled gates behind it, or
     * is only shown and has no gradient. */
    bool other = pick(rng, 3) == 0;
    int early = other && pick(rng, 2) ? build_gap(g, y, "early") : 0;
    int64_t hidden = 1 + pick(rng, 6);
    snprintf(part, sizeof part, "%s.fc1", name);
    int gate = build_conv(g, build_gap(g, other ? x : y, name), (struct conv){.out = hidden, .bias = true}, part);
    gate = build_act(g, gate, any_act(rng), part);
    snprintf(part, sizeof part, "%s.fc2", name);
    gate = build_act(g, build_conv(g, gate, (struct conv){.out = s.dim[3], .bias = true}, part), any_act(rng), part);
    int gated = build_gate(g, y, gate, name);
    snprintf(part, sizeof part, "%s.shown", name);
    bool shown = early && pick(rng, 2);
    if (shown) graph_port(g, part, early);
    y = other && !shown ? build_gate(g, gated, early ? early : build_gap(g, y, "late"), name) : gated;
    if (!pick(rng, 3)) return y;
    snprintf(part, sizeof part, "%s.p", name);
    return build_conv(g, y, (struct conv){.out = 1 + pick(rng, 12)}, part);
}

/* ConvNeXt's block: depthwise, layer norm, two linear layers, layer scale, stochastic depth, sum. */
static int random_next(struct graph *g, struct rng *rng, int x, const char *name, bool training) {
    char part[64];
    int64_t c = value_shape(g, x)->dim[3];
    snprintf(part, sizeof part, "%s.d", name);
    int y = build_conv(g, x, (struct conv){.out = c, .kernel = 7, .groups = (int)c, .bias = true}, part);
    snprintf(part, sizeof part, "%s.ln", name);
    y = build_layer_norm(g, y, 1e-3, part);
    snprintf(part, sizeof part, "%s.1", name);
    y = build_act(g, build_conv(g, y, (struct conv){.out = 2 * c, .bias = true, .linear = true}, part), any_act(rng),
                  part);
    snprintf(part, sizeof part, "%s.2", name);
    y = build_conv(g, y, (struct conv){.out = c, .bias = pick(rng, 2), .linear = true}, part);
    snprintf(part, sizeof part, "%s.layer_scale", name);
    y = build_layer_scale(g, y, part);
    if (training && pick(rng, 2)) y = build_dropout(g, y, 0.25, true, name);
    return pick(rng, 4) ? build_add(g, x, y, name) : y;
}

/* A residual around norm, activation and convolution: the norm's input has another reader. */
static int random_preactivated(struct graph *g, struct rng *rng, int x, const char *name, bool training) {
    char part[64];
    struct shape s = *value_shape(g, x);
    if (s.dim[0] * s.dim[1] * s.dim[2] <= 3) return x;
    if (pick(rng, 2)) {
        snprintf(part, sizeof part, "%s.0", name);
        x = build_conv(g, x, (struct conv){.out = s.dim[3]}, part);
    }
    snprintf(part, sizeof part, "%s.n", name);
    int y = build_batch_norm(g, x, (struct norm){1e-3, 0.1, true, training}, part);
    if (pick(rng, 3)) y = build_act(g, y, any_act(rng), part);
    snprintf(part, sizeof part, "%s.1", name);
    if (pick(rng, 4) == 0) return build_gate(g, x, build_gap(g, y, part), name);
    y = build_conv(g, y, (struct conv){.out = s.dim[3], .kernel = 3, .groups = pick(rng, 2) ? (int)s.dim[3] : 1}, part);
    return pick(rng, 2) ? build_add(g, x, y, name) : build_add(g, y, x, name);
}

/* Two norms of one tensor, whose statistics are the same sums: each with its own weights, and one of them evaluating at
 * times. */
static int random_twins(struct graph *g, struct rng *rng, int x, const char *name, bool training) {
    char part[64];
    struct shape s = *value_shape(g, x);
    if (s.dim[0] * s.dim[1] * s.dim[2] <= 3) return x;
    if (pick(rng, 3)) {
        snprintf(part, sizeof part, "%s.0", name);
        x = build_conv(g, x, (struct conv){.out = s.dim[3], .kernel = 3}, part);
    }
    int y[2];
    for (int i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "%s.n%d", name, i);
        struct norm norm = {i ? 1e-2 : 1e-3, 0.1, true, training && (i == 0 || pick(rng, 4))};
        y[i] = build_batch_norm(g, x, norm, part);
        if (pick(rng, 2)) y[i] = build_act(g, y[i], any_act(rng), part);
        snprintf(part, sizeof part, "%s.c%d", name, i);
        if (pick(rng, 2)) y[i] = build_conv(g, y[i], (struct conv){.out = s.dim[3]}, part);
    }
    return build_add(g, y[0], y[1], name);
}

/* One of the layers that MobileNetV2 has not. */
static int random_newer(struct graph *g, struct rng *rng, int x, const char *name, bool training) {
    struct shape s = *value_shape(g, x);
    char part[64];
    int kind = pick(rng, 8);
    if (kind == 7) return random_twins(g, rng, x, name, training);
    if (kind == 6) return random_preactivated(g, rng, x, name, training);
    if (kind == 0) return random_gated(g, rng, x, name, training);
    if (kind == 1) return random_next(g, rng, x, name, training);
    if (kind == 2) return build_layer_norm(g, x, 1e-3, name);
    if (kind == 3) return build_layer_scale(g, x, name);
    if (kind == 4 && s.dim[1] >= 3 && s.dim[2] >= 3)
        return build_avg_pool(g, x, (struct pool){2 + pick(rng, 2), 1 + pick(rng, 2), pick(rng, 2), false},
                              pick(rng, 2), name);
    snprintf(part, sizeof part, "%s.c", name);
    int in[3] = {x, build_conv(g, x, (struct conv){.out = 1 + pick(rng, 9), .kernel = 3}, part), x};
    return build_concat(g, in, 2 + pick(rng, 2), name);
}

/* One random layer after x. `same`: values of x's shape so far, for residuals. */
static int random_layer(struct graph *g, struct rng *rng, int x, const char *name, bool training) {
    struct shape s = *value_shape(g, x);
    if (pick(rng, 3) == 0) return random_newer(g, rng, x, name, training);
    int kind = pick(rng, 10);
    if (kind < 5) { /* convolution, mostly with a norm and an activation behind it */
        static const int kernels[] = {1, 1, 3, 3, 5};
        static const enum padding paddings[] = {PADDING_SAME, PADDING_SYMMETRIC, PADDING_WRAP};
        int64_t out = 1 + pick(rng, 20);
        struct conv conv = {.out = out,
                            .kernel = kernels[pick(rng, 5)],
                            .stride = 1 + pick(rng, 2),
                            .dilation = 1 + (pick(rng, 4) == 0),
                            .bias = pick(rng, 3) == 0,
                            .padding = paddings[pick(rng, 3)]};
        if (pick(rng, 3) == 0)
            conv.out = s.dim[3], conv.groups = (int)s.dim[3];
        else if (s.dim[3] % 2 == 0 && pick(rng, 3) == 0)
            conv.groups = 2, conv.out = 2 * (1 + pick(rng, 8));
        x = build_conv(g, x, conv, name);
        if (pick(rng, 4) == 0) return x;
        char part[64];
        snprintf(part, sizeof part, "%s.norm", name);
        s = *value_shape(g, x);
        if (s.dim[0] * s.dim[1] * s.dim[2] > 3)
            x = build_batch_norm(g, x, (struct norm){1e-3, 0.1, true, training}, part);
        return pick(rng, 4) == 0 ? x : build_act(g, x, any_act(rng), part);
    }
    if (kind == 5) return build_act(g, x, any_act(rng), name);
    if (kind == 6 && s.dim[1] >= 3 && s.dim[2] >= 3)
        return build_max_pool(g, x, (struct pool){3, 1 + pick(rng, 2), 1, pick(rng, 2)}, name);
    if (kind == 7 && training) return build_dropout(g, x, 0.25, pick(rng, 2), name);
    if (kind == 8 && s.dim[0] * s.dim[1] * s.dim[2] > 3)
        return build_batch_norm(g, x, (struct norm){1e-5, 0.1, false, training}, name);
    /* an inverted residual, so that its pass has something to do */
    char part[64];
    struct norm norm = {1e-3, 0.1, true, training};
    int y = x;
    if (s.dim[0] * s.dim[1] * s.dim[2] <= 3) return x;
    int64_t hidden = pick(rng, 3) ? s.dim[3] * 2 + 1 : s.dim[3];
    if (hidden != s.dim[3]) {
        snprintf(part, sizeof part, "%s.e", name);
        y = build_conv(g, y, (struct conv){.out = hidden}, part);
        snprintf(part, sizeof part, "%s.en", name);
        y = build_act(g, build_batch_norm(g, y, norm, part), any_act(rng), part);
    }
    snprintf(part, sizeof part, "%s.d", name);
    y = build_conv(g, y, (struct conv){.out = hidden, .kernel = 3, .groups = (int)hidden}, part);
    snprintf(part, sizeof part, "%s.dn", name);
    y = build_act(g, build_batch_norm(g, y, norm, part), any_act(rng), part);
    snprintf(part, sizeof part, "%s.p", name);
    y = build_conv(g, y, (struct conv){.out = s.dim[3]}, part);
    snprintf(part, sizeof part, "%s.pn", name);
    y = build_batch_norm(g, y, norm, part);
    return build_add(g, x, y, name);
}

/* Holds a part of a network by its names: mostly whole layers, sometimes single tensors, and half of the norms. */
static bool holds_name(const void *user, const char *name, uint64_t what) {
    uint64_t whole = *(const uint64_t *)user + what, layer = whole;
    for (const char *c = name; *c; c++) whole = whole * 31 + (unsigned char)*c;
    for (const char *c = name; *c && *c != '.'; c++) layer = layer * 31 + (unsigned char)*c;
    struct rng rng = rng_at(layer, RNG_TEST, 7, 0), own = rng_at(whole, RNG_TEST, 8, 0);
    return pick(&rng, 2) != (pick(&own, 8) == 0);
}

static bool holds_param(const void *user, const char *name) {
    return holds_name(user, name, 0);
}

static bool holds_norm(const void *user, const char *name) {
    return holds_name(user, name, 1000);
}

static bool with_freezing; /* what follows is about networks of which a part is frozen */

/* The same seed gives the same network. */
static struct graph *random_graph(struct arena *arena, uint64_t seed, bool training) {
    struct rng rng = rng_at(seed, RNG_TEST, 1, 0);
    struct graph *g;
    ok(graph_new(arena, &g));
    uint64_t *user = arena_alloc(arena, sizeof *user);
    struct freezing *freezing = arena_alloc(arena, sizeof *freezing);
    *user = seed, *freezing = (struct freezing){holds_param, holds_norm, user};
    if (with_freezing) g->freezing = freezing;
    struct shape image = {4, {2 + pick(&rng, 3), 5 + pick(&rng, 8), 5 + pick(&rng, 8), 1 + pick(&rng, 6)}};
    int x = graph_input(g, F32, image);
    graph_port(g, "image", x);
    int layers = 2 + pick(&rng, 6);
    for (int i = 0; i < layers; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d", i);
        int before = x;
        x = random_layer(g, &rng, x, name, training);
        snprintf(name, sizeof name, "skip%d", i);
        if (before && x && x != before && shape_equal(value_shape(g, before), value_shape(g, x)) && pick(&rng, 2))
            x = build_add(g, before, x, name);
    }
    x = pick(&rng, 3) ? build_gap(g, x, "pool") : x;
    x = build_linear(g, x, CLASSES, "head");
    graph_port(g, "logits", x);
    int target = graph_input(g, F32, (struct shape){2, {image.dim[0], CLASSES}});
    graph_port(g, "target", target);
    graph_port(g, "loss", build_softmax_xent(g, x, target, "loss"));
    ok(graph_check(g));
    return g;
}

static double noise(int64_t j, int64_t k) {
    return (float)(2 * formula_u(j, k) - 1);
}

static void fill_inputs(const struct graph *g, float *image, float *target, double *image64, double *target64) {
    int64_t n = value_elements(g, graph_find_port(g, "image")), m = value_elements(g, graph_find_port(g, "target"));
    for (int64_t j = 0; j < n; j++) {
        if (image) image[j] = (float)noise(j, 900);
        if (image64) image64[j] = noise(j, 900);
    }
    for (int64_t j = 0; j < m; j++) {
        double v = (float)(j % CLASSES == j / CLASSES % CLASSES ? 0.875 : 0.03125);
        if (target) target[j] = (float)v;
        if (target64) target64[j] = v;
    }
}

static struct reference *reference_of(struct arena *arena, uint64_t seed, bool training) {
    struct graph *g = random_graph(arena, seed, training);
    if (training) ok(gradient_build(g, graph_find_port(g, "loss")));
    struct reference *reference;
    ok(reference_new(arena, g, &reference));
    formula_fill(g, NULL, NULL, reference->params, reference->state);
    fill_inputs(g, NULL, NULL, reference->values[graph_find_port(g, "image")],
                reference->values[graph_find_port(g, "target")]);
    return reference;
}

static const struct run_env env = {.seed = 7, .step = 3};

static void gradients_are_finite_differences(void **state) {
    (void)state;
    int checked = 0, kinks = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct arena arena = {0};
        struct reference *reference = reference_of(&arena, seed, true);
        const struct graph *g = reference->graph;
        int loss = graph_find_port(g, "loss");
        reference_run(reference, &env);
        double *gradients = arena_array(&arena, (size_t)g->param_elements, sizeof *gradients), scale = 0;
        memcpy(gradients, reference->gradients, (size_t)g->param_elements * sizeof *gradients);
        for (int64_t j = 0; j < g->param_elements; j++) scale = fmax(scale, fabs(gradients[j]));
        for (size_t i = 0; i < g->param_count; i++) {
            const struct param *param = &g->params[i];
            if (param->state) continue;
            double *p = &reference->params[param->offset + (int64_t)(formula_u((int64_t)i, 77) * (double)param->count)];
            double kept = *p, slope[2];
            for (int h = 0; h < 2;
                 h++) { /* two widths: where they disagree a kink lies between, and nothing is learnt */
                double width = h ? 1e-6 : 2e-6, up, down;
                *p = kept + width;
                reference_run(reference, &env);
                up = reference->values[loss][0];
                *p = kept - width;
                reference_run(reference, &env);
                down = reference->values[loss][0];
                *p = kept;
                slope[h] = (up - down) / (2 * width);
            }
            if (fabs(slope[0] - slope[1]) > 1e-7 * (1 + scale)) {
                kinks++;
                continue;
            }
            double found = gradients[p - reference->params];
            if (param->frozen) {
                assert_true(found == 0);
                continue;
            }
            if (!(fabs(found - slope[1]) < 1e-6 * (1 + scale)))
                print_error("seed %d, %s: gradient %.9g, finite difference %.9g\n", (int)seed, param->name, found,
                            slope[1]);
            assert_true(fabs(found - slope[1]) < 1e-6 * (1 + scale));
            checked++;
        }
        arena_free(&arena);
    }
    print_message("%d gradients equal finite differences; %d lay at a kink\n", checked, kinks);
    assert_true(checked > (with_freezing ? 100 : 300) && kinks < checked / 10);
}

static void engine_new_as(struct engine *e, uint64_t seed, bool training, int threads, bool bf16) {
    *e = (struct engine){.bf16 = bf16, .keep = bf16};
    e->graph = random_graph(&e->arena, seed, training);
    engine_make(e, training, threads);
    float *image = arena_array(&e->arena, (size_t)value_elements(e->graph, graph_find_port(e->graph, "image")), 4);
    float *target = arena_array(&e->arena, (size_t)value_elements(e->graph, graph_find_port(e->graph, "target")), 4);
    fill_inputs(e->graph, image, target, NULL, NULL);
    bound_plan_input(&e->bound, "image", image);
    bound_plan_input(&e->bound, "target", target);
    struct team *team;
    ok(team_new(&team, threads));
    engine_run(e, team, &env);
    team_free(team);
}

static void engine_new(struct engine *e, uint64_t seed, bool training, int threads) {
    engine_new_as(e, seed, training, threads, false);
}

static double difference(const float *a, const double *b, int64_t n) {
    return engine_difference(a, b, n, 1e-3);
}

/* True where an activation's input lies so near to a corner that f32 may see the other side: its slope is another. */
static bool at_corner(const struct reference *reference) {
    static const double corners[] = {-3, 0, 3, 6};
    const struct graph *g = reference->graph;
    for (size_t i = 0; i < g->node_count; i++) {
        int x = g->nodes[i].op == &op_act ? g->nodes[i].in[0] : 0;
        for (int64_t j = 0; x && j < value_elements(g, x); j++)
            for (int k = 0; k < 4; k++)
                if (fabs(reference->values[x][j] - corners[k]) < 1e-6) return true;
    }
    return false;
}

/* True where a norm reads numbers that lie close together far from zero, as a sigmoid makes them: f32 sums of squares
 * leave few digits of such a variance. */
static bool variance_cancels(const struct reference *reference) {
    const struct graph *g = reference->graph;
    for (size_t u = 0; u < g->update_count; u++) {
        const double *mean = reference->values[g->updates[u].mean],
                     *variance = reference->values[g->updates[u].variance];
        for (int64_t c = 0; c < value_elements(g, g->updates[u].mean); c++) {
            if (variance[c] < 5e-4 * mean[c] * mean[c]) return true;
        }
    }
    return false;
}

/* True where all that is trained stands before a norm that takes it away again, as a bias: nothing but rounding is left. */
static bool gradient_vanishes(const struct reference *reference) {
    double largest = 0;
    for (int64_t j = 0; j < reference->graph->param_elements; j++)
        largest = fmax(largest, fabs(reference->gradients[j]));
    return largest > 0 && largest < 1e-12;
}

static void engine_equals_reference(void **state) {
    (void)state;
    for (int training = 0; training < 2; training++) {
        double worst = 0;
        int corners = 0;
        for (uint64_t seed = 0; seed < 300; seed++) {
            struct engine e;
            engine_new(&e, seed, training, 2);
            struct reference *reference = reference_of(&e.arena, seed, training);
            reference_run(reference, &env);
            const struct graph *g = reference->graph;
            int logits = graph_find_port(g, "logits");
            double d =
                difference(bound_plan_output(&e.bound, "logits"), reference->values[logits], value_elements(g, logits));
            if (training) d = fmax(d, difference(e.gradients.data, reference->gradients, g->param_elements));
            for (size_t u = 0; u < g->update_count; u++) {
                const struct update *want = &g->updates[u], *made = &e.plan->graph->updates[u];
                int64_t c = value_elements(g, want->mean);
                d = fmax(d, difference(plan_value(e.plan, made->mean), reference->values[want->mean], c));
                d = fmax(d, difference(plan_value(e.plan, made->variance), reference->values[want->variance], c));
            }
            bool learnt =
                d < 2e-4 || !(training && d < 0.1 &&
                              (at_corner(reference) || variance_cancels(reference) || gradient_vanishes(reference)));
            if (learnt && !(d < 2e-4))
                print_error("seed %d, %s: off by %g\n", (int)seed, training ? "training" : "inference", d);
            assert_true(!learnt || d < 2e-4);
            if (learnt) worst = fmax(worst, d);
            corners += !learnt;
            engine_free(&e);
        }
        print_message("%s: 300 networks, worst relative difference %.2g; %d lay at a corner\n",
                      training ? "training" : "inference", worst, corners);
        assert_true(corners <= 3);
    }
}

static void threads_change_no_bit(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct engine one, three;
        engine_new(&one, seed, true, 1);
        engine_new(&three, seed, true, 3);
        assert_memory_equal(one.gradients.data, three.gradients.data, (size_t)one.graph->param_elements * 4);
        assert_memory_equal(bound_plan_output(&one.bound, "loss"), bound_plan_output(&three.bound, "loss"), 4);
        engine_free(&one);
        engine_free(&three);
    }
}

/* With precision: bf16: every op that has pixels, and mixtures of f32 and bf16. */
static void bf16_nodes_equal_references(void **state) {
    static const struct op *const ops[] = {&op_max_pool, &op_max_pool_grad, &op_avg_pool, &op_avg_pool_grad,
                                           &op_concat,   &op_slice,         &op_wrap_pad, &op_wrap_pad_grad};
    enum { OPS = sizeof ops / sizeof *ops };
    int kept[OPS] = {0};
    struct nodes_found found = {0};
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct engine e;
        engine_new_as(&e, seed, true, 2, true);
        nodes_check_all(e.plan, &env, &found);
        for (size_t i = 0; i < e.lowered->node_count; i++)
            for (int op = 0; op < OPS; op++)
                kept[op] += e.lowered->nodes[i].op == ops[op] && value_is_bf16(e.lowered, e.lowered->nodes[i].out[0]);
        engine_free(&e);
    }
    print_message("%d values, %d of bf16, of which %.2g of the numbers are rounded otherwise (%.2g ulp)\n",
                  found.values, found.bf16, found.flipped / found.numbers, found.worst_ulp);
    assert_true(found.worst_ulp <= 1.0);
    assert_true(found.flipped < 1e-2 * found.numbers);
    for (int op = 0; op < OPS; op++) {
        if (kept[op] < 5) print_error("%s: %d times bf16\n", ops[op]->name, kept[op]);
        assert_true(kept[op] >= 5);
    }
}

/* Inference takes other steps, whose tiles and phases follow from the threads. */
static void threads_change_no_logit(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct engine one, three;
        engine_new(&one, seed, false, 1);
        engine_new(&three, seed, false, 3);
        int64_t count = value_elements(one.graph, graph_find_port(one.graph, "logits"));
        assert_memory_equal(bound_plan_output(&one.bound, "logits"), bound_plan_output(&three.bound, "logits"),
                            (size_t)count * 4);
        engine_free(&one);
        engine_free(&three);
    }
}

static void items_alive_at_once_do_not_overlap(void **state) {
    (void)state;
    double worst = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rng rng = rng_at(seed, RNG_TEST, 2, 0);
        struct memory_item items[80];
        size_t count = 1 + (size_t)pick(&rng, 80), peak;
        for (size_t i = 0; i < count; i++) {
            int first = pick(&rng, 40);
            items[i] = (struct memory_item){(size_t)pick(&rng, 100000), first, first + pick(&rng, 12), 0, false};
        }
        struct arena arena = {0};
        ok(memory_place(&arena, items, count, &peak));
        for (size_t i = 0; i < count; i++) {
            assert_true(items[i].offset + items[i].bytes <= peak && items[i].offset % 64 == 0);
            for (size_t j = 0; j < i; j++) {
                bool together = items[i].first <= items[j].last && items[j].first <= items[i].last;
                bool apart = items[i].offset + items[i].bytes <= items[j].offset ||
                             items[j].offset + items[j].bytes <= items[i].offset;
                assert_true(!together || apart || !items[i].bytes || !items[j].bytes);
            }
        }
        worst = fmax(worst, (double)peak / (double)memory_bound(items, count));
        arena_free(&arena);
    }
    print_message("random lifetimes: peak at most %.3f of the bound\n", worst);
}

static bool in_arena(const struct value *value) {
    return value->place == PLACE_ARENA || value->place == PLACE_GRADIENT;
}

/* Parameters' gradients lie at the arena's start, in their block's order. */
static size_t place_of(const struct engine *e, size_t v) {
    const struct value *value = &e->plan->graph->values[v];
    return value->place == PLACE_GRADIENT ? (size_t)value->offset * 4 : e->plan->offsets[v];
}

/* What is read after the run does not lie where the gradients' owner clears. */
static void kept_values_lie_outside_gaps(const struct engine *e) {
    const struct graph *g = e->plan->graph;
    for (size_t v = 1; v < g->value_count; v++)
        for (size_t i = 0; g->values[v].keep && g->values[v].place == PLACE_ARENA && i < e->plan->gap_count; i++) {
            const struct plan_gap *gap = &e->plan->gaps[i];
            size_t from = e->plan->offsets[v], end = from + (size_t)value_elements(g, (int)v) * 4;
            assert_true(end <= gap->offset || gap->offset + gap->bytes <= from);
        }
}

/* Values of a real plan that are alive in one phase lie apart. Lifetimes are found again here, from the steps. */
static void values_alive_at_once_do_not_overlap(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct engine e;
        engine_new(&e, seed, true, 2);
        const struct graph *g = e.plan->graph;
        int *first = arena_array(&e.arena, g->value_count, sizeof *first);
        int *last = arena_array(&e.arena, g->value_count, sizeof *last);
        for (int i = 0; i < e.plan->step_count; i++) {
            const struct step *step = &e.plan->steps[i];
            for (int slot = 0; slot < NODE_OUTPUTS; slot++)
                first[step->node->out[slot]] = step->first_phase, last[step->node->out[slot]] = step->last_phase;
            for (int slot = 0; slot < NODE_INPUTS; slot++)
                if (last[step->node->in[slot]] < step->last_phase) last[step->node->in[slot]] = step->last_phase;
        }
        for (size_t v = 1; v < g->value_count; v++)
            if (g->values[v].place == PLACE_GRADIENT) last[v] = e.plan->phase_count;
        for (size_t a = 1; a < g->value_count; a++)
            for (size_t b = 1; b < a; b++) {
                if (!in_arena(&g->values[a]) || !in_arena(&g->values[b])) continue;
                if (first[a] > last[b] || first[b] > last[a]) continue;
                size_t from_a = place_of(&e, a), end_a = from_a + (size_t)value_elements(g, (int)a) * 4;
                size_t from_b = place_of(&e, b), end_b = from_b + (size_t)value_elements(g, (int)b) * 4;
                assert_true(end_a <= from_b || end_b <= from_a);
            }
        kept_values_lie_outside_gaps(&e);
        engine_free(&e);
    }
}

static int freeze(void **state) {
    (void)state;
    with_freezing = true;
    return 0;
}

static int thaw(void **state) {
    (void)state;
    with_freezing = false;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gradients_are_finite_differences, freeze, thaw),
        cmocka_unit_test_setup_teardown(engine_equals_reference, freeze, thaw),
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(engine_equals_reference),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(bf16_nodes_equal_references),
        cmocka_unit_test(threads_change_no_logit),
        cmocka_unit_test(items_alive_at_once_do_not_overlap),
        cmocka_unit_test(values_alive_at_once_do_not_overlap),
        cmocka_unit_test_setup_teardown(values_alive_at_once_do_not_overlap, freeze, thaw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
