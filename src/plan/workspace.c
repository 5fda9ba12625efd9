/* workspace.c — memory for plans.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/workspace.h"

void workspace_want(struct workspace *workspace, const struct plan *plan) {
    size_t lanes = plan->lane_bytes * (size_t)plan->options.threads;
    if (plan->arena_bytes > workspace->arena_bytes) workspace->arena_bytes = plan->arena_bytes;
    if (lanes > workspace->lane_bytes) workspace->lane_bytes = lanes;
}

sk_status workspace_allocate(struct workspace *workspace) {
    TRY(region_new(&workspace->arena, workspace->arena_bytes + 64));
    return region_new(&workspace->lanes, workspace->lane_bytes + 64);
}

void workspace_free(struct workspace *workspace) {
    region_free(&workspace->arena);
    region_free(&workspace->lanes);
}

sk_status bound_plan_new(struct bound_plan *bound, struct arena *arena, struct plan *plan,
                         const struct workspace *workspace, const struct model_blocks *blocks) {
    *bound = (struct bound_plan){.plan = plan};
    if (!blocks->constants) TRY(region_new(&bound->constants, plan->constant_bytes + 64));
    bound->memory = (struct plan_memory){.params = blocks->params,
                                         .state = blocks->state,
                                         .gradients = blocks->gradients,
                                         .arena = workspace->arena.data,
                                         .constants = blocks->constants ? blocks->constants : bound->constants.data,
                                         .lanes = workspace->lanes.data,
                                         .files = blocks->files,
                                         .files_mapped = blocks->files_mapped};
    bound->memory.inputs = arena_array(arena, plan->graph->value_count, sizeof *bound->memory.inputs);
    if (!bound->memory.inputs) return SK_EMEMORY;
    plan_bind(plan, &bound->memory);
    return SK_OK;
}

void bound_plan_free(struct bound_plan *bound) {
    region_free(&bound->constants);
}

void bound_plan_input(struct bound_plan *bound, const char *port, const void *data) {
    int value = graph_find_port(bound->plan->graph, port);
    if (!value || bound->memory.inputs[value] == data) return;
    bound->memory.inputs[value] = (void *)(uintptr_t)data; /* inputs are only read */
    plan_bind(bound->plan, &bound->memory);
}

float *bound_plan_output(const struct bound_plan *bound, const char *port) {
    return plan_value(bound->plan, graph_find_port(bound->plan->graph, port));
}
