/* flip.c — left and right exchanged with a probability.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/transform.h"
#include "base/cpu.h"
#include "kernels/kernels.h"

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
    enum isa isa;
    TRY(cpu_isa(&isa));
    kernels_of(isa)->mirror_rows(picture->pixels, flipped, (int64_t)rows, (int64_t)width, (int64_t)channels);
    picture->pixels = flipped;
    for (size_t y = 0; scratch->numbers && y < rows; y++) {
        float *row = scratch->numbers + y * width * channels;
        for (size_t left = 0, right = width - 1; left < right; left++, right--)
            for (size_t c = 0; c < channels; c++) {
                float kept = row[left * channels + c];
                row[left * channels + c] = row[right * channels + c];
                row[right * channels + c] = kept;
            }
    }
    augment_say(scratch, "flip");
    return SK_OK;
}

static bool is_random(const struct augment_options *options) {
    return options->flip_probability > 0;
}

const struct transform transform_flip = {.check = check, .keeps_numbers = true, .is_random = is_random, .apply = apply};
