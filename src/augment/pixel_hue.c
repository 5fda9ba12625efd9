/* pixel_hue.c — the hue turned, by way of Pillow's 8-bit HSV, as torchvision's ColorJitter does on its pictures.
 *
 * Both ways are lossy, as there: hue, saturation and value are bytes. The argument is a share of the circle, -0.5 to
 * 0.5. Mixed float and double arithmetic follows libImaging/Convert.c. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "augment/pixels.h"

struct hsv {
    uint8_t hue, saturation, value;
};

static int least(int a, int b) {
    return a < b ? a : b;
}

static int most(int a, int b) {
    return a > b ? a : b;
}

static struct hsv to_hsv(const uint8_t *rgb) {
    int red = rgb[0], green = rgb[1], blue = rgb[2];
    int high = most(red, most(green, blue)), low = least(red, least(green, blue));
    if (high == low) return (struct hsv){0, 0, (uint8_t)high};
    float range = (float)(high - low), saturation = range / (float)high;
    float r = (float)(high - red) / range, g = (float)(high - green) / range, b = (float)(high - blue) / range;
    float hue = red == high     ? b - g
                : green == high ? (float)(2.0 + (double)r - (double)b)
                                : (float)(4.0 + (double)g - (double)r);
    double turned = (double)hue / 6.0 + 1.0; /* of 5/6 to 11/6 */
    hue = (float)(turned >= 1.0 ? turned - 1.0 : turned);
    return (struct hsv){(uint8_t)((double)hue * 255.0), (uint8_t)((double)saturation * 255.0), (uint8_t)high};
}

static void to_rgb(struct hsv hsv, uint8_t *rgb) {
    if (hsv.saturation == 0) {
        rgb[0] = rgb[1] = rgb[2] = hsv.value;
        return;
    }
    double six = (float)hsv.hue * 6.0 / 255.0;
    int sector = (int)six;
    float part = (float)(six - (double)(float)sector), saturation = (float)((double)(float)hsv.saturation / 255.0);
    double value = (float)hsv.value;
    uint8_t v = hsv.value, p = (uint8_t)round(value * (1.0 - (double)saturation));
    uint8_t q = (uint8_t)round(value * (1.0 - (double)(saturation * part)));
    uint8_t t = (uint8_t)round(value * (1.0 - (double)saturation * (1.0 - (double)part)));
    const uint8_t of[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
    for (int c = 0; c < 3; c++) rgb[c] = of[sector % 6][c];
}

sk_status pixel_hue(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                    struct picture *picture) {
    (void)style;
    if (picture->channels == 1) return SK_OK;
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    const uint8_t *in = picture->pixels;
    int turn = (int)(step->argument * 255); /* added to the byte, around the circle */
    for (size_t left = pixel_bytes(picture) / 3; left; left--, in += 3, out += 3) {
        struct hsv hsv = to_hsv(in);
        hsv.hue = (uint8_t)(hsv.hue + turn);
        to_rgb(hsv, out);
    }
    picture->pixels = out - pixel_bytes(picture);
    return SK_OK;
}
