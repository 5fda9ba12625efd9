/* pixel_enhance.c — brightness, colour, contrast, sharpness: a blend of the picture with a poorer one (black, grey, its
 * mean, smoothed), beyond the picture where the factor is above 1.
 *
 * Pillow's ImageEnhance: the blend in float32, cut to bytes. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "augment/pixels.h"

/* Blend with one value: a table. */
static sk_status blend_with(int from, double factor, struct scratch *scratch, struct picture *picture) {
    uint8_t value[256];
    for (int i = 0; i < 256; i++) value[i] = pixel_blend(from, i, (float)factor);
    return pixel_look_up_all(value, scratch, picture);
}

sk_status pixel_brightness(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                           struct picture *picture) {
    (void)style;
    return blend_with(0, step->argument, scratch, picture);
}

sk_status pixel_color(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                      struct picture *picture) {
    if (picture->channels == 1) return SK_OK;
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_color(step->argument, scratch, picture);
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    const uint8_t *in = picture->pixels;
    const float factor = (float)step->argument;
    for (size_t left = pixel_bytes(picture) / 3; left; left--, in += 3, out += 3) {
        int grey = pixel_luma(in);
        for (int c = 0; c < 3; c++) out[c] = pixel_blend(grey, in[c], factor);
    }
    picture->pixels = out - pixel_bytes(picture);
    return SK_OK;
}

/* Pillow blends with one grey, the rounded mean of the whole picture's. */
sk_status pixel_contrast(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                         struct picture *picture) {
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_contrast(step->argument, scratch, picture);
    size_t count = pixel_bytes(picture) / (size_t)picture->channels;
    const uint8_t *in = picture->pixels;
    uint64_t sum = 0;
    if (picture->channels == 1) {
        for (size_t i = 0; i < count; i++) sum += in[i];
    } else {
        for (size_t i = 0; i < count; i++) sum += pixel_luma(in + 3 * i);
    }
    int mean = (int)((double)sum / (double)count + 0.5);
    return blend_with(mean, step->argument, scratch, picture);
}

/* One row blended with its smoothed self, (1 1 1, 1 5 1, 1 1 1) / 13 rounded. */
static void sharpen_row(const uint8_t *restrict in, uint8_t *restrict out, size_t stride, size_t channels,
                        float factor) {
    const uint8_t *above = in - stride, *below = in + stride;
    for (size_t i = channels; i < stride - channels; i++) {
        unsigned sum = 4U * in[i];
        sum += above[i - channels] + above[i] + (unsigned)above[i + channels];
        sum += in[i - channels] + in[i] + (unsigned)in[i + channels];
        sum += below[i - channels] + below[i] + (unsigned)below[i + channels];
        int smooth = (int)((sum + 6) * 5042 >> 16); /* / 13, exact up to 255 * 13 */
        out[i] = pixel_blend(smooth, in[i], factor);
    }
}

/* The border stays as it is: Pillow's filter copies it. */
sk_status pixel_sharpness(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                          struct picture *picture) {
    if (picture->height < 3 || picture->width < 3) return SK_OK;
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_sharpness(step->argument, scratch, picture);
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    size_t channels = (size_t)picture->channels, stride = (size_t)picture->width * channels;
    memcpy(out, picture->pixels, pixel_bytes(picture));
    for (size_t y = 1; y + 1 < (size_t)picture->height; y++)
        sharpen_row(picture->pixels + y * stride, out + y * stride, stride, channels, (float)step->argument);
    picture->pixels = out;
    return SK_OK;
}
