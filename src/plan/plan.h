/* plan.h — a graph made ready to run: steps in phases, every byte placed, nothing left that can fail.
 *
 * plan_new is pure (shapes to steps and offsets, milliseconds); plan_bind gives it memory; plan_prepare computes
 * what depends on parameters alone; plan_run runs. Steps are grouped in phases with a barrier only between them, and
 * lifetimes are counted in phases. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_PLAN_H
#define SK_PLAN_PLAN_H

#include <stdatomic.h>

#include "base/team.h"
#include "ops/op.h"

struct plan_options {
    const struct kernels *kernels;
    int threads;
    bool constants; /* inference: what depends on parameters alone is computed once, by plan_prepare */
    bool
        gradients; /* training: the gradient block lies at the arena's start, each gradient there from when it is made on */
    bool release; /* plan_prepare is called once, and drops the parameters that only constants are made of */
};

struct step {
    const struct node *node;
    struct step_plan plan;
    size_t shared_offset;
    int first_phase, last_phase; /* -1: constant, run by plan_prepare */
    int first_level, last_level; /* of a constant step: its phases among those of plan_prepare */
};

/* One phase of one step; the items of a phase share its tile counter. */
struct phase_item {
    int step, step_phase;
    int64_t first_tile; /* of this item within the phase */
};

struct phase {
    int first_item, item_count;
    int64_t tiles;
};

/* Where a member stands in its own share of a phase's tiles; a cache line's length each. */
struct claim {
    _Atomic int64_t next;
    char apart[64 - sizeof(int64_t)];
};

/* A part of the gradient block that is frozen, padding or below a cut: nothing kept lies there, and its owner clears it. */
struct plan_gap {
    size_t offset, bytes;
};

struct plan {
    const struct graph *graph;
    struct plan_options options;
    struct step *steps;
    int step_count;
    struct phase_item *items;
    struct phase *phases;
    int item_count, phase_count;
    size_t *offsets; /* [value]: bytes in the arena or the constants */
    int *last_use;   /* [value]: the last level whose constant steps read it; INT_MAX where the run does, too */
    struct preparation *preparation; /* plan/prepare.c's */
    size_t arena_bytes, constant_bytes, lane_bytes;
    size_t kept_bytes;     /* the front part of the constants: the rest is used by plan_prepare alone */
    size_t bound_bytes;    /* the largest sum of bytes alive at once, for the report */
    struct plan_gap *gaps; /* with options.gradients: where in the block the run leaves no gradient */
    size_t gap_count;
    struct plan_memory *memory;
    struct claim *claims; /* [phase * threads + member] */
    double *seconds;      /* [phase], where asked for by plan_profile; else NULL */
};

/* Where the blocks are; owned by the caller, shared by plans of one model. */
struct plan_memory {
    float *params, *state, *gradients; /* the graph's blocks */
    void *arena;                       /* at least arena_bytes */
    void *constants;                   /* at least constant_bytes; this plan's own */
    void *lanes;                       /* threads * lane_bytes */
    void **inputs;                     /* [value], set for PLACE_INPUT values */
    const float *const *files;         /* [parameter]: where it lies in its file's order instead; or NULL */
    bool files_mapped;                 /* pages of a map, which may go once they were read */
};

sk_status plan_new(struct arena *arena, const struct graph *graph, const struct plan_options *options,
                   struct plan **plan);

/* Resolve every pointer. To be called again when memory->inputs or a block's address changed. */
void plan_bind(struct plan *plan, struct plan_memory *memory);
/* Run the constant steps, on all of the team: after loading weights or changing them. */
void plan_prepare(struct plan *plan, struct team *team);
void plan_run(struct plan *plan, struct team *team, const struct run_env *env);
/* The whole run on the calling thread, with the scratch of lane 0: for plans that several threads run side by side. */
void plan_run_alone(struct plan *plan, const struct run_env *env);

/* Whether a parameter is read by packing alone, which can read it in its file's order. */
bool plan_packs_alone(const struct plan *plan, int param);

/* The numbers of a value after plan_bind. */
void *plan_value(const struct plan *plan, int value);

/* Time each phase from now on (the least is kept in seconds[]). */
sk_status plan_profile(struct plan *plan, struct arena *arena);

#endif
