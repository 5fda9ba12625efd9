/* layers.h — a network's nodes as rows of a table: name, op, output, parameters, multiply-adds, what it sees.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_LAYERS_H
#define SK_VERBS_LAYERS_H

#include "models/receptive.h"

struct layer {
    const char *name, *op;
    struct shape output;
    int64_t parameters;
    int64_t activations, bytes; /* numbers of the output, and what they take */
    struct cost cost;
    struct receptive sees;
};

struct layers {
    struct layer *row;
    size_t count;
    int64_t macs, activations, bytes; /* sums over the rows */
};

/* Every node of a graph. A parameter counts where it is first read. */
sk_status layers_of(struct arena *arena, const struct graph *graph, struct layers *layers);

/* An op's cost; bytes of its values where it has no rule of its own. */
struct cost layer_cost(const struct graph *graph, const struct node *node);

#endif
