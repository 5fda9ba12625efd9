/* optimizer.h — an optimizer step over flat blocks: parameters, gradients and slots of one layout.
 *
 * Everything is element by element, so any cut into ranges, by any number of threads, gives the same bits.
 * The arithmetic is written once and compiled for float and for double (the reference run).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_OPTIMIZER_H
#define SK_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "files/recipe.h"

enum { OPTIMIZER_SLOTS = 3 };

struct optimizer_kind; /* a row of optimizers.def */

/* Plain data, made once from the recipe. */
struct optimizer {
    const struct optimizer_kind *kind;
    double momentum, alpha, eps, initial_mean_square;
    double beta1, beta2, eps_root;
    bool nesterov, lr_in_momentum, eps_in_sqrt, centered, bias_correction, eps_hat;
    bool decoupled; /* weight decay multiplies the parameter instead of entering the gradient */
    int slots;      /* blocks of the parameters' layout that it keeps: 0 … OPTIMIZER_SLOTS */
};
sk_status optimizer_make(struct optimizer *optimizer, const struct recipe *recipe);

/* A slot's name ("mean_square", "momentum", "mean_gradient") for the checkpoint, and the value it starts with. */
const char *optimizer_slot_name(const struct optimizer *optimizer, int slot);
double optimizer_slot_start(const struct optimizer *optimizer, int slot);

/* A tensor's part of the blocks and its coefficient; segments are sorted, adjoining, and cover the blocks. */
struct decay_segment {
    int64_t begin, end;
    double decay;
    double l2; /* beside a decoupled decay: added to the gradient */
};

/* How a segment moves. */
struct pace {
    double lr;     /* multiplies the step's learning rate; 0: frozen, neither it nor its slots move */
    int64_t since; /* the optimizer step at which it began to move: its slots' age counts from there */
};

/* What changes from step to step. */
struct optimizer_step {
    double lr;
    int64_t step; /* optimizer steps already made: 0 at the first */
    const struct decay_segment *segments;
    int64_t segment_count;
    const struct pace *paces; /* (segment_count); NULL: all move at lr, from step 0 */
};

/* Blocks must not overlap; unused slots are NULL. */
struct blocks_f32 {
    float *parameters;
    const float *gradients;
    float *slot[OPTIMIZER_SLOTS];
};
struct blocks_f64 {
    double *parameters;
    const double *gradients;
    double *slot[OPTIMIZER_SLOTS];
};

/* Update elements begin … end-1. Ranges of one step may be run by different threads at the same time. */
void optimizer_update_f32(const struct optimizer *optimizer, const struct optimizer_step *step,
                          const struct blocks_f32 *blocks, int64_t begin, int64_t end);
void optimizer_update_f64(const struct optimizer *optimizer, const struct optimizer_step *step,
                          const struct blocks_f64 *blocks, int64_t begin, int64_t end);

#endif
