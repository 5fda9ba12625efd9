/* plan.c — nodes to steps, steps to phases, values to places.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "plan/memory.h"
#include "plan/prepare.h"

static size_t value_bytes(const struct graph *graph, int value) {
    return (size_t)value_elements(graph, value) * dtype_size(graph->values[value].dtype);
}

/* True where a node's inputs are parameters, state or constants, and there is at least one. */
static bool depends_on_parameters_alone(const struct graph *graph, const struct node *node, const bool *constant) {
    bool any = false;
    for (int slot = 0; slot < NODE_INPUTS; slot++) {
        int v = node->in[slot];
        if (!v) continue;
        enum place place = graph->values[v].place;
        if (place != PLACE_PARAM && place != PLACE_STATE && !constant[v]) return false;
        any = true;
    }
    return any;
}

/* Phases: a node joins the current phase where it reads nothing that the phase still makes; else it opens the next. */
static void assign_phases(struct plan *plan, const bool *constant, int *made_in) {
    int current = 0, open = 0; /* `current`: phase that new steps start in; `open`: phases known so far */
    for (int i = 0; i < plan->step_count; i++) {
        struct step *step = &plan->steps[i];
        step->first_phase = -1;
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (step->node->out[slot] && constant[step->node->out[slot]]) step->first_phase = -2;
        if (step->first_phase == -2) {
            step->first_phase = step->last_phase = -1;
            continue;
        }
        int first = current;
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int v = step->node->in[slot];
            if (v && made_in[v] + 1 > first) first = made_in[v] + 1;
        }
        step->first_phase = first;
        step->last_phase = first + step->plan.phases - 1;
        current = first;
        if (step->last_phase + 1 > open) open = step->last_phase + 1;
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (step->node->out[slot])
                made_in[step->node->out[slot]] = step->plan.early[slot] ? step->first_phase : step->last_phase;
    }
    plan->phase_count = open;
}

static sk_status fill_phases(struct plan *plan, struct arena *arena) {
    int items = 0;
    for (int i = 0; i < plan->step_count; i++)
        if (plan->steps[i].first_phase >= 0) items += plan->steps[i].plan.phases;
    plan->items = arena_array(arena, (size_t)items + 1, sizeof *plan->items);
    plan->phases = arena_array(arena, (size_t)plan->phase_count + 1, sizeof *plan->phases);
    plan->claims = arena_array(arena, (size_t)(plan->phase_count * plan->options.threads) + 1, sizeof *plan->claims);
    if (!plan->items || !plan->phases || !plan->claims) return SK_EMEMORY;
    for (int p = 0; p < plan->phase_count; p++) {
        struct phase *phase = &plan->phases[p];
        phase->first_item = plan->item_count;
        for (int i = 0; i < plan->step_count; i++) {
            const struct step *step = &plan->steps[i];
            if (step->first_phase < 0 || p < step->first_phase || p > step->last_phase) continue;
            int step_phase = p - step->first_phase;
            plan->items[plan->item_count++] = (struct phase_item){i, step_phase, phase->tiles};
            phase->tiles += step->plan.tiles[step_phase];
            phase->item_count++;
        }
    }
    return SK_OK;
}

static void find_last_uses(struct plan *plan) {
    for (int i = 0; i < plan->step_count; i++) {
        const struct step *step = &plan->steps[i];
        int when = step->first_phase < 0 ? step->last_level : INT_MAX;
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int *last = &plan->last_use[step->node->in[slot]];
            if (when > *last) *last = when;
        }
    }
}

/* What the run reads lies one after the other; what only other constants are made of shares the rest, by lifetime in levels. */
static sk_status place_constants(struct plan *plan, struct arena *arena, const bool *constant) {
    const struct graph *graph = plan->graph;
    struct memory_item *items = arena_array(arena, graph->value_count, sizeof *items);
    int *value_of = arena_array(arena, graph->value_count, sizeof *value_of);
    if (!items || !value_of) return SK_EMEMORY;
    size_t count = 0, shared;
    for (int i = 0; i < plan->step_count; i++) {
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
            int v = plan->steps[i].node->out[slot];
            if (!v || !constant[v]) continue;
            size_t bytes = value_bytes(graph, v);
            int first = plan->steps[i].first_level, last = plan->last_use[v];
            if (last < INT_MAX && !graph->values[v].keep) {
                value_of[count] = v;
                if (last < plan->steps[i].last_level) last = plan->steps[i].last_level; /* nobody reads it */
                items[count++] = (struct memory_item){bytes, first, last, 0, false};
                continue;
            }
            plan->offsets[v] = plan->constant_bytes;
            plan->constant_bytes += (bytes + 63) / 64 * 64;
        }
    }
    TRY(memory_place(arena, items, count, &shared));
    for (size_t j = 0; j < count; j++) plan->offsets[value_of[j]] = plan->constant_bytes + items[j].offset;
    plan->kept_bytes = plan->constant_bytes;
    plan->constant_bytes += shared;
    return SK_OK;
}

