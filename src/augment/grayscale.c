/* grayscale.c — colours taken away with a probability; the picture keeps its three channels.
 *
 * torchvision's RandomGrayscale. SPDX-License-Identifier: Apache-2.0 */
#include "augment/pixels.h"
#include "augment/transform.h"

static sk_status check(const struct augment_options *options) {
    FAIL_IF(!(options->grayscale_probability >= 0 && options->grayscale_probability <= 1), SK_EUSAGE,
            "grayscale: probability %g; expected 0 to 1", options->grayscale_probability);
    return SK_OK;
}

static bool is_random(const struct augment_options *options) {
    return options->grayscale_probability > 0;
}

static sk_status apply(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (!is_random(options) || rng_double(rng) >= options->grayscale_probability) return SK_OK;
    const struct pixel_style style = {.rules = PIXEL_RULES_TORCHVISION};
    const struct pixel_step step = {.op = PIXEL_COLOR, .argument = 0};
    augment_say(scratch, "grey");
    return pixel_apply(&step, &style, scratch, picture);
}

const struct transform transform_grayscale = {.check = check, .is_random = is_random, .apply = apply};
