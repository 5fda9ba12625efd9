/* prepare.c — what depends on parameters alone: packed weights and folded biases, made once, by the whole team.
 *
 * Steps that read no other's output make one level, whose tiles are claimed as a phase's are. A member's own share is a range, so
 * that each fills huge pages of its own, and the file's pages that a step alone has read go as soon as it is through:
 * a network that is loaded lies in memory once. Nothing here can fail or allocate once the plan is made.
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/prepare.h"
#include "ops/attrs.h"

struct level_item {
    int step, phase;
    int64_t first_tile; /* of this item within its level */
};

struct preparation {
    int level_count;
    int *first_item; /* [level], and one more */
    int64_t *tiles;  /* [level] */
    struct level_item *items;
    _Atomic int64_t *left; /* [step]: tiles not yet done */
    int *reader;           /* [value]: the one step that reads it; -1: none, -2: several */
    bool scratch;          /* a step wants a lane's scratch, of which there are no more than the plan's threads */
};

static void assign_levels(struct plan *plan, struct preparation *p, int *made_in) {
    for (int i = 0; i < plan->step_count; i++) {
        struct step *step = &plan->steps[i];
        if (step->first_phase >= 0) continue;
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int v = step->node->in[slot];
            if (v && made_in[v] > step->first_level) step->first_level = made_in[v];
        }
        step->last_level = step->first_level + step->plan.phases - 1;
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (step->node->out[slot]) made_in[step->node->out[slot]] = step->last_level + 1;
        if (step->last_level >= p->level_count) p->level_count = step->last_level + 1;
        if (step->plan.lane_scratch) p->scratch = true;
    }
}

static void find_readers(const struct plan *plan, struct preparation *p) {
    for (size_t v = 0; v < plan->graph->value_count; v++) p->reader[v] = -1;
    for (int i = 0; i < plan->step_count; i++)
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int *reader = &p->reader[plan->steps[i].node->in[slot]];
            *reader = *reader == -1 || *reader == i ? i : -2;
        }
}

static void fill_levels(const struct plan *plan, struct preparation *p) {
    int items = 0;
    for (int level = 0; level < p->level_count; level++) {
        p->first_item[level] = items;
        for (int i = 0; i < plan->step_count; i++) {
            const struct step *step = &plan->steps[i];
            if (step->first_phase >= 0 || level < step->first_level || level > step->last_level) continue;
            p->items[items++] = (struct level_item){i, level - step->first_level, p->tiles[level]};
            p->tiles[level] += step->plan.tiles[level - step->first_level];
        }
    }
    p->first_item[p->level_count] = items;
}

sk_status preparation_new(struct plan *plan, struct arena *arena) {
    size_t steps = (size_t)plan->step_count + 1, values = plan->graph->value_count;
    struct preparation *p = arena_alloc(arena, sizeof *p);
    int *made_in = arena_array(arena, values, sizeof *made_in);
    if (!p || !made_in) return SK_EMEMORY;
    assign_levels(plan, p, made_in);
    p->first_item = arena_array(arena, (size_t)p->level_count + 1, sizeof *p->first_item);
    p->tiles = arena_array(arena, (size_t)p->level_count + 1, sizeof *p->tiles);
    p->items = arena_array(arena, steps * STEP_PHASES, sizeof *p->items);
    p->left = arena_array(arena, steps, sizeof *p->left);
    p->reader = arena_array(arena, values, sizeof *p->reader);
    if (!p->first_item || !p->tiles || !p->items || !p->left || !p->reader) return SK_EMEMORY;
    find_readers(plan, p);
    fill_levels(plan, p);
    plan->preparation = p;
    return SK_OK;
}

bool plan_packs_alone(const struct plan *plan, int param) {
    for (int i = 0; i < plan->step_count; i++) {
        const struct node *node = plan->steps[i].node;
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            const struct value *v = &plan->graph->values[node->in[slot]];
            if (!node->in[slot] || v->place != PLACE_PARAM || v->param != param) continue;
            if (node->op != &op_panels || slot != PN_W) return false;
            if (((const struct pack_attr *)node->attr)->direction != PACK_FORWARD) return false;
        }
    }
    return true;
}

/* The parameters that this step alone reads give their memory back: the block's, or the file's pages. */
static void release_inputs(const struct plan *plan, int i) {
    for (int slot = 0; slot < NODE_INPUTS; slot++) {
        int v = plan->steps[i].node->in[slot];
        const struct value *value = &plan->graph->values[v];
        if (!v || value->place != PLACE_PARAM || plan->preparation->reader[v] != i) continue;
        const float *file = plan->memory->files ? plan->memory->files[value->param] : NULL;
        void *part = file ? (void *)(uintptr_t)file : plan_value(plan, v);
        if (!file || plan->memory->files_mapped)
            region_drop(part, (size_t)value_elements(plan->graph, v) * sizeof(float));
    }
}

enum { SHARES = 64 };

struct prepare_call {
    struct plan *plan;
    int level, members, shares; /* members that work; the others only wait */
    struct claim claims[SHARES];
};

static void run_tile(const struct plan *plan, int level, int64_t tile, struct lane *lane) {
    const struct preparation *p = plan->preparation;
    const struct level_item *item = &p->items[p->first_item[level]], *last = &p->items[p->first_item[level + 1] - 1];
    while (item < last && tile >= item[1].first_tile) item++;
    const struct step *step = &plan->steps[item->step];
    step->node->op->run(plan->options.kernels, step->plan.job, item->phase, tile - item->first_tile, lane);
    bool done = atomic_fetch_sub_explicit(&p->left[item->step], 1, memory_order_acq_rel) == 1;
    if (done && plan->options.release) release_inputs(plan, item->step);
}

static int64_t share_begin(const struct prepare_call *call, int share) {
    return call->plan->preparation->tiles[call->level] * share / call->shares;
}

/* The member's own share first, then what others have not begun. */
static void run_level(void *arg, int member) {
    struct prepare_call *call = arg;
    struct plan *plan = call->plan;
    if (member >= call->members) return;
    struct run_env env = {0};
    struct lane lane = {member, (char *)plan->memory->lanes + (size_t)member * plan->lane_bytes, &env};
    for (int i = 0; i < call->shares; i++) {
        int share = (member + i) % call->shares;
        int64_t end = share_begin(call, share + 1);
        for (;;) {
            int64_t tile = atomic_fetch_add_explicit(&call->claims[share].next, 1, memory_order_relaxed);
            if (tile >= end) break;
            run_tile(plan, call->level, tile, &lane);
        }
    }
}

void plan_prepare(struct plan *plan, struct team *team) {
    struct preparation *p = plan->preparation;
    struct prepare_call call = {.plan = plan, .members = team_size(team)};
    if (p->scratch && call.members > plan->options.threads) call.members = plan->options.threads;
    call.shares = call.members < SHARES ? call.members : SHARES;
    for (int i = 0; i < plan->step_count; i++) {
        int64_t left = 0;
        for (int phase = 0; phase < plan->steps[i].plan.phases; phase++) left += plan->steps[i].plan.tiles[phase];
        atomic_store_explicit(&p->left[i], left, memory_order_relaxed);
    }
    for (call.level = 0; call.level < p->level_count; call.level++) {
        for (int i = 0; i < call.shares; i++)
            atomic_store_explicit(&call.claims[i].next, share_begin(&call, i), memory_order_relaxed);
        team_run(team, run_level, &call);
    }
    if (plan->options.release)
        region_drop((char *)plan->memory->constants + plan->kept_bytes, plan->constant_bytes - plan->kept_bytes);
}
