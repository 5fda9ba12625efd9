/* engine.h — a graph made ready for the engine: all passes, a plan, memory, weights by formula.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_ENGINE_H
#define SK_TEST_ENGINE_H

#include <math.h>
#include <string.h>

#include "ok.h"
#include "plan/formula.h"
#include "plan/passes.h"
#include "plan/workspace.h"

struct engine {
    const struct kernels *kernels; /* NULL: of the level in force */
    bool bf16, keep;               /* precision: bf16; every value stays to the end of the run */
    struct arena arena;
    struct graph *graph, *lowered;
    struct plan *plan;
    struct workspace workspace;
    struct bound_plan bound;
    struct region params, state, gradients;
};

/* From an engine that has its graph (in its arena) and nothing else. */
static inline void engine_make(struct engine *e, bool training, int threads) {
    enum isa isa;
    ok(cpu_isa(&isa));
    const struct kernels *kernels = e->kernels ? e->kernels : kernels_of(isa);
    struct lowering lowering = {.kernels = kernels, .training = training, .bf16 = e->bf16};
    struct plan_options options = {.kernels = kernels, .threads = threads, .constants = !training, .gradients = training};
    ok(passes_run(&e->arena, e->graph, &lowering, &e->lowered));
    for (size_t v = 1; e->keep && v < e->lowered->value_count; v++) e->lowered->values[v].keep = true;
    ok(plan_new(&e->arena, e->lowered, &options, &e->plan));
    ok(region_new(&e->params, (size_t)e->graph->param_elements * 4));
    ok(region_new(&e->state, (size_t)e->graph->state_elements * 4 + 64)); /* some networks have none */
    ok(region_new(&e->gradients, (size_t)e->graph->param_elements * 4));
    workspace_want(&e->workspace, e->plan);
    ok(workspace_allocate(&e->workspace));
    memset(e->workspace.arena.data, 0xff, e->workspace.arena.bytes); /* what is read before written becomes NaN */
    struct model_blocks blocks = {
        .params = e->params.data, .state = e->state.data, .gradients = e->workspace.arena.data};
    ok(bound_plan_new(&e->bound, &e->arena, e->plan, &e->workspace, &blocks));
    formula_fill(e->graph, blocks.params, blocks.state, NULL, NULL);
}

static inline void engine_run(struct engine *e, struct team *team, const struct run_env *env) {
    plan_prepare(e->plan, team);
    plan_run(e->plan, team, env);
    for (size_t i = 0; e->plan->options.gradients && i < e->lowered->param_count; i++) {
        const struct param *param = &e->lowered->params[i];
        if (param->state || param->frozen) continue;
        memcpy((float *)e->gradients.data + param->offset, (const float *)e->workspace.arena.data + param->offset,
               (size_t)param->count * sizeof(float));
    }
}

static inline void engine_free(struct engine *e) {
    bound_plan_free(&e->bound);
    workspace_free(&e->workspace);
    region_free(&e->params);
    region_free(&e->state);
    region_free(&e->gradients);
    arena_free(&e->arena);
}

/* Largest difference relative to the largest number, which counts as `least` or more. */
static inline double engine_difference(const float *a, const double *b, int64_t n, double least) {
    double worst = 0, largest = least;
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(a[i] - b[i]) <= worst)) worst = fabs(a[i] - b[i]);
        if (fabs(b[i]) > largest) largest = fabs(b[i]);
    }
    return largest > 0 ? worst / largest : worst;
}

#endif
