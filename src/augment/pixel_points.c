/* pixel_points.c — operations that look at one value at a time: posterize, solarize, solarize_add, invert; and at a
 * channel's histogram: autocontrast, equalize. All are tables of 256 values.
 *
 * Pillow's ImageOps. SPDX-License-Identifier: Apache-2.0 */
#include "augment/pixels.h"

/* Keep the highest bits. TF shifts by 7 at most, so that there one bit always survives; Pillow's mask of no bits is
 * black (its newest version refuses it). */
sk_status pixel_posterize(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                          struct picture *picture) {
    int drop = 8 - (int)step->argument;
    if (drop > 8) drop = 8;
    if (style->rules == PIXEL_RULES_TF && drop > 7) drop = 7;
    if (drop <= 0) return SK_OK;
    uint8_t value[256];
    for (int i = 0; i < 256; i++) value[i] = (uint8_t)(i >> drop << drop);
    return pixel_look_up_all(value, scratch, picture);
}

sk_status pixel_solarize(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                         struct picture *picture) {
    double threshold = step->argument;
    if (style->rules == PIXEL_RULES_TF) threshold = (int)threshold & 255; /* its bytes: 256, of level 10, is 0 */
    uint8_t value[256];
    for (int i = 0; i < 256; i++) value[i] = (uint8_t)(i < threshold ? i : 255 - i);
    return pixel_look_up_all(value, scratch, picture);
}

sk_status pixel_solarize_add(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                             struct picture *picture) {
    (void)style;
    int add = (int)step->argument;
    uint8_t value[256];
    for (int i = 0; i < 256; i++) value[i] = (uint8_t)(i >= 128 ? i : i + add > 255 ? 255 : i + add);
    return pixel_look_up_all(value, scratch, picture);
}

sk_status pixel_invert(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                       struct picture *picture) {
    (void)step, (void)style;
    uint8_t value[256];
    for (int i = 0; i < 256; i++) value[i] = (uint8_t)(255 - i);
    return pixel_look_up_all(value, scratch, picture);
}

/* The values of one channel stretched from 0 to 255: in double (Pillow) or float32 (TF), cut to whole numbers. */
static void stretch(const uint32_t count[256], bool single, uint8_t value[256]) {
    int low = 0, high = 255;
    while (low < 255 && !count[low]) low++;
    while (high > 0 && !count[high]) high--;
    double scale = 255.0 / (high - low), offset = -low * scale;
    float scale_f = 255.0F / (float)(high - low), offset_f = -(float)low * scale_f;
    for (int i = 0; i < 256; i++) {
        double number = single ? (double)((float)i * scale_f + offset_f) : i * scale + offset;
        value[i] = (uint8_t)(high <= low ? i : number <= 0 ? 0 : number >= 255 ? 255 : number);
    }
}

sk_status pixel_auto_contrast(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                              struct picture *picture) {
    (void)step;
    uint32_t count[3][256];
    struct pixel_table table;
    pixel_histogram(picture, count);
    for (int c = 0; c < picture->channels; c++) stretch(count[c], style->rules == PIXEL_RULES_TF, table.value[c]);
    return pixel_look_up(&table, scratch, picture);
}

static void equal_shares(const uint32_t count[256], uint8_t value[256]) {
    uint64_t sum = 0, last = 0;
    for (int i = 0; i < 256; i++) {
        sum += count[i];
        if (count[i]) last = count[i];
    }
    uint64_t step = (sum - last) / 255, below = step / 2;
    for (int i = 0; i < 256; i++) {
        uint64_t share = step ? below / step : (uint64_t)i;
        value[i] = (uint8_t)(share > 255 ? 255 : share);
        below += count[i];
    }
}

sk_status pixel_equalize(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                         struct picture *picture) {
    (void)step, (void)style;
    uint32_t count[3][256];
    struct pixel_table table;
    pixel_histogram(picture, count);
    for (int c = 0; c < picture->channels; c++) equal_shares(count[c], table.value[c]);
    return pixel_look_up(&table, scratch, picture);
}
