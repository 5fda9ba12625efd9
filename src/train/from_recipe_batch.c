/* from_recipe_batch.c — what a recipe says of whole batches: what is mixed, which pictures come again.
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
                                .correct_area = r->mix_correct_area};
    for (size_t i = 0; i < 2 && r->mix_cutmix_area.count == 2; i++) mix->area[i] = r->mix_cutmix_area.item[i];
}

struct repeat recipe_repeat(const struct recipe *r) {
    if (r->sampling != CHOICE_SAMPLING_REPEATED) return (struct repeat){0};
    return (struct repeat){
        .times = r->repeat, .replicas = r->repeat_replicas, .timm = r->repeat_of == CHOICE_REPEAT_TIMM};
}
