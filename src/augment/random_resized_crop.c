/* random_resized_crop.c — a part of random area and shape, resized to the input's size.
 *
 * torchvision's RandomResizedCrop: ten tries, then the largest allowed part from the middle. Szegedy et
 * al., "Going deeper with convolutions", CVPR 2015. SPDX-License-Identifier: Apache-2.0 */
#include "augment/random_resized_crop.h"

#include <math.h>

#include "augment/transform.h"

enum { TRIES = 10 };

bool crop_try(int height, int width, double share, double log_ratio, struct picture_box *box) {
    double area = (double)height * width * share, ratio = exp(log_ratio);
    double w = nearbyint(sqrt(area * ratio)), h = nearbyint(sqrt(area / ratio)); /* half to even, as Python */
    if (!(w > 0 && w <= width && h > 0 && h <= height)) return false;
    box->width = (int)w;
    box->height = (int)h;
    return true;
}

void crop_fallback(int height, int width, double ratio_min, double ratio_max, struct picture_box *box) {
    double ratio = (double)width / height;
    box->width = width;
    box->height = height;
    if (ratio < ratio_min)
        box->height = (int)nearbyint(width / ratio_min);
    else if (ratio > ratio_max)
        box->width = (int)nearbyint(height * ratio_max);
    if (box->height < 1) box->height = 1;
    if (box->width < 1) box->width = 1;
    if (box->height > height) box->height = height;
    if (box->width > width) box->width = width;
    box->top = (height - box->height) / 2;
    box->left = (width - box->width) / 2;
}

static sk_status check(const struct augment_options *o) {
    if (!o->random_resized_crop) return SK_OK;
    FAIL_IF(!(o->scale_min > 0 && o->scale_min <= o->scale_max && o->scale_max <= 1), SK_EUSAGE,
            "random resized crop: scale from %g to %g; expected 0 < from <= to <= 1", o->scale_min, o->scale_max);
    FAIL_IF(!(o->ratio_min > 0 && o->ratio_min <= o->ratio_max && isfinite(o->ratio_max)), SK_EUSAGE,
            "random resized crop: ratio from %g to %g; expected 0 < from <= to", o->ratio_min, o->ratio_max);
    FAIL_IF((int)o->train_filter < 0 || o->train_filter >= RESIZE_FILTERS, SK_EUSAGE,
            "random resized crop: unknown resize filter");
    FAIL_IF(o->random_crop, SK_EUSAGE, "random resized crop and random crop exclude each other: switch one off");
    return SK_OK;
}

void crop_draw(const struct augment_options *o, struct rng *rng, int height, int width, struct picture_box *box) {
    double low = log(o->ratio_min), high = log(o->ratio_max);
    bool found = false;
    for (int i = 0; i < TRIES && !found; i++) {
        double share = o->scale_min + (o->scale_max - o->scale_min) * rng_double(rng);
        double log_ratio = low + (high - low) * rng_double(rng);
        found = crop_try(height, width, share, log_ratio, box);
    }
    if (found) {
        box->top = (int)rng_below(rng, (uint64_t)(height - box->height + 1));
        box->left = (int)rng_below(rng, (uint64_t)(width - box->width + 1));
    } else {
        crop_fallback(height, width, o->ratio_min, o->ratio_max, box);
    }
}

static bool part(const struct augment_options *o, struct rng *rng, int height, int width, struct picture_box *box,
                 int to[2]) {
    if (!o->random_resized_crop) return false;
    crop_draw(o, rng, height, width, box);
    to[0] = o->preprocess.crop_height;
    to[1] = o->preprocess.crop_width;
    return true;
}

static sk_status apply(const struct augment_options *o, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (!o->random_resized_crop) return SK_OK;
    const struct picture source = *picture;
    struct picture_box whole = resize_whole(&source, scratch), box;
    crop_draw(o, rng, whole.height, whole.width, &box);
    augment_say(scratch, "crop %dx%d at %d,%d of %dx%d", box.height, box.width, box.top, box.left, whole.height,
                whole.width);
    return resize_part(&source, &box, o->preprocess.crop_height, o->preprocess.crop_width, o->train_filter, scratch,
                       picture);
}

static bool is_random(const struct augment_options *options) {
    return options->random_resized_crop;
}

const struct transform transform_random_resized_crop = {
    .check = check, .is_random = is_random, .part = part, .apply = apply};
