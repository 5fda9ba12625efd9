/* fit.c — without a random resized crop: the shorter side to the evaluation's size and, unless a random crop
 * follows, the evaluation's centre crop.
 *
 * Where both sizes are already right (small pictures) it does nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/transform.h"

static sk_status check(const struct augment_options *options) {
    return preprocess_check(&options->preprocess);
}

static sk_status apply(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    (void)rng;
    const struct preprocess *p = &options->preprocess;
    if (options->random_resized_crop) return SK_OK;
    const struct picture source = *picture;
    int height, width;
    preprocess_resized(p, source.height, source.width, &height, &width);
    TRY(resize_picture(&source, NULL, height, width, options->train_filter, scratch, picture));
    if (options->random_crop || (height == p->crop_height && width == p->crop_width)) return SK_OK;
    size_t bytes = (size_t)p->crop_height * (size_t)p->crop_width * (size_t)picture->channels;
    uint8_t *crop = scratch_reserve(scratch, SCRATCH_CROP, bytes);
    if (!crop) return SK_EMEMORY;
    preprocess_centre(picture, p->crop_height, p->crop_width, crop);
    picture->pixels = crop;
    picture->height = p->crop_height;
    picture->width = p->crop_width;
    return SK_OK;
}

const struct transform transform_fit = {.check = check, .apply = apply};
