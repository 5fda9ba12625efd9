/* cut.h — a network in two: below, what training leaves as it is; above, the rest.
 *
 * Below nothing is trained, nothing is random and no norm looks at the batch, so that a picture always gives the same
 * numbers there: they are made by the fast graph of inference, and may be kept.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_CUT_H
#define SK_PLAN_CUT_H

#include "ops/op.h"

/* Where: the first output of the one node of that op and name. */
struct graph_cut {
    const char *name; /* NULL: nowhere */
    const struct op *op;
};

/* Find it in a training graph that knows what is frozen, before any pass; nowhere if more than one value would cross. */
struct graph_cut cut_find(const struct graph *training);
/* Its value in another graph of the same network; 0 where that has no such node, or several. */
int cut_value(const struct graph *graph, const struct graph_cut *cut);

/* The graph from port "image" to the cut, whose value becomes port "features"; and from there, "features" being an
 * input, to all other ports. Parameters and their places stay those of the whole. */
sk_status cut_below(struct arena *arena, const struct graph *graph, const struct graph_cut *cut, struct graph **below);
sk_status cut_above(struct arena *arena, const struct graph *graph, const struct graph_cut *cut, struct graph **above);

#endif
