/* freeze.h — what is held fixed, from when on it is trained, and how fast: decided by names.
 *
 * Recipe keys freeze, unfreeze, freeze_batch_norm, lr_mult and layer_decay. An entry names a module ("features", "classifier.1"), a
 * range of its children ("features.0-12", "layer1-3"), a pattern with * or ?, or one of the words backbone (all but
 * the head), head, all. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_FREEZE_H
#define SK_TRAIN_FREEZE_H

#include "base/arena.h"
#include "files/recipe.h"
#include "models/network.h"
#include "train/layer_decay.h"

/* A stretch of epochs in which the same parameters are trained. */
enum { FREEZE_STAGES = 32 };

struct thaw {
    int64_t epoch; /* epochs trained before it */
    const char *entry;
};

struct freeze {
    const struct recipe *recipe;
    const char *head;   /* beginning of the head's parameter names: "classifier." */
    struct thaw *thaws; /* of unfreeze, in its order */
    size_t thaw_count;
    struct layer_rates layers;     /* of layer_decay */
    int64_t begins[FREEZE_STAGES]; /* first epoch of each stage, rising from 0 */
    int stages;
    struct freeze_view {
        const struct freeze *freeze;
        int64_t epoch;
        struct freezing freezing;
    } views[FREEZE_STAGES];
};

/* Read the keys. An entry that hits no parameter fails, and so does a run that would train nothing. *freeze stays where
 * it is. */
sk_status freeze_make(struct freeze *freeze, struct arena *arena, const struct recipe *recipe,
                      const struct network *network);

int freeze_stage(const struct freeze *freeze, int64_t epoch);
/* For a graph of that stage; NULL where nothing is held. */
const struct freezing *freeze_of(const struct freeze *freeze, int stage);
bool freeze_holds(const struct freeze *freeze, int stage, const char *name);
/* The first epoch from which a parameter is trained; -1: never. */
int64_t freeze_born(const struct freeze *freeze, const char *name);

/* What the parameter's learning rate is multiplied by: the last entry of lr_mult that hits it, else 1; and its layer's
 * share. */
sk_status freeze_rate(const struct freeze *freeze, const char *name, double *rate);

/* True where the entry names this parameter. */
bool name_hit(const char *entry, const char *name, const char *head);

#endif
