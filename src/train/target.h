/* target.h — from labels, and what was mixed into a picture, to the target distributions of a batch.
 *
 * All in double: reference runs take it as it is, the engine takes it rounded to f32 once.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TARGET_H
#define SK_TRAIN_TARGET_H

#include "data/loader.h"
#include "files/recipe.h"
#include "models/model.h"

/* The target distributions (N,classes): labels smoothed, mixed, and smoothed again by the loss.
 *
 * With weights[classes] each column has its class's weight, and all are divided by the mean weight of the labels, as
 * PyTorch's cross-entropy of labels; of mixed targets, whose mean weight PyTorch does not take, by nothing. */
struct target_rule {
    int64_t classes;
    double smoothing;
    const double *weights; /* or NULL */
    double mix_smoothing;  /* before mixing */
    bool mixed;            /* batches are mixed, even if one is left as it is */
    bool by_threshold;     /* then each number becomes 1 if it is above, else 0 */
    double threshold;
};

/* The rule of a recipe, and its loss; class_counts as in trainer_options. */
sk_status target_rule_make(struct target_rule *rule, struct loss_rule *loss, struct arena *arena,
                           const struct recipe *recipe, int64_t classes, const int64_t *class_counts);

double target_mean_weight(const struct target_rule *rule, const struct batch *batch);
/* Of picture `row` in one column. */
double target_value(const struct target_rule *rule, const struct batch *batch, int64_t row, int64_t column,
                    double mean_weight);
void target_fill(const struct target_rule *rule, const struct batch *batch, float *target);

#endif
