/* reference.h — the truth: the same graph, unfused, every op by its reference, every number in double.
 *
 * What f32, bf16 and int8 are measured against, the reader's slow mode (--reference), and, with numbers rounded to
 * f32 where they are stored, the plan that finds the first bad tensor. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_REFERENCE_H
#define SK_PLAN_REFERENCE_H

#include "ops/op.h"

struct reference {
    const struct graph *graph;
    double **values;                    /* [value]; parameters, state, inputs and gradients too */
    double *params, *state, *gradients; /* the graph's blocks */
    bool round_to_f32;
};

sk_status reference_new(struct arena *arena, const struct graph *graph, struct reference **reference);
/* Run every node in order. Inputs: fill values[input] before. */
void reference_run(struct reference *reference, const struct run_env *env);
/* Move the running statistics as the graph's updates say. */
void reference_update(struct reference *reference);

/* The first node, in order of the run, with a value that is not finite; NULL where all are. */
const struct node *reference_first_bad(const struct reference *reference);

#endif
