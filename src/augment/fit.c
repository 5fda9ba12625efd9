/* fit.c — without a random resized crop: the shorter side to the evaluation's size and, unless a random crop
 * follows, the evaluation's centre crop.
 *
 * Where both sizes are already right (small pictures) it does nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/transform.h"

static sk_status check(const struct augment_options *options) {
    return preprocess_check(&options->preprocess);
}

/* All of it; but it may come shrunk. */
static bool part(const struct augment_options *options, struct rng *rng, int height, int width, struct picture_box *box,
                 int to[2]) {
    (void)rng;
    if (options->random_resized_crop) return false;
    *box = (struct picture_box){.height = height, .width = width};
    preprocess_resized(&options->preprocess, height, width, &to[0], &to[1]);
    if (!options->train_antialias || options->preprocess.by == RESIZE_BY_TF) to[0] = to[1] = 0; /* it must not shrink */
    return true;
}

static sk_status apply(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    (void)rng;
    const struct preprocess *p = &options->preprocess;
    if (options->random_resized_crop) return SK_OK;
    const struct picture source = *picture;
    struct picture_box box = resize_whole(&source, scratch);
    int height, width;
    preprocess_resized(p, box.height, box.width, &height, &width);
    struct picture_resize to = {height, width, options->train_filter, options->train_antialias};
    bool same = height == box.height && width == box.width;
    TRY(resize_by(same ? RESIZE_BY_PILLOW : p->by, &source, &box, &to, scratch, picture));
    if (options->random_crop || (height == p->crop_height && width == p->crop_width)) return SK_OK;
    size_t bytes = (size_t)p->crop_height * (size_t)p->crop_width * (size_t)picture->channels;
    uint8_t *crop = scratch_reserve(scratch, SCRATCH_CROP, bytes);
    if (!crop) return SK_EMEMORY;
    preprocess_centre(picture, p->crop_height, p->crop_width, crop);
    scratch->numbers = NULL; /* a resize to more than the crop is no source's: it is cut as bytes */
    picture->pixels = crop;
    picture->height = p->crop_height;
    picture->width = p->crop_width;
    return SK_OK;
}

const struct transform transform_fit = {.check = check, .keeps_numbers = true, .part = part, .apply = apply};
