/* recipe_check.c — what no single key can say: lists of agreeing length, low not above high.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/recipe_keys.h"

/* mean and std have one number per channel. */
static sk_status check_channels(const struct recipe *r, enum recipe_key_id id, const struct f64_list *list) {
    if (list->count == (size_t)r->preprocess_channels) return SK_OK;
    return recipe_fail(r, id, "%zu numbers for preprocess.channels %lld; give one per channel", list->count,
                       (long long)r->preprocess_channels);
}

static sk_status check_rising(const struct recipe *r, enum recipe_key_id id, const struct f64_list *list) {
    for (size_t i = 1; i < list->count; i++) {
        if (list->item[i] < list->item[i - 1])
            return recipe_fail(r, id, "%g stands before %g; expected rising numbers", list->item[i - 1], list->item[i]);
    }
    return SK_OK;
}

static sk_status check_average(const struct recipe *r) {
    TRY(check_rising(r, RECIPE_schedule_noise_range, &r->schedule_noise_range));
    if (r->average_last && r->average_best)
        return recipe_fail(r, RECIPE_average_best, "%lld, but average.last is %lld; one mean is made, of the one or the other",
                           (long long)r->average_best, (long long)r->average_last);
    if (r->average_recalibrate && !r->average_last && !r->average_best)
        return recipe_fail(r, RECIPE_average_recalibrate, "true, but neither average.last nor average.best says of what");
    if (r->ema_best == CHOICE_EMA_BEST_EMA && r->ema_form == CHOICE_EMA_NONE)
        return recipe_fail(r, RECIPE_ema_best, "ema, but ema.form is none: there is no moving average to choose by");
    return SK_OK;
}

static sk_status check_layers(const struct recipe *r) {
    bool min = r->layer_decay_min_scale > 0;
    if (r->layer_decay < 1 || (!min && r->layer_decay_no_opt_scale == 0)) return SK_OK;
    return recipe_fail(r, min ? RECIPE_layer_decay_min_scale : RECIPE_layer_decay_no_opt_scale,
                       "set, but layer_decay is 1: every layer has all of the learning rate");
}

sk_status recipe_check(const struct recipe *r) {
    TRY(check_channels(r, RECIPE_preprocess_mean, &r->preprocess_mean));
    TRY(check_channels(r, RECIPE_preprocess_std, &r->preprocess_std));
    TRY(check_rising(r, RECIPE_augment_rrc_scale, &r->augment_rrc_scale));
    TRY(check_rising(r, RECIPE_augment_rrc_ratio, &r->augment_rrc_ratio));
    TRY(check_rising(r, RECIPE_schedule_milestones, &r->schedule_milestones));
    if (r->optimizer_nesterov && r->optimizer_momentum == 0)
        return recipe_fail(r, RECIPE_optimizer_nesterov,
                           "true, but optimizer.momentum is 0; set a momentum or turn it off");
    TRY(check_average(r));
    TRY(check_layers(r));
    if (r->augment_size > 0 && r->freeze.count > 0)
        return recipe_fail(r, RECIPE_augment_size, "%lld, and freeze: what is kept of a frozen part is of one size alone",
                           (long long)r->augment_size);
    if (r->schedule_end_lr > r->schedule_lr)
        return recipe_fail(r, RECIPE_schedule_end_lr, "%g is above schedule.lr %g", r->schedule_end_lr, r->schedule_lr);
    return SK_OK;
}
