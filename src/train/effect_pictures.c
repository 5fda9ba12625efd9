/* effect_pictures.c — the effects of effects.def on pictures, batch statistics, model, loss and evaluation.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "train/effect_rows.h"
#include "train/evaluate.h"
#include "train/from_recipe.h"

/* ---- batch norm ---- */

void tell_statistics(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    int64_t pass = r->batch_size * (r->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT ? r->accumulate : 1);
    int64_t group = r->batch_norm_group;
    text_addf(t, "%lld", (long long)(group > 0 && group < pass ? group : pass));
}

static double batch_share(const struct recipe *r) {
    return r->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH ? r->batch_norm_momentum : 1 - r->batch_norm_momentum;
}

void tell_norm_pace(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g", batch_share(f->recipe));
}

void tell_norm_left(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.4g", pow(1 - batch_share(f->recipe), (double)f->plan.batches));
}

/* ---- model and loss ---- */

void tell_smoothing(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    bool mixes = r->mix_of != CHOICE_MIX_NONE;
    text_addf(t, "%.6g", r->label_smoothing);
    if (mixes && r->mix_smoothing > 0) text_addf(t, " in the loss, %.6g in the mixed targets", r->mix_smoothing);
}

void tell_dropout(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g", f->recipe->model_dropout);
}

void tell_stochastic_depth(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g", f->recipe->model_stochastic_depth);
}

