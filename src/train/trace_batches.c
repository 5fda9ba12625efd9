/* trace_batches.c — pictures scored, how they are read, repeated sampling, Mixup and CutMix, erasing, the loss: in effect.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace_batches.h"

#include <string.h>

#include "data/data.h"
#include "data/index.h"
#include "train/evaluate.h"
#include "train/from_recipe.h"

/* Pictures that an epoch of repeated augmentation shows, however often. */
static int64_t different(const struct recipe *r, const struct epoch_plan *plan) {
    if (r->sampling != CHOICE_SAMPLING_REPEATED) return plan->images_used;
    double shown = (double)plan->images_used / r->repeat;
    int64_t whole = (int64_t)shown;
    return whole + ((double)whole < shown);
}

static bool index_kept(const struct recipe *r, int64_t images) {
    if (!strcmp(r->data_index_cache, "off") || data_place_of(r->data_spec) == DATA_PLACE_MEMORY) return false;
    return strcmp(r->data_index_cache, "auto") != 0 || images >= INDEX_WORTH_KEEPING;
}

static const char *word(enum recipe_key_id id, int value) {
    return recipe_word(id, value);
}

/* What smoothing leaves of a label that nothing is mixed into. */
static double smoothing_left(const struct recipe *r) {
    double mixing = r->mix_of == CHOICE_MIX_NONE ? 0 : r->mix_smoothing;
    return 1 - (1 - mixing) * (1 - r->label_smoothing);
}

static void text_reading(const struct recipe *r, int64_t images, struct text *t) {
    if (r->data_shuffle_buffer > 0)
        text_addf(t, "  shards in random order, each read from end to end through a buffer of %lld pictures\n",
                  (long long)r->data_shuffle_buffer);
    else if (r->sampling == CHOICE_SAMPLING_BALANCED)
        text_add(t, "  classes take turns, each with its pictures in an order of its own\n");
    else
        text_add(t, "  every epoch in an order of its own over all pictures\n");
    if (r->data_stream == CHOICE_DATA_REPEAT)
        text_add(t, "  passes over the data follow one another: a batch takes the last pictures of one and the first of the next\n");
    if (r->data_stream == CHOICE_DATA_REPEAT_FIRST)
        text_add(t, "  the data are repeated before the buffer, which mixes the end of a pass with the next one's beginning\n");
    text_add(t,
             r->data_corrupt == CHOICE_CORRUPT_SKIP
                 ? "  pictures that cannot be decoded are named and counted: the next good one of its class is trained "
                   "on instead, an evaluation leaves it out\n"
                 : "  a picture that cannot be decoded ends the run\n");
    if (data_place_of(r->data_spec) == DATA_PLACE_MEMORY) return;
    if (!index_kept(r, images))
        text_add(t, "  the list of a source's files is not kept: every start reads it anew\n");
    else
        text_addf(t, "  the list of a source's files is kept in %s: the next start reads it from there\n",
                  strcmp(r->data_index_cache, "auto") ? r->data_index_cache : "the user's cache");
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
    if (r->mix_rounding == CHOICE_ROUNDING_UINT8)
        text_add(t, "  bytes are mixed and rounded to bytes, then normalised, then erased\n");
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

/* Cross-validation; trace_make has checked that it reads. */
static struct data_options fold_of(const struct recipe *r) {
    struct data_options options = {0};
    if (r->data_fold[0] && recipe_data(r, &options) != SK_OK) options = (struct data_options){0};
    return options;
}

static void text_fold(const struct recipe *r, struct text *t) {
    struct data_options data = fold_of(r);
    if (data.folds)
        text_addf(
            t,
            "  cross-validation: every class of train is divided by the seed into %d parts; validated on part %d, "
            "trained on the others\n",
            data.folds, data.fold);
}

/* What fast decoding may do; nothing where it is exact. */
static void text_decode(const struct recipe *r, struct text *t) {
    if (r->data_decode != CHOICE_DECODE_FAST) return;
    text_add(t, "data.decode fast, in training alone\n");
    if (data_place_of(r->data_spec) == DATA_PLACE_MEMORY) {
        text_add(t, "  no effect: these data are pixels already\n");
        return;
    }
    if (!r->augment_rrc_enabled) {
        text_add(t, "  no effect: without a random resized crop pictures are needed whole, and decoded exactly\n");
        return;
    }
    bool shrinks = r->augment_rrc_antialias && r->preprocess_resize_by == CHOICE_RESIZE_PILLOW;
    text_addf(t, "  JPEGs: %s; data below the crop are not read, and damage there not seen\n",
              shrinks ? "crops twice, 4 or 8 times as large as the input are shrunk while they are decoded"
                      : "never shrunk, as the resize has no antialias or is TF's");
    text_add(t, "  no effect on PNG, WebP and pictures in memory: decoded whole and exactly\n");
}

void trace_batches_text(const struct recipe *r, const struct epoch_plan *plan, int64_t val_images, struct text *t) {
    struct evaluation_plan scored = evaluation_plan_of(r, val_images);
    text_addf(t, "  %lld pictures scored per evaluation", (long long)scored.scored);
    if (r->eval_stream != CHOICE_STREAM_ONCE)
        text_addf(t, ", %lld different ones of %lld (eval.stream %s)", (long long)scored.distinct,
                  (long long)val_images, word(RECIPE_eval_stream, r->eval_stream));
    text_add(t, "\n");
    if (r->sampling == CHOICE_SAMPLING_REPEATED)
        text_addf(t, "  %lld different pictures per epoch, each %g times in a row, dealt to %lld\n",
                  (long long)different(r, plan), r->repeat, (long long)r->repeat_replicas);
    text_fold(r, t);
    text_reading(r, plan->images + val_images, t);
    if (r->data_label_offset > 0)
        text_addf(t, "  classes 0 to %lld have no pictures; the data's first is class %lld\n",
                  (long long)r->data_label_offset - 1, (long long)r->data_label_offset);
    text_decode(r, t);
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
    struct evaluation_plan scored = evaluation_plan_of(r, val_images);
    jw_integer(w, "images_scored", scored.scored);
    jw_integer(w, "distinct_images_scored", scored.distinct);
    jw_integer(w, "distinct_images_per_epoch", different(r, plan));
    struct data_options data = fold_of(r);
    jw_object(w, "data");
    JW_INTEGERS(w, {"fold", data.fold}, {"folds", data.folds});
    jw_integer(w, "shuffle_buffer", r->data_shuffle_buffer);
    jw_string(w, "stream", word(RECIPE_data_stream, r->data_stream));
    jw_integer(w, "label_offset", r->data_label_offset);
    jw_string(w, "corrupt", word(RECIPE_data_corrupt, r->data_corrupt));
    jw_string(w, "index_cache", r->data_index_cache);
    jw_bool(w, "index_kept", index_kept(r, plan->images + val_images));
    jw_string(w, "decode", word(RECIPE_data_decode, r->data_decode));
    bool encoded = data_place_of(r->data_spec) != DATA_PLACE_MEMORY;
    jw_bool(w, "decode_has_effect", r->data_decode == CHOICE_DECODE_FAST && r->augment_rrc_enabled && encoded);
    jw_end_object(w);
    jw_string(w, "loss", word(RECIPE_loss, r->loss));
    json_mixing(r, w);
    jw_object(w, "erasing");
    jw_string(w, "of", word(RECIPE_augment_erasing_of, r->augment_erasing_of));
    jw_number(w, "probability", r->augment_erasing_probability);
    jw_end_object(w);
}
