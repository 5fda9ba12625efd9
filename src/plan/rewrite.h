/* rewrite.h — how a pass makes a new graph from an old one: copy the live nodes, and say something else for some.
 *
 * A pass walks the live nodes in order and either copies a node or maps its outputs to values it builds. What is
 * no longer reached is dead and not copied by the next pass. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_REWRITE_H
#define SK_PLAN_REWRITE_H

#include "ops/op.h"

struct rewrite {
    const struct graph *from;
    struct graph *to;
    int *map;   /* [value of from] -> value of to */
    int *uses;  /* [value of from]: live readers, kept values and updates counting as one each */
    bool *live; /* [node of from] */
};

/* A new graph in `arena` with the same inputs and parameters (same order, so the same offsets). */
sk_status rewrite_begin(struct arena *arena, const struct graph *from, struct rewrite *rewrite);
/* Copy node `node` of from with mapped inputs; returns the new node's index. */
int rewrite_copy(struct rewrite *rewrite, int node);
/* The same with another attribute (size bytes) and inputs (values of to). */
int rewrite_as(struct rewrite *rewrite, int node, const void *attr, size_t size, const int in[NODE_INPUTS]);
/* Inputs of a node of from, as values of to. */
void rewrite_inputs(const struct rewrite *rewrite, int node, int in[NODE_INPUTS]);
/* Carry over updates, kept values and gradient places; report the first failure. */
sk_status rewrite_end(struct rewrite *rewrite, struct graph **to);

/* A whole pass: every live node of op `op` that `say` says anew (true: it mapped the outputs), copies of all others. */
sk_status rewrite_op(struct arena *arena, const struct graph *from, const struct op *op,
                     bool (*say)(struct rewrite *rewrite, int node), struct graph **to);

/* The producer of a value as a node of this op, or NULL. */
const struct node *producer(const struct graph *graph, int value, const struct op *op);

#endif
