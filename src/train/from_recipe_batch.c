/* from_recipe_batch.c — what a recipe says of crops, erasing, and whole batches: what is mixed, what comes again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/from_recipe.h"

void recipe_mix(const struct recipe *r, struct mix_options *mix) {
    static const enum mix_of of[] = {[CHOICE_MIX_NONE] = MIX_OF_NONE,
                                     [CHOICE_MIX_TORCHVISION] = MIX_OF_TORCHVISION,
                                     [CHOICE_MIX_TIMM] = MIX_OF_TIMM,
                                     [CHOICE_MIX_TF] = MIX_OF_TF};
    static const enum mix_mode modes[] = {
        [CHOICE_MIX_BATCH] = MIX_BATCH, [CHOICE_MIX_PAIR] = MIX_PAIR, [CHOICE_MIX_ELEMENT] = MIX_ELEMENT};
    *mix = (struct mix_options){.of = of[r->mix_of],
                                .batch = r->batch_size, /* also where a plan takes a whole step at once */
                                .mode = modes[r->mix_mode],
                                .mixup = r->mix_mixup,
                                .cutmix = r->mix_cutmix,
                                .probability = r->mix_probability,
                                .switch_probability = r->mix_switch_probability,
                                .off_epoch = (uint64_t)r->mix_off_epoch,
                                .rounded = r->mix_rounding == CHOICE_ROUNDING_UINT8,
                                .correct_area = r->mix_correct_area};
    for (size_t i = 0; i < 2 && r->mix_cutmix_area.count == 2; i++) mix->area[i] = r->mix_cutmix_area.item[i];
}

enum order_stream recipe_stream(const struct recipe *r) {
    static const enum order_stream streams[] = {[CHOICE_DATA_EPOCHS] = ORDER_EPOCHS,
                                                [CHOICE_DATA_REPEAT] = ORDER_REPEAT,
                                                [CHOICE_DATA_REPEAT_FIRST] = ORDER_REPEAT_FIRST};
    return streams[r->data_stream];
}

struct repeat recipe_repeat(const struct recipe *r) {
    if (r->sampling != CHOICE_SAMPLING_REPEATED) return (struct repeat){0};
    return (struct repeat){
        .times = r->repeat, .replicas = r->repeat_replicas, .timm = r->repeat_of == CHOICE_REPEAT_TIMM};
}

void recipe_crop_and_erasing(const struct recipe *r, struct augment_options *o) {
    static const enum erasing_of of[] = {[CHOICE_ERASING_TORCHVISION] = ERASING_OF_TORCHVISION,
                                         [CHOICE_ERASING_TIMM] = ERASING_OF_TIMM,
                                         [CHOICE_ERASING_TF] = ERASING_OF_TF};
    static const enum erasing_fill fills[] = {[CHOICE_ERASING_ZERO] = ERASE_VALUE,
                                              [CHOICE_ERASING_NOISE] = ERASE_NOISE,
                                              [CHOICE_ERASING_COLOUR] = ERASE_COLOUR};
    const struct i64_list *count = &r->augment_erasing_count;
    const struct f64_list *value = &r->augment_erasing_value;
    struct erasing *e = &o->erasing;
    o->random_filter = r->augment_rrc_filter == CHOICE_RRC_RANDOM;
    o->attempts = (int)r->augment_rrc_attempts;
    o->crop_of_tf = r->augment_crop_sampler == CHOICE_CROP_TF;
    o->centre_whole = r->augment_rrc_centre_whole;
    o->min_covered = r->augment_rrc_min_covered;
    o->train_antialias = r->augment_rrc_antialias;
    *e = (struct erasing){.probability = r->augment_erasing_probability,
                          .of = of[r->augment_erasing_of],
                          .count = {count->count > 1 ? (int)count->item[0] : 1, (int)count->item[count->count - 1]},
                          .trials = (int)r->augment_erasing_trials,
                          .fill = fills[r->augment_erasing_fill]};
    for (int i = 0; i < 2; i++) e->area[i] = r->augment_erasing_area.item[i];
    for (int i = 0; i < 2; i++) e->aspect[i] = r->augment_erasing_aspect.item[i];
    for (size_t c = 0; c < ERASING_CHANNELS && value->count > 0; c++)
        e->value[c] = (float)value->item[c < value->count ? c : value->count - 1];
}