static int by_offset(const void *left, const void *right) {
    const struct memory_item *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Parameters' gradients lie in their block's order from when they are made to the end; between them lies what the owner
 * clears after the run: no kept value may. */
static sk_status place_gradients(struct plan *plan, struct arena *arena, struct memory_item *items, size_t *count) {
    const struct graph *graph = plan->graph;
    struct memory_item *first = items + *count, *item = first;
    for (int i = 0; i < plan->step_count; i++)
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
            int v = plan->steps[i].node->out[slot];
            const struct value *value = &graph->values[v];
            if (!v || value->place != PLACE_GRADIENT) continue;
            *item++ = (struct memory_item){value_bytes(graph, v), plan->steps[i].first_phase, plan->phase_count,
                                           (size_t)value->offset * sizeof(float), true};
        }
    size_t made = (size_t)(item - first), end = 0;
    qsort(first, made, sizeof *first, by_offset);
    plan->gaps = arena_array(arena, made + 1, sizeof *plan->gaps);
    if (!plan->gaps) return SK_EMEMORY;
    for (size_t i = 0; i <= made; i++) {
        size_t next = i < made ? first[i].offset : (size_t)graph->param_elements * sizeof(float);
        if (next > end) plan->gaps[plan->gap_count++] = (struct plan_gap){end, next - end};
        size_t from = (end + 63) / 64 * 64; /* a line that a gradient shares is reserved with it */
        if (next > from) *item++ = (struct memory_item){next - from, plan->phase_count, plan->phase_count, from, true};
        if (i < made) end = next + first[i].bytes;
    }
    *count = (size_t)(item - items);
    return SK_OK;
}

/* Lifetimes in phases -> offsets. A value made in a phase is alive from the first phase of its step. */
static sk_status place_values(struct plan *plan, struct arena *arena, const bool *constant) {
    const struct graph *graph = plan->graph;
    size_t count = 0, values = graph->value_count;
    struct memory_item *items =
        arena_array(arena, values + graph->param_count + 1 + (size_t)plan->step_count, sizeof *items);
    int *item_of = arena_array(arena, values, sizeof *item_of);
    if (!items || !item_of) return SK_EMEMORY;
    for (int i = 0; i < plan->step_count; i++) {
        const struct step *step = &plan->steps[i];
        for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
            int v = step->node->out[slot];
            if (v && !constant[v] && graph->values[v].place == PLACE_ARENA) {
                item_of[v] = (int)count + 1;
                int last = graph->values[v].keep ? plan->phase_count : step->last_phase;
                items[count++] = (struct memory_item){value_bytes(graph, v), step->first_phase, last, 0, false};
            }
        }
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int item = item_of[step->node->in[slot]] - 1;
            if (step->node->in[slot] && item >= 0 && items[item].last < step->last_phase)
                items[item].last = step->last_phase;
        }
    }
    for (size_t u = 0; u < graph->update_count; u++) { /* updates run after the last phase */
        items[item_of[graph->updates[u].mean] - 1].last = plan->phase_count;
        items[item_of[graph->updates[u].variance] - 1].last = plan->phase_count;
    }
    if (plan->options.gradients) TRY(place_gradients(plan, arena, items, &count));
    size_t scratch_from = count;
    for (int i = 0; i < plan->step_count; i++) {
        const struct step *step = &plan->steps[i];
        if (step->plan.shared_scratch)
            items[count++] =
                (struct memory_item){step->plan.shared_scratch, step->first_phase, step->last_phase, 0, false};
    }
    TRY(memory_place(arena, items, count, &plan->arena_bytes));
    size_t block = (size_t)graph->param_elements * sizeof(float);
    if (plan->options.gradients && plan->arena_bytes < block) plan->arena_bytes = block;
    plan->bound_bytes = memory_bound(items, count);
    for (size_t v = 1; v < values; v++)
        if (item_of[v]) plan->offsets[v] = items[item_of[v] - 1].offset;
    for (int i = 0; i < plan->step_count; i++)
        if (plan->steps[i].plan.shared_scratch) plan->steps[i].shared_offset = items[scratch_from++].offset;
    return SK_OK;
}

static sk_status make_steps(struct plan *plan, struct arena *arena, bool *constant) {
    const struct graph *graph = plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        struct step *step = &plan->steps[plan->step_count++];
        step->node = node;
        FAIL_IF(!node->op->plan, SK_EINTERNAL, "%s: the op %s has no kernels and was not lowered", node->name,
                node->op->name);
        struct plan_request request = {graph, node, plan->options.kernels, plan->options.threads, arena};
        TRY(node->op->plan(&request, &step->plan));
        if (step->plan.lane_scratch > plan->lane_bytes) plan->lane_bytes = step->plan.lane_scratch;
        if (!plan->options.constants || !depends_on_parameters_alone(graph, node, constant)) continue;
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (node->out[slot]) constant[node->out[slot]] = true;
    }
    plan->lane_bytes = (plan->lane_bytes + 4095) / 4096 * 4096;
    return SK_OK;
}

sk_status plan_new(struct arena *arena, const struct graph *graph, const struct plan_options *options,
                   struct plan **out) {
    TRY(graph_check(graph));
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    if (!plan) return SK_EMEMORY;
    plan->graph = graph;
    plan->options = *options;
    plan->steps = arena_array(arena, graph->node_count + 1, sizeof *plan->steps);
    plan->offsets = arena_array(arena, graph->value_count, sizeof *plan->offsets);
    plan->last_use = arena_array(arena, graph->value_count, sizeof *plan->last_use);
    bool *constant = arena_array(arena, graph->value_count, sizeof *constant);
    int *made_in = arena_array(arena, graph->value_count, sizeof *made_in);
    if (!plan->steps || !plan->offsets || !plan->last_use || !constant || !made_in) return SK_EMEMORY;
    for (size_t v = 0; v < graph->value_count; v++) made_in[v] = plan->last_use[v] = -1;
    TRY(make_steps(plan, arena, constant));
    assign_phases(plan, constant, made_in);
    TRY(fill_phases(plan, arena));
    TRY(preparation_new(plan, arena));
    find_last_uses(plan);
    TRY(place_constants(plan, arena, constant));
    TRY(place_values(plan, arena, constant));
    for (size_t v = 1; v < graph->value_count; v++)
        if (constant[v]) graph->values[v].place = PLACE_CONSTANT;
    *out = plan;
    return SK_OK;
}
