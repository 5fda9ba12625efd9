/* workspace.h — the memory that plans run in: one arena and one set of lanes shared by all plans of a program.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_WORKSPACE_H
#define SK_PLAN_WORKSPACE_H

#include "plan/plan.h"

/* Shared by plans that never run at the same time. */
struct workspace {
    struct region arena, lanes;
    size_t arena_bytes, lane_bytes; /* the largest asked for so far */
};
/* Before allocation: make room for a plan. */
void workspace_want(struct workspace *workspace, const struct plan *plan);
sk_status workspace_allocate(struct workspace *workspace);
void workspace_free(struct workspace *workspace);

/* A plan with its own constants and inputs, bound to a workspace and to a model's blocks. */
struct bound_plan {
    struct plan *plan;
    struct plan_memory memory;
    struct region constants;
};
struct model_blocks {
    float *params, *state, *gradients; /* gradients: NULL in inference */
    void *constants;                   /* another bound plan's, made from an equal graph; NULL: its own */
    const float *const *files;         /* as in plan_memory */
    bool files_mapped;
};
sk_status bound_plan_new(struct bound_plan *bound, struct arena *arena, struct plan *plan,
                         const struct workspace *workspace, const struct model_blocks *blocks);
void bound_plan_free(struct bound_plan *bound);
/* Give an input port its numbers: binds anew where the address changed. */
void bound_plan_input(struct bound_plan *bound, const char *port, const void *data);
/* The numbers of an output port. */
float *bound_plan_output(const struct bound_plan *bound, const char *port);

#endif
