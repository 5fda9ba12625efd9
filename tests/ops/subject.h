/* subject.h — one small graph run twice: by references in double, and by the engine under all passes in f32.
 *
 * The input x is a parameter, so that its gradient is kept; the root is dot(y, dy), whose gradient is
 * dy: so any dy can be given. Numbers are the formula's, by stream, in the file order (NCHW, OIHW) of
 * tests/golden/make_ops.py. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_SUBJECT_H
#define SK_TEST_SUBJECT_H

#include <stdio.h>

#include "ops/attrs.h"
#include "ops/build.h"
#include "plan/formula.h"
#include "plan/passes.h"
#include "plan/reference.h"
#include "plan/workspace.h"
#include "ok.h"

enum { STREAM_X, STREAM_W, STREAM_B, STREAM_DY, STREAM_MEAN, STREAM_VARIANCE };

/* ---- numbers ---- */

/* Where element j of an (N,H,W,C) tensor lies in (N,C,H,W); other ranks lie the same. */
static int64_t planar_index(const struct shape *s, int64_t j) {
    if (s->rank != 4) return j;
    int64_t c = j % s->dim[3], w = j / s->dim[3] % s->dim[2], h = j / (s->dim[3] * s->dim[2]) % s->dim[1];
    return ((j / (s->dim[1] * s->dim[2] * s->dim[3]) * s->dim[3] + c) * s->dim[1] + h) * s->dim[2] + w;
}

static double symmetric(int64_t j, int64_t stream) {
    return (float)(2 * formula_u(j, stream) - 1);
}

/* x at planar index j, channel c. */
typedef double filling(int64_t j, int64_t c, void *with);
static double plain_x(int64_t j, int64_t c, void *with) {
    (void)c, (void)with;
    return symmetric(j, STREAM_X);
}

/* What a layer is given beside x and dy: by the kind of its parameter, in file order. */
static double layer_value(const struct param *param, int64_t j) {
    switch (param->kind) {
    case PARAM_BIAS: return (float)(0.5 * (2 * formula_u(j, STREAM_B) - 1));
    case PARAM_NORM_WEIGHT:
    case PARAM_LAYER_NORM_WEIGHT: return (float)(1 + 0.2 * (formula_u(j, STREAM_W) - 0.5));
    case PARAM_NORM_BIAS:
    case PARAM_LAYER_NORM_BIAS: return (float)(0.2 * (formula_u(j, STREAM_B) - 0.5));
    case STATE_MEAN: return (float)(0.2 * (formula_u(j, STREAM_MEAN) - 0.5));
    case STATE_VARIANCE: return (float)(1 + 0.5 * formula_u(j, STREAM_VARIANCE));
    case STATE_COUNTER: return 0;
    default: return symmetric(j, STREAM_W);
    }
}

/* ---- a subject ---- */

struct subject {
    int (*build)(struct graph *graph, int x, const void *with); /* gives y */
    const void *with;
    struct shape x;
    filling *fill; /* of x; NULL: the formula's */
    void *fill_with;
    bool ones; /* dy = 1 */
    bool inference;

    struct arena arena;
    struct graph *graph; /* with its gradient, as the layer says it */
    struct reference *reference;
    struct plan *plan;
    struct workspace workspace;
    struct bound_plan bound;
    struct region params, state, gradients;
};

static const struct op *seen[64]; /* every op that some subject ran */
static size_t seen_count;

static void see(const struct graph *graph) {
    for (size_t i = 0; i < graph->node_count; i++) {
        size_t k = 0;
        while (k < seen_count && seen[k] != graph->nodes[i].op) k++;
        if (k == seen_count && seen_count < sizeof seen / sizeof *seen) seen[seen_count++] = graph->nodes[i].op;
    }
}

static struct graph *subject_graph(struct subject *s) {
    struct graph *g;
    ok(graph_new(&s->arena, &g));
    int x = s->inference ? graph_input(g, F32, s->x) : graph_param(g, PARAM_BIAS, s->x, "x");
    int y = s->build(g, x, s->with);
    ok(graph_check(g));
    graph_port(g, "x", x);
    graph_port(g, "y", y);
    if (s->inference) return g;
    int dy = graph_input(g, F32, *value_shape(g, y));
    graph_port(g, "dy", dy);
    graph_port(g, "loss", build_dot(g, y, dy, "probe"));
    ok(graph_check(g));
    return g;
}

static double subject_x(const struct subject *s, int64_t j) {
    return (s->fill ? s->fill : plain_x)(planar_index(&s->x, j), j % s->x.dim[s->x.rank - 1], s->fill_with);
}

static void subject_fill(const struct subject *s, double *params, double *state) {
    for (size_t i = 0; i < s->graph->param_count; i++) {
        const struct param *param = &s->graph->params[i];
        bool is_x = strcmp(param->name, "x") == 0;
        for (int64_t j = 0; j < param->count; j++)
            (param->state ? state : params)[param->offset + j] =
                is_x ? subject_x(s, j) : layer_value(param, param_file_index(param, j));
    }
}

