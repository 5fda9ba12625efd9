/* decay.h — which tensors are decayed and how much: tensor by tensor, with the rule that decided it.
 *
 * The rules are those that published recipes use (see weight_decay.exclude); whatever no rule excludes is
 * decayed; groups (weight_decay.groups) come last and give coefficients of their own. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_DECAY_H
#define SK_TRAIN_DECAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "files/recipe.h"

/* What a tensor belongs to. */
enum decay_kind {
    DECAY_CONV,
    DECAY_DEPTHWISE,
    DECAY_LINEAR,
    DECAY_BATCH_NORM,
    DECAY_LAYER_NORM,
    DECAY_LAYER_SCALE,
    DECAY_OTHER,
};

struct decay_tensor {
    const char *name; /* torchvision's: "features.0.0.weight"; a name ending in ".bias" is a bias */
    int rank;
    enum decay_kind kind;
    int64_t elements;
    int64_t offset; /* of its first element in the parameter block; rising */
};

struct decay_decision {
    double coefficient;
    const char *rule; /* the entry of weight_decay.exclude or .groups that hit it, or "decayed" */
    double l2;        /* weight_decay.l2 where it holds, else 0 */
};

/* A graph's trained parameters, in its order, in the arena. */
struct graph;
sk_status decay_tensors(const struct graph *graph, struct arena *arena, struct decay_tensor **tensors, size_t *count);

/* One decision per tensor into decisions[count]. A word that is no rule, and a pattern that hits nothing, fail. */
sk_status decay_decide(const struct recipe *recipe, const struct decay_tensor *tensors, size_t count,
                       struct decay_decision *decisions);

/* The decisions as segments[count] over a block of `elements`; the padding behind a tensor goes with it. */
struct decay_segment; /* train/optimizer.h */
void decay_segments(const struct decay_tensor *tensors, const struct decay_decision *decisions, size_t count,
                    int64_t elements, struct decay_segment *segments);

#endif
