/* run.c — binding a plan to memory, and running it: one parallel region, tiles claimed phase by phase.
 *
 * Nothing here can fail or allocate. SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "plan/plan.h"

void *plan_value(const struct plan *plan, int value) {
    if (!value) return NULL;
    const struct value *v = &plan->graph->values[value];
    struct plan_memory *memory = plan->memory;
    switch (v->place) {
    case PLACE_INPUT: return memory->inputs[value];
    case PLACE_PARAM: return memory->params + v->offset;
    case PLACE_STATE: return memory->state + v->offset;
    case PLACE_GRADIENT: return memory->gradients + v->offset;
    case PLACE_CONSTANT: return (char *)memory->constants + plan->offsets[value];
    default: return (char *)memory->arena + plan->offsets[value];
    }
}

static const float *file_value(const struct plan *plan, int value) {
    const struct value *v = &plan->graph->values[value];
    bool known = value && v->place == PLACE_PARAM && plan->memory->files;
    return known ? plan->memory->files[v->param] : NULL;
}

void plan_bind(struct plan *plan, struct plan_memory *memory) {
    plan->memory = memory;
    for (int i = 0; i < plan->step_count; i++) {
        struct step *step = &plan->steps[i];
        struct bind_request request = {.graph = plan->graph, .node = step->node, .kernels = plan->options.kernels};
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            request.in[slot] = plan_value(plan, step->node->in[slot]);
            request.file[slot] = file_value(plan, step->node->in[slot]);
        }
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) request.out[slot] = plan_value(plan, step->node->out[slot]);
        if (step->plan.shared_scratch) request.shared = (char *)memory->arena + step->shared_offset;
        step->node->op->bind(&request, step->plan.job);
    }
}

struct region_call {
    struct plan *plan;
    struct team *team;
    const struct run_env *env;
};

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void run_tile(const struct plan *plan, const struct phase *phase, int64_t tile, struct lane *lane) {
    const struct phase_item *item = &plan->items[phase->first_item];
    const struct phase_item *last = item + phase->item_count - 1;
    while (item < last && tile >= item[1].first_tile) item++;
    const struct step *step = &plan->steps[item->step];
    step->node->op->run(plan->options.kernels, step->plan.job, item->step_phase, tile - item->first_tile, lane);
}

/* A member's first tile of a phase: shares are ranges, so that who wrote a part of a tensor also reads it. */
static int64_t share_begin(const struct plan *plan, int phase, int member) {
    return plan->phases[phase].tiles * member / plan->options.threads;
}

/* The member's own share first, then what others have not begun. */
static void run_phase(struct plan *plan, int p, struct lane *lane) {
    int threads = plan->options.threads;
    for (int i = 0; i < threads; i++) {
        int owner = (lane->index + i) % threads;
        struct claim *claim = &plan->claims[p * threads + owner];
        int64_t end = share_begin(plan, p, owner + 1);
        for (;;) {
            int64_t tile = atomic_fetch_add_explicit(&claim->next, 1, memory_order_relaxed);
            if (tile >= end) break;
            run_tile(plan, &plan->phases[p], tile, lane);
        }
    }
}

static void run_phases(void *arg, int member) {
    const struct region_call *call = arg;
    struct plan *plan = call->plan;
    struct lane lane = {member, (char *)plan->memory->lanes + (size_t)member * plan->lane_bytes, call->env};
    for (int p = 0; p < plan->phase_count; p++) {
        double begin = plan->seconds && member == 0 ? now_seconds() : 0;
        run_phase(plan, p, &lane);
        team_barrier(call->team);
        if (!plan->seconds || member != 0) continue;
        double took = now_seconds() - begin;
        if (plan->seconds[p] == 0 || took < plan->seconds[p]) plan->seconds[p] = took;
    }
}

void plan_run(struct plan *plan, struct team *team, const struct run_env *env) {
    int threads = plan->options.threads;
    for (int i = 0; i < plan->phase_count * threads; i++)
        atomic_store_explicit(&plan->claims[i].next, share_begin(plan, i / threads, i % threads),
                              memory_order_relaxed);
    struct region_call call = {plan, team, env};
    team_run(team, run_phases, &call);
}

void plan_run_alone(struct plan *plan, const struct run_env *env) {
    struct lane lane = {0, plan->memory->lanes, env};
    for (int p = 0; p < plan->phase_count; p++)
        for (int64_t tile = 0; tile < plan->phases[p].tiles; tile++) run_tile(plan, &plan->phases[p], tile, &lane);
}

sk_status plan_profile(struct plan *plan, struct arena *arena) {
    plan->seconds = arena_array(arena, (size_t)plan->phase_count + 1, sizeof *plan->seconds);
    return plan->seconds ? SK_OK : SK_EMEMORY;
}