static void subject_reference(struct subject *s) {
    s->graph = subject_graph(s);
    if (!s->inference) ok(gradient_build(s->graph, graph_find_port(s->graph, "loss")));
    see(s->graph);
    ok(reference_new(&s->arena, s->graph, &s->reference));
    subject_fill(s, s->reference->params, s->reference->state);
    int x = graph_find_port(s->graph, "x"), dy = graph_find_port(s->graph, "dy");
    for (int64_t j = 0; s->inference && j < value_elements(s->graph, x); j++)
        s->reference->values[x][j] = subject_x(s, j);
    for (int64_t j = 0; dy && j < value_elements(s->graph, dy); j++)
        s->reference->values[dy][j] = s->ones ? 1 : symmetric(planar_index(value_shape(s->graph, dy), j), STREAM_DY);
    reference_run(s->reference, &(struct run_env){.seed = 5, .step = 2});
}

static float *as_floats(struct arena *arena, const double *from, int64_t count) {
    float *to = arena_array(arena, (size_t)count + 1, sizeof *to);
    for (int64_t j = 0; j < count; j++) to[j] = (float)from[j];
    return to;
}

static void subject_engine(struct subject *s, struct team *team) {
    enum isa isa;
    ok(cpu_isa(&isa));
    const struct kernels *kernels = kernels_of(isa);
    struct graph *g = subject_graph(s), *lowered;
    ok(passes_run(&s->arena, g, &(struct lowering){.kernels = kernels, .training = !s->inference}, &lowered));
    see(lowered);
    struct plan_options options = {.kernels = kernels, .threads = team_size(team), .constants = s->inference};
    ok(plan_new(&s->arena, lowered, &options, &s->plan));
    int64_t params = g->param_elements, states = g->state_elements;
    ok(region_new(&s->params, (size_t)params * 4 + 64));
    ok(region_new(&s->state, (size_t)states * 4 + 64));
    ok(region_new(&s->gradients, (size_t)params * 4 + 64));
    memcpy(s->params.data, as_floats(&s->arena, s->reference->params, params), (size_t)params * 4);
    memcpy(s->state.data, as_floats(&s->arena, s->reference->state, states), (size_t)states * 4);
    workspace_want(&s->workspace, s->plan);
    ok(workspace_allocate(&s->workspace));
    memset(s->workspace.arena.data, 0xff, s->workspace.arena.bytes); /* what is read before written becomes NaN */
    struct model_blocks blocks = {
        .params = s->params.data, .state = s->state.data, .gradients = s->gradients.data};
    ok(bound_plan_new(&s->bound, &s->arena, s->plan, &s->workspace, &blocks));
    int dy = graph_find_port(s->graph, "dy"), x = graph_find_port(s->graph, "x");
    if (dy)
        bound_plan_input(&s->bound, "dy", as_floats(&s->arena, s->reference->values[dy], value_elements(s->graph, dy)));
    else
        bound_plan_input(&s->bound, "x", as_floats(&s->arena, s->reference->values[x], value_elements(s->graph, x)));
    plan_prepare(s->plan, team);
    plan_run(s->plan, team, &(struct run_env){.seed = 5, .step = 2});
}

static void subject_free(struct subject *s) {
    bound_plan_free(&s->bound);
    workspace_free(&s->workspace);
    region_free(&s->params);
    region_free(&s->state);
    region_free(&s->gradients);
    arena_free(&s->arena);
}

/* ---- what came out: y, or the gradient of a parameter, in file order and double ---- */

struct found {
    double *value;
    int64_t count;
};

static struct found found_y(struct subject *s, bool engine) {
    int y = graph_find_port(s->graph, "y");
    const struct shape *shape = value_shape(s->graph, y);
    struct found found = {.count = value_elements(s->graph, y)};
    found.value = arena_array(&s->arena, (size_t)found.count, sizeof *found.value);
    for (int64_t j = 0; j < found.count; j++)
        found.value[planar_index(shape, j)] =
            engine ? (double)bound_plan_output(&s->bound, "y")[j] : s->reference->values[y][j];
    return found;
}

static struct found found_gradient(struct subject *s, bool engine, const char *name) {
    const struct param *param = graph_find_param(s->graph, name);
    assert_non_null(param);
    bool is_x = strcmp(name, "x") == 0;
    const float *gradients = s->gradients.data;
    struct found found = {.count = param->count};
    found.value = arena_array(&s->arena, (size_t)found.count, sizeof *found.value);
    for (int64_t j = 0; j < found.count; j++)
        found.value[is_x ? planar_index(&s->x, j) : param_file_index(param, j)] =
            engine ? (double)gradients[param->offset + j] : s->reference->gradients[param->offset + j];
    return found;
}

#endif
