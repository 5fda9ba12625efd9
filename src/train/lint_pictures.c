/* lint_pictures.c — lints of sizes, pixels, batches, loss, frozen parts and evaluation.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "train/lint_rows.h"

/* ---- values that do not fit ---- */

bool lint_finds_recipe(const struct lint *l, struct text *t) {
    return l->problem && lint_say(t, "%s", l->problem);
}

bool lint_finds_channels(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->model_in_channels == r->preprocess_channels) return false;
    return lint_say(t, "the model takes %lld channels, preprocess.channels gives %lld; make them equal",
                    (long long)r->model_in_channels, (long long)r->preprocess_channels);
}

bool lint_finds_input_size(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool both = recipe_is_set(r, RECIPE_model_input_size) && recipe_is_set(r, RECIPE_preprocess_crop);
    if (!both || r->model_input_size == r->preprocess_crop) return false; /* else one follows the other */
    return lint_say(t, "the model is made for %lld pixels, preprocess.crop gives it %lld",
                    (long long)r->model_input_size, (long long)r->preprocess_crop);
}

bool lint_finds_resize_below_crop(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->preprocess_resize == 0 || r->preprocess_resize >= r->preprocess_crop) return false;
    return lint_say(t, "pictures are resized to %lld and cropped to %lld: the border is padding",
                    (long long)r->preprocess_resize, (long long)r->preprocess_crop);
}

/* ---- batches and pictures ---- */

bool lint_finds_images_left_out(const struct lint *l, struct text *t) {
    if (!l->planned || l->plan.images_left_out == 0) return false;
    return lint_say(t, "%lld of %lld training pictures are left out of every epoch, others each time",
                    (long long)l->plan.images_left_out, (long long)l->plan.images);
}

bool lint_finds_short_batch(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    int64_t rest = l->input->train_images % schedule_pass_images(r);
    if (r->data_stream != CHOICE_DATA_EPOCHS) return false; /* every batch is whole */
    if (r->batch_norm_group) rest %= r->batch_norm_group;
    if (r->drop_last || rest == 0 || rest >= 8 || rest * 4 >= schedule_pass_images(r)) return false;
    return lint_say(
        t, "an epoch's last batch has %lld pictures: batch statistics over so few are noise; set drop_last=true",
        (long long)rest);
}

bool lint_finds_batch_statistics(const struct lint *l, struct text *t) {
    int64_t group = l->recipe->batch_norm_group, together = group ? group : l->recipe->batch_size;
    if (together >= 8) return false;
    return lint_say(t, "batch-norm's statistics come from %lld pictures; expect a worse model below 8",
                    (long long)together);
}

bool lint_finds_accumulate_statistics(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->accumulate == 1 || r->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT) return false;
    return lint_say(t, "gradients of %lld batches are averaged, but batch-norm still sees %lld pictures at a time",
                    (long long)r->accumulate, (long long)r->batch_size);
}

bool lint_finds_frozen_fresh(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->layer_decay_no_opt_scale > 0 && !r->init_from[0])
        return lint_say(t, "layers below layer_decay_no_opt_scale are not trained, but the run begins with fresh weights; "
                           "set init_from to a model file");
    return r->freeze.count > 0 && !r->init_from[0] &&
           lint_say(t, "%s is frozen, but the run begins with fresh weights; set init_from to a model file",
                    r->freeze.item[0]);
}

bool lint_finds_frozen_moving(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    return r->freeze.count > 0 && r->freeze_batch_norm == CHOICE_FREEZE_NORM_FALSE &&
           lint_say(
               t, "false: batch norms of frozen layers look at each batch and move their statistics, so that what the "
                  "frozen layers give goes on changing; auto holds them");
}

bool lint_finds_balanced_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    return r->sampling == CHOICE_SAMPLING_BALANCED && r->class_weights.count > 0 &&
           lint_say(t, "each class is shown equally often, and class_weights weigh it as well: one of them is enough");
}

bool lint_finds_no_validation(const struct lint *l, struct text *t) {
    bool none = strcmp(l->recipe->data_split, "none") == 0 || (l->input->train_images > 0 && l->input->val_images == 0);
    return none && lint_say(t, "no validation picture: the best model cannot be told from the last");
}