/* Each family's own, by the beginning of its networks' names; a longer one stands before a shorter. */
static const char *own_activation(const char *model) {
    static const char *const own[][2] = {
        {"mobilenet_v2", "relu6"},
        {"mobilenet_v3", "hardswish (relu in the first blocks)"},
        {"efficientnet_lite", "relu6"},
        {"efficientnet", "silu"},
        {"resnet", "relu"},
        {"convnext", "gelu"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strncmp(model, own[i][0], strlen(own[i][0]))) return own[i][1];
    return "own";
}

void tell_activation(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    text_add(t, r->model_activation == CHOICE_ACT_OWN ? own_activation(r->model_name)
                                                      : recipe_word(RECIPE_model_activation, r->model_activation));
}

void tell_kernels_start(const struct effect_facts *f, struct text *t) {
    if (f->recipe->model_init_std > 0)
        text_addf(t, "normal, deviation %.6g", f->recipe->model_init_std);
    else
        text_add(t, "as model.init says");
}

void tell_padding(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    if (r->model_wrap_padding)
        text_add(t, "wrap-around");
    else
        text_add(t, r->model_same_padding ? "SAME, the odd pixel after" : "the same on both sides");
}

void tell_precision(const struct effect_facts *f, struct text *t) {
    text_add(t, recipe_word(RECIPE_precision, f->recipe->precision));
}

/* ---- training pictures ---- */

void tell_fold(const struct effect_facts *f, struct text *t) {
    struct data_options options;
    if (recipe_data(f->recipe, &options) == SK_OK && options.folds)
        text_addf(t, "fold %d of %d of every class", options.fold, options.folds);
    else
        text_add(t, f->recipe->data_fold[0] ? f->recipe->data_fold : "no fold");
}

void tell_train_size(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    text_addf(t, "%lld", (long long)(r->augment_size > 0 ? r->augment_size : r->preprocess_crop));
}

void tell_train_crop(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    const double *area = r->augment_rrc_scale.item, *ratio = r->augment_rrc_ratio.item;
    if (r->augment_rrc_enabled)
        text_addf(t, "area %.4g to %.4g, ratio %.4g to %.4g, %s%s, drawn as %s", area[0], area[1], ratio[0], ratio[1],
                  recipe_word(RECIPE_augment_rrc_filter, r->augment_rrc_filter),
                  r->augment_rrc_antialias ? "" : " without antialias",
                  recipe_word(RECIPE_augment_crop_sampler, r->augment_crop_sampler));
    if (r->augment_crop_padding)
        text_addf(t, "%spadded by %lld (%s)", r->augment_rrc_enabled ? ", " : "", (long long)r->augment_crop_padding,
                  recipe_word(RECIPE_augment_pad_mode, r->augment_pad_mode));
    if (!r->augment_rrc_enabled && !r->augment_crop_padding) text_add(t, "none");
}

void tell_policy(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    if (r->augment_timm_policy[0]) {
        text_addf(t, "timm %s", r->augment_timm_policy);
        return;
    }
    if (r->augment_policy == CHOICE_POLICY_NONE) {
        text_add(t, "none");
        return;
    }
    text_addf(t, "%s as %s", recipe_word(RECIPE_augment_policy, r->augment_policy),
              recipe_word(RECIPE_augment_policy_of, r->augment_policy_of));
    if (r->augment_policy == CHOICE_POLICY_AUTO)
        text_addf(t, ", %s", recipe_word(RECIPE_augment_autoaugment, r->augment_autoaugment));
    if (r->augment_policy == CHOICE_POLICY_RAND)
        text_addf(t, ", %lld of magnitude %.4g, deviation %.4g, probability %s",
                  (long long)r->augment_randaugment_layers, r->augment_randaugment_magnitude,
                  r->augment_randaugment_magnitude_std, r->augment_randaugment_probability);
    if (r->augment_policy_of == CHOICE_POLICY_TF)
        text_addf(t, ", cutout %.4g, translate %.4g", r->augment_randaugment_cutout_const,
                  r->augment_randaugment_translate_const);
    for (size_t i = 0; i < r->augment_randaugment_exclude.count; i++)
        text_addf(t, "%s%s", i ? " " : ", without ", r->augment_randaugment_exclude.item[i]);
}

void tell_erasing(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    if (r->augment_erasing_probability == 0)
        text_add(t, "none");
    else
        text_addf(t, "%.4g as %s, area %.4g to %.4g, %s", r->augment_erasing_probability,
                  recipe_word(RECIPE_augment_erasing_of, r->augment_erasing_of), r->augment_erasing_area.item[0],
                  r->augment_erasing_area.item[1], recipe_word(RECIPE_augment_erasing_fill, r->augment_erasing_fill));
}

void tell_mixing(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    bool cuts = r->mix_cutmix > 0 || r->mix_cutmix_area.count > 0;
    if (r->mix_of == CHOICE_MIX_NONE || (r->mix_mixup == 0 && !cuts)) {
        text_add(t, "none");
        return;
    }
    text_addf(t, "as %s, probability %.4g", recipe_word(RECIPE_mix_of, r->mix_of), r->mix_probability);
    if (r->mix_mixup > 0) text_addf(t, ", Mixup %.4g", r->mix_mixup);
    if (cuts) text_addf(t, ", CutMix %.4g", r->mix_cutmix);
    if (r->mix_mixup > 0 && cuts) text_addf(t, ", switch %.4g", r->mix_switch_probability);
    text_addf(t, ", by %s", recipe_word(RECIPE_mix_mode, r->mix_mode));
    if (r->mix_rounding == CHOICE_ROUNDING_UINT8) text_add(t, ", bytes");
}

void tell_distinct_train(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    double images = (double)f->plan.images_used;
    if (r->sampling == CHOICE_SAMPLING_REPEATED) images /= r->repeat;
    text_addf(t, "%s%.0f", r->sampling == CHOICE_SAMPLING_SHUFFLE ? "" : "about ", images);
}

/* ---- evaluation ---- */

void tell_eval_pixels(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    const char *filter = recipe_word(RECIPE_preprocess_filter, r->preprocess_filter);
    if (r->preprocess_crop_share > 0)
        text_addf(t, "middle %.4g resized to %lld", r->preprocess_crop_share, (long long)r->preprocess_crop);
    else
        text_addf(t, "%lld, crop %lld", (long long)r->preprocess_resize, (long long)r->preprocess_crop);
    text_addf(t, ", %s%s, as %s", filter, r->preprocess_antialias ? "" : " without antialias",
              recipe_word(RECIPE_preprocess_resize_by, r->preprocess_resize_by));
}

void tell_eval_distinct(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%lld", (long long)evaluation_plan_of(f->recipe, f->input->val_images).distinct);
}

void tell_eval_scored(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%lld", (long long)evaluation_plan_of(f->recipe, f->input->val_images).scored);
}
