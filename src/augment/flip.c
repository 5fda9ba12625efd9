/* flip.c — left and right exchanged with a probability.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/transform.h"

static sk_status check(const struct augment_options *options) {
    FAIL_IF(!(options->flip_probability >= 0 && options->flip_probability <= 1), SK_EUSAGE,
            "flip: probability %g; expected 0 to 1", options->flip_probability);
    return SK_OK;
}

static sk_status apply(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (options->flip_probability == 0 || rng_double(rng) >= options->flip_probability) return SK_OK;
    size_t width = (size_t)picture->width, channels = (size_t)picture->channels, rows = (size_t)picture->height;
    uint8_t *flipped = scratch_reserve(scratch, SCRATCH_FLIP, rows * width * channels);
    if (!flipped) return SK_EMEMORY;
    for (size_t y = 0; y < rows; y++) {
        const uint8_t *in = picture->pixels + y * width * channels;
        uint8_t *out = flipped + (y + 1) * width * channels;
        for (size_t x = 0; x < width; x++, in += channels) {
            out -= channels;
            for (size_t c = 0; c < channels; c++) out[c] = in[c];
        }
    }
    picture->pixels = flipped;
    augment_say(scratch, "flip");
    return SK_OK;
}

static bool is_random(const struct augment_options *options) {
    return options->flip_probability > 0;
}

const struct transform transform_flip = {.check = check, .is_random = is_random, .apply = apply};
