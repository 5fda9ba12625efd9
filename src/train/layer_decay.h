/* layer_decay.h — layer-wise learning-rate decay: which layer a parameter belongs to, and its share of the learning rate.
 *
 * A layer i of N has layer_decay^(N-1-i), at least layer_decay_min_scale: the head has all of it, the stem least
 * (timm's param_groups_layer_decay, after BEiT). SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LAYER_DECAY_H
#define SK_TRAIN_LAYER_DECAY_H

#include "models/model.h"
#include "train/decay.h"

struct layer_rate {
    const char *name;
    int64_t layer; /* 0 = the stem */
    double factor;
    bool held; /* below layer_decay_no_opt_scale: not trained at all */
};

struct layer_rates {
    struct layer_rate *item; /* by tensor; none where layer_decay is off */
    size_t count;
    int64_t layers;
    bool holds; /* any is held */
};

/* Rates of all trained parameters of a network, in its order, in the arena; names are borrowed. */
sk_status layer_rates_make(struct layer_rates *rates, const struct recipe *recipe, const struct model_family *family,
                           const struct decay_tensor *tensors, size_t count, struct arena *arena);
/* NULL where layer_decay is off. */
const struct layer_rate *layer_rate_find(const struct layer_rates *rates, const char *name);

#endif
