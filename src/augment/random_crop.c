/* random_crop.c — pad on every side, then cut a part of the input's size at a random place: usual on CIFAR.
 *
 * The padded picture is never made: rows are put together from the source. Lee et al., "Deeply-supervised
 * nets", 2015. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "augment/transform.h"

enum { PADDING_MAX = 4096 };

static sk_status check(const struct augment_options *options) {
    if (!options->random_crop) return SK_OK;
    FAIL_IF(options->padding < 0 || options->padding > PADDING_MAX, SK_EUSAGE,
            "random crop: padding %d; expected 0 to %d pixels", options->padding, PADDING_MAX);
    FAIL_IF(options->pad_mode != PAD_ZERO && options->pad_mode != PAD_REFLECT, SK_EUSAGE,
            "random crop: unknown pad mode; expected zero or reflect");
    return SK_OK;
}

/* Where position i (< 0 or >= size in the padding) is read: -1 = outside, zero. Reflection leaves the border pixel
 * out and goes to and fro where the padding is wider than the picture. */
static int padded(int i, int size, enum pad_mode mode) {
    if (i >= 0 && i < size) return i;
    if (mode == PAD_ZERO) return -1;
    if (size == 1) return 0;
    int period = 2 * (size - 1);
    i %= period;
    if (i < 0) i += period;
    return i < size ? i : period - i;
}

static void cut_row(const struct picture *source, int y, int left, int width, enum pad_mode mode, uint8_t *out) {
    size_t channels = (size_t)source->channels;
    const uint8_t *row = source->pixels + (size_t)y * (size_t)source->width * channels;
    int from = left < 0 ? -left : 0, to = source->width - left < width ? source->width - left : width;
    if (from > width) from = width;
    if (to < from) to = from;
    for (int x = 0; x < width; x++) {
        if (x == from && to > from) {
            memcpy(out + (size_t)x * channels, row + (size_t)(left + x) * channels, (size_t)(to - from) * channels);
            x = to - 1;
            continue;
        }
        int at = padded(left + x, source->width, mode);
        if (at < 0)
            memset(out + (size_t)x * channels, 0, channels);
        else
            memcpy(out + (size_t)x * channels, row + (size_t)at * channels, channels);
    }
}

static sk_status apply(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (!options->random_crop) return SK_OK;
    int height = options->preprocess.crop_height, width = options->preprocess.crop_width;
    int spare_y = picture->height + 2 * options->padding - height;
    int spare_x = picture->width + 2 * options->padding - width;
    FAIL_IF(spare_y < 0 || spare_x < 0, SK_EDATA,
            "random crop: a picture of %dx%d pixels with padding %d is smaller than the crop of %dx%d: set a resize "
            "or more padding",
            picture->height, picture->width, options->padding, height, width);
    int top = (int)rng_below(rng, (uint64_t)spare_y + 1) - options->padding;
    int left = (int)rng_below(rng, (uint64_t)spare_x + 1) - options->padding;
    size_t stride = (size_t)width * (size_t)picture->channels;
    uint8_t *out = scratch_reserve(scratch, SCRATCH_CROP, (size_t)height * stride);
    if (!out) return SK_EMEMORY;
    for (int y = 0; y < height; y++) {
        int at = padded(top + y, picture->height, options->pad_mode);
        if (at < 0)
            memset(out + (size_t)y * stride, 0, stride);
        else
            cut_row(picture, at, left, width, options->pad_mode, out + (size_t)y * stride);
    }
    picture->pixels = out;
    augment_say(scratch, "crop at %d,%d of the padded picture", top, left);
    picture->height = height;
    picture->width = width;
    return SK_OK;
}

static bool is_random(const struct augment_options *options) {
    return options->random_crop;
}

const struct transform transform_random_crop = {.check = check, .is_random = is_random, .apply = apply};
