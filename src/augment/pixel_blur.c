/* pixel_blur.c — Pillow's GaussianBlur: three box blurs of a width that need not be whole, along rows, then columns.
 *
 * Sums of bytes times weights in 8.24 fixed point. Gwosdek et al., "Theoretical foundations of Gaussian convolution by
 * extended box filtering", 2011. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "augment/pixels.h"

enum { PASSES = 3 };

/* How far a box reaches: whole pixels, and the weights of those and of the two at its ends. */
struct box {
    int radius;
    uint32_t whole, end;
};

static struct box box_of(double deviation) {
    float sigma2 = (float)deviation * (float)deviation / PASSES;
    float length = (float)sqrt(12.0 * (double)sigma2 + 1.0);
    float l = (float)floor(((double)length - 1.0) / 2.0);
    float a = (2 * l + 1) * (l * (l + 1) - 3 * sigma2);
    a /= 6 * (sigma2 - (l + 1) * (l + 1));
    float radius = l + a;
    struct box box = {.radius = (int)radius};
    box.whole = (uint32_t)((float)(1 << 24) / (radius * 2 + 1));
    box.end = ((1U << 24) - (uint32_t)(box.radius * 2 + 1) * box.whole) / 2;
    return box;
}

static inline int clip(int at, int size) {
    return at < 0 ? 0 : at < size ? at : size - 1;
}

/* One line of `size` bytes, `step` apart in both; the border goes on for ever. */
static void blur_line(const struct box *box, const uint8_t *in, uint8_t *out, int size, size_t step) {
    uint32_t sum = 0;
    for (int k = -box->radius - 1; k < box->radius; k++) sum += in[(size_t)clip(k, size) * step];
    for (int x = 0; x < size; x++) {
        size_t leaves = (size_t)clip(x - box->radius - 1, size) * step;
        sum += (uint32_t)in[(size_t)clip(x + box->radius, size) * step] - in[leaves];
        uint32_t ends = (uint32_t)in[leaves] + in[(size_t)clip(x + box->radius + 1, size) * step];
        out[(size_t)x * step] = (uint8_t)((sum * box->whole + ends * box->end + (1U << 23)) >> 24);
    }
}

sk_status pixel_blur(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                     struct picture *picture) {
    (void)style;
    if (!(step->argument > 0)) return SK_OK;
    const struct box box = box_of(step->argument);
    size_t channels = (size_t)picture->channels, width = (size_t)picture->width, height = (size_t)picture->height;
    uint8_t *out = pixel_target(scratch, picture), *work = scratch_reserve(scratch, SCRATCH_WORK, pixel_bytes(picture));
    if (!out || !work) return SK_EMEMORY;
    const uint8_t *from = picture->pixels;
    for (int pass = 0; pass < 2 * PASSES; pass++) {
        uint8_t *to = pass % 2 ? out : work; /* six passes end in out */
        if (pass < PASSES) {
            for (size_t y = 0; y < height; y++)
                for (size_t c = 0, at = y * width * channels; c < channels; c++, at++)
                    blur_line(&box, from + at, to + at, picture->width, channels);
        } else {
            for (size_t at = 0; at < width * channels; at++)
                blur_line(&box, from + at, to + at, picture->height, width * channels);
        }
        from = to;
    }
    picture->pixels = out;
    return SK_OK;
}
