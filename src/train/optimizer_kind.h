/* optimizer_kind.h — what one optimizer's file gives to optimizer.c.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_OPTIMIZER_KIND_H
#define SK_TRAIN_OPTIMIZER_KIND_H

#include "train/optimizer.h"

/* A run of elements with one coefficient; every switch already turned into a number, so that loops need no branch. */
struct element_run {
    double lr;
    double step;       /* optimizer steps with this one: 1 at the first */
    double decay;      /* L2: g + decay * p; 0 = none */
    double decoupled;  /* p - decoupled * p first; 0 = none */
    double correction; /* 1 - alpha^t, or 1 */
    int64_t begin, end;
};

/* What a slot holds and starts with. */
struct optimizer_slot {
    const char *name;
    double start;
};

struct optimizer_kind {
    const char *name;
    /* Fill slots[OPTIMIZER_SLOTS] for these settings; returns how many there are. */
    int (*slots)(const struct optimizer *optimizer, struct optimizer_slot *slots);
    void (*update_f32)(const struct optimizer *optimizer, const struct element_run *run,
                       const struct blocks_f32 *blocks);
    void (*update_f64)(const struct optimizer *optimizer, const struct element_run *run,
                       const struct blocks_f64 *blocks);
};

#define OPTIMIZER(name) extern const struct optimizer_kind name##_optimizer;
#include "train/optimizers.def"
#undef OPTIMIZER

#endif
