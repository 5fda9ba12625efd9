/* target.c — smoothing, mixing, class weights and thresholds of targets, and the options of the loss.
 *
 * Smoothing and mixing commute; doing both in the mixing and in the loss smooths twice, as the frameworks would.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/target.h"

#include <string.h>

double target_mean_weight(const struct target_rule *rule, const struct batch *batch) {
    double sum = 0;
    if (!rule->weights || rule->mixed) return 1;
    for (int i = 0; i < batch->count; i++) sum += rule->weights[batch->labels[i]];
    return sum / batch->count;
}

static double smoothed(const struct target_rule *rule, double smoothing, double target) {
    return (1 - smoothing) * target + smoothing / (double)rule->classes;
}

double target_value(const struct target_rule *rule, const struct batch *batch, int64_t row, int64_t column,
                    double mean_weight) {
    double own = column == batch->labels[row] ? 1 : 0, target = own;
    if (rule->mix_smoothing > 0) target = smoothed(rule, rule->mix_smoothing, own);
    if (batch->mix && batch->mix[row].kind != MIX_NOTHING) {
        const struct mixed *m = &batch->mix[row];
        double other = smoothed(rule, rule->mix_smoothing, column == m->label ? 1 : 0);
        target = m->share * target + (1 - m->share) * other;
    }
    target = smoothed(rule, rule->smoothing, target);
    if (rule->by_threshold) target = target > rule->threshold ? 1 : 0;
    return rule->weights ? target * rule->weights[column] / mean_weight : target;
}

void target_fill(const struct target_rule *rule, const struct batch *batch, float *target) {
    double mean = target_mean_weight(rule, batch);
    for (int64_t i = 0; i < batch->count; i++)
        for (int64_t k = 0; k < rule->classes; k++)
            target[i * rule->classes + k] = (float)target_value(rule, batch, i, k, mean);
}

/* ---- from a recipe ---- */

/* Weights of the classes: balanced is scikit-learn's, so that their mean over the pictures is 1. */
static sk_status class_weights(const struct recipe *recipe, int64_t classes, const int64_t *counts, double *weights) {
    const struct text_list *list = &recipe->class_weights;
    bool balanced = list->count == 1 && !strcmp(list->item[0], "balanced");
    int64_t images = 0, present = 0;
    for (int64_t k = 0; counts && k < classes; k++) images += counts[k], present += counts[k] > 0;
    if (balanced ? !counts : list->count != (size_t)classes)
        return recipe_fail(recipe, RECIPE_class_weights, "%zu weights for %lld classes; give one each, or balanced",
                           list->count, (long long)classes);
    for (int64_t k = 0; k < classes; k++) {
        if (balanced)
            weights[k] = counts[k] ? (double)images / (double)(present * counts[k]) : 0;
        else if (!parse_f64(list->item[k], &weights[k]) || !(weights[k] > 0 && weights[k] < 1e6))
            return recipe_fail(recipe, RECIPE_class_weights,
                               "found '%.40s', expected balanced, or a number above 0 for each class", list->item[k]);
    }
    return SK_OK;
}

static sk_status positive_weights(struct loss_rule *loss, struct arena *arena, const struct recipe *recipe,
                                  int64_t classes) {
    const struct f64_list *list = &recipe->loss_bce_positive_weight;
    if (list->count == 0) return SK_OK;
    if (list->count != 1 && list->count != (size_t)classes)
        return recipe_fail(recipe, RECIPE_loss_bce_positive_weight,
                           "%zu weights for %lld classes; give one, or one each", list->count, (long long)classes);
    double *weights = arena_array(arena, (size_t)classes, sizeof *weights);
    if (!weights) return SK_EMEMORY;
    for (int64_t k = 0; k < classes; k++) weights[k] = list->item[list->count == 1 ? 0 : k];
    loss->positive = weights;
    return SK_OK;
}

sk_status target_rule_make(struct target_rule *rule, struct loss_rule *loss, struct arena *arena,
                           const struct recipe *recipe, int64_t classes, const int64_t *class_counts) {
    bool mixed = recipe->mix_of != CHOICE_MIX_NONE;
    *rule = (struct target_rule){.classes = classes,
                                 .smoothing = recipe->label_smoothing,
                                 .mix_smoothing = mixed ? recipe->mix_smoothing : 0,
                                 .mixed = mixed};
    *loss = (struct loss_rule){.bce = recipe->loss == CHOICE_LOSS_BCE, .sum = recipe->loss_bce_sum};
    double *weights = NULL;
    if (recipe->class_weights.count > 0) {
        weights = arena_array(arena, (size_t)classes, sizeof *weights);
        if (!weights) return SK_EMEMORY;
        TRY(class_weights(recipe, classes, class_counts, weights));
    }
    if (!loss->bce) {
        rule->weights = weights;
        return SK_OK;
    }
    loss->weights = weights;
    rule->by_threshold = recipe->loss_bce_threshold >= 0;
    rule->threshold = recipe->loss_bce_threshold;
    return positive_weights(loss, arena, recipe, classes);
}
