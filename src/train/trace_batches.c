/* trace_batches.c — pictures scored, repeated sampling, Mixup and CutMix, erasing, the loss: in effect.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace_batches.h"

#include "train/evaluate.h"
#include "train/from_recipe.h"

static struct evaluation_plan scoring(const struct recipe *r, int64_t images) {
    return evaluation_plan((enum recipe_eval_stream)r->eval_stream, images, r->eval_batch_size);
}

/* Pictures that an epoch of repeated augmentation shows, however often. */
static int64_t different(const struct recipe *r, const struct epoch_plan *plan) {
    if (r->sampling != CHOICE_SAMPLING_REPEATED) return plan->images_used;
    double shown = (double)plan->images_used / r->repeat;
    int64_t whole = (int64_t)shown;
    return whole + ((double)whole < shown);
}

static const char *word(enum recipe_key_id id, int value) {
    return recipe_word(id, value);
}

/* What smoothing leaves of a label that nothing is mixed into. */
static double smoothing_left(const struct recipe *r) {
    double mixing = r->mix_of == CHOICE_MIX_NONE ? 0 : r->mix_smoothing;
    return 1 - (1 - mixing) * (1 - r->label_smoothing);
}

static void text_mixing(const struct recipe *r, struct text *t) {
    bool cuts = r->mix_cutmix > 0 || r->mix_cutmix_area.count == 2, both = cuts && r->mix_mixup > 0;
    if (r->mix_of == CHOICE_MIX_NONE) return;
    text_addf(t, "mixing as %s, with probability %g", word(RECIPE_mix_of, r->mix_of), r->mix_probability);
    if (r->mix_of == CHOICE_MIX_TIMM) text_addf(t, " for each %s", word(RECIPE_mix_mode, r->mix_mode));
    text_add(t, "\n");
    double cut = both ? r->mix_switch_probability : cuts ? 1 : 0;
    if (cut < 1) text_addf(t, "  Mixup %.4g of the time, alpha %g\n", 1 - cut, r->mix_mixup);
    if (cuts && r->mix_cutmix_area.count == 2)
        text_addf(t, "  CutMix %.4g of the time, sides of %g to %g of the picture\n", cut, r->mix_cutmix_area.item[0],
                  r->mix_cutmix_area.item[1]);
    else if (cuts)
        text_addf(t, "  CutMix %.4g of the time, alpha %g\n", cut, r->mix_cutmix);
    if (r->mix_of == CHOICE_MIX_TF)
        text_add(t, "  shares are uniform from 0 to 1, whatever the alphas, for each picture\n");
    if (r->mix_off_epoch > 0) text_addf(t, "  nothing is mixed after epoch %lld\n", (long long)r->mix_off_epoch);
}

static void text_erasing(const struct recipe *r, struct text *t) {
    const struct i64_list *count = &r->augment_erasing_count;
    if (r->augment_erasing_probability == 0) return;
    text_addf(t, "erasing as %s, with probability %g\n", word(RECIPE_augment_erasing_of, r->augment_erasing_of),
              r->augment_erasing_probability);
    text_addf(t, "  %lld to %lld parts of %g to %g of the picture, height/width %g to %g, filled with %s\n",
              (long long)(count->count > 1 ? count->item[0] : 1), (long long)count->item[count->count - 1],
              r->augment_erasing_area.item[0], r->augment_erasing_area.item[1], r->augment_erasing_aspect.item[0],
              r->augment_erasing_aspect.item[1], word(RECIPE_augment_erasing_fill, r->augment_erasing_fill));
}

void trace_batches_text(const struct recipe *r, const struct epoch_plan *plan, int64_t val_images, struct text *t) {
    struct evaluation_plan scored = scoring(r, val_images);
    text_addf(t, "  %lld pictures scored per evaluation", (long long)scored.scored);
    if (r->eval_stream != CHOICE_STREAM_ONCE)
        text_addf(t, ", %lld different ones of %lld (eval.stream %s)", (long long)scored.distinct,
                  (long long)val_images, word(RECIPE_eval_stream, r->eval_stream));
    text_add(t, "\n");
    if (r->sampling == CHOICE_SAMPLING_REPEATED)
        text_addf(t, "  %lld different pictures per epoch, each %g times in a row, dealt to %lld\n",
                  (long long)different(r, plan), r->repeat, (long long)r->repeat_replicas);
    text_erasing(r, t);
    text_mixing(r, t);
    if (r->mix_of != CHOICE_MIX_NONE) text_addf(t, "  label smoothing in effect: %.6g\n", smoothing_left(r));
    if (r->loss != CHOICE_LOSS_BCE) return;
    text_addf(t, "loss bce, %s over classes", r->loss_bce_sum ? "summed" : "mean");
    if (r->loss_bce_threshold >= 0) text_addf(t, ", targets above %g are 1, others 0", r->loss_bce_threshold);
    text_add(t, "\n");
}

static void json_mixing(const struct recipe *r, struct json_writer *w) {
    bool cuts = r->mix_cutmix > 0 || r->mix_cutmix_area.count == 2;
    jw_object(w, "mix");
    jw_string(w, "of", word(RECIPE_mix_of, r->mix_of));
    jw_number(w, "probability", r->mix_of == CHOICE_MIX_NONE ? 0 : r->mix_probability);
    jw_number(w, "cutmix_share", !cuts ? 0 : r->mix_mixup > 0 ? r->mix_switch_probability : 1);
    jw_number(w, "smoothing_in_effect", smoothing_left(r));
    jw_integer(w, "off_epoch", r->mix_off_epoch);
    jw_end_object(w);
}

void trace_batches_json(const struct recipe *r, const struct epoch_plan *plan, int64_t val_images,
                        struct json_writer *w) {
    struct evaluation_plan scored = scoring(r, val_images);
    jw_integer(w, "images_scored", scored.scored);
    jw_integer(w, "distinct_images_scored", scored.distinct);
    jw_integer(w, "distinct_images_per_epoch", different(r, plan));
    jw_string(w, "loss", word(RECIPE_loss, r->loss));
    json_mixing(r, w);
    jw_object(w, "erasing");
    jw_string(w, "of", word(RECIPE_augment_erasing_of, r->augment_erasing_of));
    jw_number(w, "probability", r->augment_erasing_probability);
    jw_end_object(w);
}
