/* lint_batches.c — keys of crops, erasing, sampling, mixing, losses, resizes and decoding that the others make idle.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/data.h"
#include "data/data.h"
#include "train/lint_rows.h"
#include "train/precision.h"

/* Who reads a key. */
enum reader {
    READ_ERASING,
    READ_PARTS,
    READ_VALUE,
    READ_REPEAT,
    READ_BCE,
    READ_TF_CROP,
    READ_CROP,
    READ_FILTER,
    READ_MIX,
    READ_TIMM,
    READ_SMOOTHED,
    READ_BOTH,
    READ_RESIZE,
    READ_FAST,
    READ_SHORT
};

static const struct {
    enum recipe_key_id id;
    enum reader reader;
} keys[] = {
    {RECIPE_augment_erasing_of, READ_ERASING},
    {RECIPE_augment_erasing_area, READ_ERASING},
    {RECIPE_augment_erasing_aspect, READ_ERASING},
    {RECIPE_augment_erasing_count, READ_PARTS},
    {RECIPE_augment_erasing_trials, READ_ERASING},
    {RECIPE_augment_erasing_fill, READ_ERASING},
    {RECIPE_augment_erasing_value, READ_VALUE},
    {RECIPE_repeat, READ_REPEAT},
    {RECIPE_repeat_of, READ_REPEAT},
    {RECIPE_repeat_replicas, READ_REPEAT},
    {RECIPE_loss_bce_sum, READ_BCE},
    {RECIPE_loss_bce_threshold, READ_BCE},
    {RECIPE_loss_bce_positive_weight, READ_BCE},
    {RECIPE_augment_rrc_min_covered, READ_TF_CROP},
    {RECIPE_augment_rrc_centre_whole, READ_TF_CROP},
    {RECIPE_augment_rrc_attempts, READ_CROP},
    {RECIPE_augment_crop_sampler, READ_CROP},
    {RECIPE_augment_rrc_filter, READ_FILTER},
    {RECIPE_mix_probability, READ_MIX},
    {RECIPE_mix_off_epoch, READ_MIX},
    {RECIPE_mix_mode, READ_TIMM},
    {RECIPE_mix_rounding, READ_TIMM},
    {RECIPE_mix_correct_area, READ_TIMM},
    {RECIPE_mix_cutmix_area, READ_TIMM},
    {RECIPE_mix_smoothing, READ_SMOOTHED},
    {RECIPE_mix_switch_probability, READ_BOTH},
    {RECIPE_preprocess_resize, READ_RESIZE},
    {RECIPE_preprocess_squash, READ_RESIZE},
    {RECIPE_data_decode, READ_FAST},
    {RECIPE_drop_last, READ_SHORT},
};

/* Why nobody reads it; NULL: somebody does. */
static const char *idle(const struct recipe *r, enum reader reader) {
    bool erases = r->augment_erasing_probability > 0, mixes = r->mix_of != CHOICE_MIX_NONE;
    bool timm = r->mix_of == CHOICE_MIX_TIMM, cuts = r->mix_cutmix > 0 || r->mix_cutmix_area.count > 0;
    bool tf_crop = r->augment_rrc_enabled && r->augment_crop_sampler == CHOICE_CROP_TF;
    switch (reader) {
    case READ_ERASING: return erases ? NULL : "augment.erasing.probability is 0";
    case READ_PARTS:
        if (!erases) return "augment.erasing.probability is 0";
        return r->augment_erasing_of != CHOICE_ERASING_TORCHVISION ? NULL
                                                                   : "augment.erasing.of torchvision erases one part";
    case READ_VALUE:
        return erases && r->augment_erasing_fill == CHOICE_ERASING_ZERO
                   ? NULL
                   : "augment.erasing.fill is not zero, or nothing is erased";
    case READ_REPEAT: return r->sampling == CHOICE_SAMPLING_REPEATED ? NULL : "sampling is not repeated";
    case READ_BCE: return r->loss == CHOICE_LOSS_BCE ? NULL : "loss is not bce";
    case READ_TF_CROP: return tf_crop ? NULL : "augment.crop_sampler is not tf";
    case READ_CROP: return r->augment_rrc_enabled ? NULL : "augment.random_resized_crop.enabled is false";
    case READ_FILTER: /* policies take it over; what is only brought to size takes it, too, but draws nothing */
        if (r->augment_rrc_enabled || r->augment_rrc_filter != CHOICE_RRC_RANDOM) return NULL;
        return r->augment_policy != CHOICE_POLICY_NONE || r->augment_timm_policy[0]
                   ? NULL
                   : "random is of random crops and policies alone, and both are off";
    case READ_MIX: return mixes ? NULL : "mix.of is none";
    case READ_TIMM: return timm ? NULL : "mix.of is not timm";
    case READ_SMOOTHED:
        return timm || r->mix_of == CHOICE_MIX_TF ? NULL : "only timm and tf smooth labels before they mix them";
    case READ_BOTH: return mixes && cuts && r->mix_mixup > 0 ? NULL : "Mixup and CutMix are not both on";
    case READ_RESIZE: return r->preprocess_crop_share == 0 ? NULL : "preprocess.crop_share cuts before the resize";
    case READ_SHORT: return r->data_stream == CHOICE_DATA_EPOCHS ? NULL : "data.stream has whole batches alone";
    case READ_FAST:
        if (data_place_of(r->data_spec) == DATA_PLACE_MEMORY) return "these data are pixels already";
        return r->augment_rrc_enabled ? NULL
                                      : "augment.random_resized_crop.enabled is false, and pictures are needed whole";
    }
    return NULL;
}

bool lint_finds_batch_keys_unused(const struct lint *l, struct text *t) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *why = lint_differs(l, keys[i].id) ? idle(l->recipe, keys[i].reader) : NULL;
        if (why) return lint_say(t, "%s is set, but %s: it has no effect", recipe_key_name(keys[i].id), why);
    }
    return false;
}

bool lint_finds_precision_idle(const struct lint *l, struct text *t) {
    struct precision precision;
    if (precision_read(l->recipe, NULL, 1, &precision) != SK_OK) {
        status_clear(); /* what is wrong there is another finding */
        return false;
    }
    return precision.bf16 && !precision.census.bf16 &&
           lint_say(t, "bf16: nothing that is trained has pixels (what is frozen runs as inference does, in f32), so that "
                       "nothing is kept as bf16; leave the key out");
}

bool lint_finds_buffer_unsharded(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    enum data_place place = data_place_of(r->data_spec);
    if (r->data_stream == CHOICE_DATA_REPEAT_FIRST && r->data_shuffle_buffer == 0)
        return lint_say(t, "0, and data.stream repeat_first is about a buffer: set it, or data.stream to repeat");
    if (r->data_stream != CHOICE_DATA_EPOCHS && r->sampling != CHOICE_SAMPLING_SHUFFLE)
        return lint_say(t, "data.stream %s goes over every picture again and again: sampling must be shuffle",
                        recipe_word(RECIPE_data_stream, r->data_stream));
    if (r->data_shuffle_buffer == 0) return false;
    if (r->sampling == CHOICE_SAMPLING_BALANCED)
        return lint_say(t, "shards are read from end to end, and sampling balanced takes classes by turns: set "
                           "data.shuffle_buffer to 0");
    if (place == DATA_PLACE_UNKNOWN || place == DATA_PLACE_SHARDS) return false;
    return lint_say(
        t,
        "a buffer of %lld pictures is for tar and TFRecord shards, and %.200s has none: training refuses it; "
        "set 0, which shuffles all pictures, or `siskin data pack` them",
        (long long)r->data_shuffle_buffer, r->data_spec);
}