bool lint_finds_expect_beyond_end(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    int64_t last = r->expect_count ? r->expect[r->expect_count - 1].epoch : 0;
    if (last <= r->epochs) return false;
    return lint_say(t, "expect: names epoch %lld of %lld; the curve belongs to a longer run", (long long)last,
                    (long long)r->epochs);
}

bool lint_finds_lint_ok_idle(const struct lint *l, struct text *t) {
    size_t found = 0;
    for (size_t e = 0; e < l->recipe->excuse_count; e++) {
        const char *name = l->recipe->excuse[e].lint;
        if (lint_has_fired(l, name) || l->recipe->excuse[e].path != l->recipe->path)
            continue; /* a base's may be idle here */
        text_addf(t, "%s%s", found++ ? ", " : "", name);
    }
    return found && lint_say(t, ": excused by lint_ok, but not found; take it out");
}

/* ---- probabilities and pixels that were given in another unit ---- */

bool lint_finds_keep_rate(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    double rates[] = {r->model_dropout, r->head_dropout, r->model_stochastic_depth};
    static const char *const names[] = {"model.dropout", "head.dropout", "model.stochastic_depth"};
    for (int i = 0; i < 3; i++) {
        if (rates[i] <= 0.5) continue;
        return lint_say(t, "%s %g leaves out more than it keeps: if it is the share that is kept, set %.6g", names[i],
                        rates[i], 1 - rates[i]);
    }
    return false;
}

/* How far black and white lie apart in the network's input; about 4.4 by ImageNet's mean and deviation. */
static double pixel_span(const struct recipe *r, size_t channel) {
    return 255 / r->preprocess_divisor / r->preprocess_std.item[channel];
}

bool lint_finds_normalised_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    for (size_t c = 0; c < r->preprocess_std.count && c < r->preprocess_mean.count; c++) {
        double white = 255 / r->preprocess_divisor;
        if (pixel_span(r, c) >= 0.5 && fabs(r->preprocess_mean.item[c]) <= white * 1.001) continue;
        return lint_say(
            t,
            "pixels are divided by %g to 0 ... %.4g, and then mean %g and std %g are those of another range: "
            "black and white end %.3g apart; scale once, by preprocess.divisor or by mean and std",
            r->preprocess_divisor, white, r->preprocess_mean.item[c], r->preprocess_std.item[c], pixel_span(r, c));
    }
    return false;
}

bool lint_finds_not_normalised(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->preprocess_std.count == 0 || pixel_span(r, 0) <= 50) return false;
    return lint_say(
        t, "black and white end %.3g apart in the network's input; a divisor of 255, or mean and std of 0 to 255",
        pixel_span(r, 0));
}

bool lint_finds_smoothing_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool own = r->mix_of == CHOICE_MIX_TIMM || r->mix_of == CHOICE_MIX_TF;
    if (!own || r->mix_smoothing == 0 || r->label_smoothing == 0) return false;
    return lint_say(t, "mixed targets are smoothed by %g, and the loss smooths them again by %g; set one of them to 0",
                    r->mix_smoothing, r->label_smoothing);
}

bool lint_finds_mix_keys_unused(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool on = r->mix_mixup > 0 || r->mix_cutmix > 0 || r->mix_cutmix_area.count > 0;
    if (r->mix_of == CHOICE_MIX_NONE && on)
        return lint_say(t, "mix.of is none: nothing is mixed; set it to the source");
    return r->mix_of != CHOICE_MIX_NONE && !on && lint_say(t, "mix.of is set, but neither mix.mixup nor mix.cutmix");
}

bool lint_finds_eval_drops(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    int64_t rest = l->input->val_images % r->eval_batch_size;
    if (r->eval_stream == CHOICE_STREAM_ONCE || rest == 0) return false;
    return lint_say(
        t, "%lld of %lld validation pictures are never scored, as they make no whole batch; set eval.stream=once",
        (long long)rest, (long long)l->input->val_images);
}
