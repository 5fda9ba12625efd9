/* color_jitter.c — brightness, contrast, saturation and hue changed at random, in random order.
 *
 * torchvision's ColorJitter on Pillow's pictures. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "augment/pixels.h"
#include "augment/transform.h"

static const enum pixel_op jitter_op[JITTER_PARTS] = {PIXEL_BRIGHTNESS, PIXEL_CONTRAST, PIXEL_COLOR, PIXEL_HUE};

static bool is_on(const struct augment_options *o) {
    bool on = false;
    for (int i = 0; i < JITTER_PARTS; i++) on |= o->jitter[i] > 0;
    return on && o->jitter_probability > 0;
}

static sk_status check(const struct augment_options *o) {
    for (int i = 0; i < JITTER_PARTS; i++)
        FAIL_IF(!(o->jitter[i] >= 0 && isfinite(o->jitter[i])), SK_EUSAGE,
                "colour jitter: %g; expected a finite number of 0 or more", o->jitter[i]);
    FAIL_IF(o->jitter[JITTER_HUE] > 0.5, SK_EUSAGE, "colour jitter: hue %g; expected 0 to 0.5, half the circle",
            o->jitter[JITTER_HUE]);
    FAIL_IF(!(o->jitter_probability >= 0 && o->jitter_probability <= 1), SK_EUSAGE,
            "colour jitter: probability %g; expected 0 to 1", o->jitter_probability);
    return SK_OK;
}

static sk_status apply(const struct augment_options *o, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (!is_on(o) || rng_double(rng) >= o->jitter_probability) return SK_OK;
    uint32_t order[JITTER_PARTS] = {0, 1, 2, 3};
    struct pixel_step step[JITTER_PARTS] = {0};
    rng_shuffle(rng, order, JITTER_PARTS);
    for (int i = 0; i < JITTER_PARTS; i++) {
        double low = i == JITTER_HUE ? -o->jitter[i] : fmax(0, 1 - o->jitter[i]);
        double high = i == JITTER_HUE ? o->jitter[i] : 1 + o->jitter[i];
        step[i].op = jitter_op[i];
        step[i].argument = low + (high - low) * rng_double(rng);
    }
    const struct pixel_style style = {.rules = PIXEL_RULES_TORCHVISION};
    for (int i = 0; i < JITTER_PARTS; i++) {
        const struct pixel_step *s = &step[order[i]];
        if (o->jitter[order[i]] == 0) continue;
        TRY(pixel_apply(s, &style, scratch, picture));
        if (!scratch->trace) continue;
        char said[AUGMENT_TRACE_WIDTH];
        pixel_step_text(s, said, sizeof said);
        augment_say(scratch, "%s", said);
    }
    return SK_OK;
}

const struct transform transform_color_jitter = {.check = check, .is_random = is_on, .apply = apply};
