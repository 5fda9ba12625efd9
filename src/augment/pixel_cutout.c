/* pixel_cutout.c — a square of the fill colour, cut at the picture's borders.
 *
 * DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017, as Model Garden has
 * it: the argument is half the side. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "augment/pixels.h"

sk_status pixel_cutout(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                       struct picture *picture) {
    int half = (int)step->argument;
    int top = step->row - half, bottom = step->row + half, left = step->column - half, right = step->column + half;
    if (top < 0) top = 0;
    if (left < 0) left = 0;
    if (bottom > picture->height) bottom = picture->height;
    if (right > picture->width) right = picture->width;
    if (top >= bottom || left >= right) return SK_OK;
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    memcpy(out, picture->pixels, pixel_bytes(picture));
    size_t channels = (size_t)picture->channels;
    for (int y = top; y < bottom; y++) {
        uint8_t *at = out + ((size_t)y * (size_t)picture->width + (size_t)left) * channels;
        for (int x = left; x < right; x++, at += channels) memcpy(at, style->fill, channels);
    }
    picture->pixels = out;
    return SK_OK;
}
