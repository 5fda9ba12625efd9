/* random_resized_crop.c — a part of random area and shape, resized to the input's size.
 *
 * torchvision's RandomResizedCrop: ten tries, then the largest allowed part from the middle; or as TF draws, where the
 * ratio and the height are uniform, the last place is never taken and what cannot be drawn is the whole picture. Szegedy
 * et al., "Going deeper with convolutions", CVPR 2015. SPDX-License-Identifier: Apache-2.0 */
#include "augment/random_resized_crop.h"

#include <math.h>

#include "augment/transform.h"

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

/* ---- TF's ---- */

static float tf_area(int height, int width, double share) {
    return (float)share * (float)width * (float)height;
}

static int tf_round(float x) {
    return (int)lrintf(x); /* half to even */
}

void crop_tf_heights(const struct augment_options *o, int height, int width, float ratio, int heights[2]) {
    int low = tf_round(sqrtf(tf_area(height, width, o->scale_min) / ratio));
    int high = tf_round(sqrtf(tf_area(height, width, o->scale_max) / ratio));
    if (tf_round((float)high * ratio) > width) {
        high = (int)(((float)width + 0.5 - (double)0.0000001F) / (double)ratio);
        if (tf_round((float)high * ratio) > width) high--;
    }
    if (high > height) high = height;
    heights[0] = low < high ? low : high;
    heights[1] = high;
}

bool crop_tf_size(const struct augment_options *o, int height, int width, float ratio, int drawn,
                  struct picture_box *box) {
    float least = tf_area(height, width, o->scale_min), most = tf_area(height, width, o->scale_max);
    int h = drawn, w = tf_round((float)h * ratio);
    if ((float)((int64_t)w * h) < least) h++, w = tf_round((float)h * ratio);
    if ((float)((int64_t)w * h) > most) h--, w = tf_round((float)h * ratio);
    float area = (float)((int64_t)w * h);
    if (area < least || area > most || w > width || h > height || w <= 0 || h <= 0) return false;
    box->height = h;
    box->width = w;
    return area / (float)((int64_t)width * height) >= (float)o->min_covered;
}

static void draw_tf(const struct augment_options *o, struct rng *rng, int height, int width, struct picture_box *box) {
    float low = (float)o->ratio_min, high = (float)o->ratio_max;
    *box = (struct picture_box){.height = height, .width = width};
    for (int i = 0; i < o->attempts; i++) {
        int heights[2];
        float ratio = rng_float(rng) * (high - low) + low;
        crop_tf_heights(o, height, width, ratio, heights);
        int drawn = heights[0] + (int)rng_below(rng, (uint64_t)(heights[1] - heights[0] + 1));
        struct picture_box part = {0};
        if (!crop_tf_size(o, height, width, ratio, drawn, &part)) continue;
        part.top = (int)rng_below(rng, (uint64_t)(height - part.height)); /* 0 of none: 0 */
        part.left = (int)rng_below(rng, (uint64_t)(width - part.width));
        *box = part;
        break;
    }
    if (o->centre_whole && box->height == height && box->width == width) *box = preprocess_middle(height, width, 0.875);
}

/* ---- the transform ---- */

static sk_status check(const struct augment_options *o) {
    if (!o->random_resized_crop) return SK_OK;
    FAIL_IF(o->attempts < 1, SK_EUSAGE, "random resized crop: %d attempts; expected at least 1", o->attempts);
    FAIL_IF(!o->crop_of_tf && o->centre_whole, SK_EUSAGE,
            "augment.random_resized_crop.centre_whole is for augment.crop_sampler tf alone");
    FAIL_IF(o->preprocess.by == RESIZE_BY_TF && o->train_filter == RESIZE_BOX, SK_EUSAGE,
            "random resized crop: tf.image.resize has no box filter here");
    FAIL_IF(!o->train_antialias && o->train_filter == RESIZE_BOX, SK_EUSAGE,
            "random resized crop: the box filter has no form without antialias");
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
    if (o->crop_of_tf) {
        draw_tf(o, rng, height, width, box);
        return;
    }
    for (int i = 0; i < o->attempts && !found; i++) {
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
    bool shrinks = o->train_antialias && o->preprocess.by == RESIZE_BY_PILLOW; /* may come shrunk */
    to[0] = shrinks ? o->preprocess.crop_height : 0;
    to[1] = shrinks ? o->preprocess.crop_width : 0;
    return true;
}

/* timm's train_interpolation random; its numbers stand in the upper half of the transform's, so that boxes stay as they are. */
static enum resize_filter draw_filter(const struct augment_options *o, const struct rng *start) {
    struct rng rng = *start;
    rng.counter[0] += 1U << 15;
    if (!o->random_filter) return o->train_filter;
    return rng_u32(&rng) >> 31 ? RESIZE_BICUBIC : RESIZE_BILINEAR;
}

static sk_status apply(const struct augment_options *o, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (!o->random_resized_crop) return SK_OK;
    const struct picture source = *picture;
    struct picture_box whole = resize_whole(&source, scratch), box;
    const enum resize_filter filter = draw_filter(o, rng);
    crop_draw(o, rng, whole.height, whole.width, &box);
    augment_say(scratch, "crop %dx%d at %d,%d of %dx%d", box.height, box.width, box.top, box.left, whole.height,
                whole.width);
    if (o->random_filter) augment_say(scratch, "%s", resize_filter_name(filter));
    struct picture_resize to = {o->preprocess.crop_height, o->preprocess.crop_width, filter, o->train_antialias};
    return resize_by(o->preprocess.by, &source, &box, &to, scratch, picture);
}

static bool is_random(const struct augment_options *options) {
    return options->random_resized_crop;
}

const struct transform transform_random_resized_crop = {
    .check = check, .keeps_numbers = true, .is_random = is_random, .part = part, .apply = apply};
