/* pixels_tf.c — operations on pixels where TF Model Garden's bits are not Pillow's.
 *
 * Geometry takes the nearest pixel of a picture that is reflected at its borders; grey has other weights and is cut, not
 * rounded; contrast blends each channel with its own mean; sharpness does not round what it smooths. Everything is
 * float32, in the order of TensorFlow 2.19's kernels on CPUs. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "augment/pixels.h"

/* From -size to 2 size and beyond to 0 … size-1: d c b a | a b c d | d c b a. */
static int reflected(float at, int size) {
    int64_t period = 2 * (int64_t)size;
    if (size <= 1) return 0;
    if (at < 0) {
        if (at < (float)period) at = (float)(period * (int64_t)(-at / (float)period)) + at;
        at = at < (float)-size ? at + (float)period : -at - 1;
    } else if (at > (float)(size - 1)) {
        at -= (float)(period * (int64_t)(at / (float)period));
        if (at >= (float)size) at = (float)period - at - 1;
    }
    if (!(at > 0)) return 0;
    return at >= (float)(size - 1) ? size - 1 : (int)((double)at + 0.5);
}

/* Result (x,y) is the source's (m0 x + m1 y + m2, m3 x + m4 y + m5), of pixels' corners. */
sk_status pixel_tf_transform(const float m[6], struct scratch *scratch, struct picture *picture) {
    const struct picture in = *picture;
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    picture->pixels = out;
    size_t channels = (size_t)in.channels;
    for (int y = 0; y < in.height; y++)
        for (int x = 0; x < in.width; x++, out += channels) {
            float from_x = m[0] * (float)x + m[1] * (float)y + m[2], from_y = m[3] * (float)x + m[4] * (float)y + m[5];
            size_t column = (size_t)reflected(from_x, in.width), row = (size_t)reflected(from_y, in.height);
            memcpy(out, in.pixels + (row * (size_t)in.width + column) * channels, channels);
        }
    return SK_OK;
}

sk_status pixel_tf_rotate(double degrees, struct scratch *scratch, struct picture *picture) {
    float radians = (float)degrees * (float)(3.14159265358979323846 / 180.0), c = cosf(radians), s = sinf(radians);
    float right = (float)(picture->width - 1), bottom = (float)(picture->height - 1);
    const float matrix[6] = {c, -s, (right - (c * right - s * bottom)) / 2.0F,
                             s, c,  (bottom - (s * right + c * bottom)) / 2.0F};
    return pixel_tf_transform(matrix, scratch, picture);
}

/* tf.image goes by way of numbers from 0 to 1 and comes back by 255.5, cut. */
static inline uint8_t back(float value) {
    value *= 255.5F;
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

sk_status pixel_tf_color(double factor, struct scratch *scratch, struct picture *picture) {
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    const uint8_t *in = picture->pixels;
    const float share = (float)(1.0 / 255);
    for (size_t left = pixel_bytes(picture) / 3; left; left--, in += 3, out += 3) {
        float red = (float)in[0] * share, green = (float)in[1] * share, blue = (float)in[2] * share;
        int grey = back(red * 0.2989F + green * 0.5870F + blue * 0.1140F);
        for (int c = 0; c < 3; c++) out[c] = pixel_blend(grey, in[c], (float)factor);
    }
    picture->pixels = out - pixel_bytes(picture);
    return SK_OK;
}

sk_status pixel_tf_contrast(double factor, struct scratch *scratch, struct picture *picture) {
    uint32_t count[3][256];
    struct pixel_table table;
    const float share = (float)(1.0 / 255);
    pixel_histogram(picture, count);
    for (int c = 0; c < picture->channels; c++) {
        double sum = 0, pixels = (double)picture->height * picture->width;
        for (int i = 0; i < 256; i++) sum += (double)count[c][i] * (double)((float)i * share);
        float mean = (float)(sum / pixels);
        for (int i = 0; i < 256; i++) table.value[c][i] = back(((float)i * share - mean) * (float)factor + mean);
    }
    return pixel_look_up(&table, scratch, picture);
}

/* A fused multiply-add in float: the product is exact in double. */
static inline float add_tap(float sum, float weight, uint8_t value) {
    return (float)((double)weight * value + (double)sum);
}

static void sharpen_row(const uint8_t *restrict in, uint8_t *restrict out, size_t stride, size_t channels,
                        float factor) {
    const float side = 1.0F / 13.0F, middle = 5.0F / 13.0F;
    const uint8_t *above = in - stride, *below = in + stride;
    for (size_t i = channels; i < stride - channels; i++) {
        float sum = add_tap(0, side, above[i - channels]);
        sum = add_tap(sum, side, above[i]);
        sum = add_tap(sum, side, above[i + channels]);
        sum = add_tap(sum, side, in[i - channels]);
        sum = add_tap(sum, middle, in[i]);
        sum = add_tap(sum, side, in[i + channels]);
        sum = add_tap(sum, side, below[i - channels]);
        sum = add_tap(sum, side, below[i]);
        sum = add_tap(sum, side, below[i + channels]);
        int smooth = sum >= 255 ? 255 : (int)sum;
        out[i] = pixel_blend(smooth, in[i], factor);
    }
}

sk_status pixel_tf_sharpness(double factor, struct scratch *scratch, struct picture *picture) {
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    size_t channels = (size_t)picture->channels, stride = (size_t)picture->width * channels;
    memcpy(out, picture->pixels, pixel_bytes(picture));
    for (size_t y = 1; y + 1 < (size_t)picture->height; y++)
        sharpen_row(picture->pixels + y * stride, out + y * stride, stride, channels, (float)factor);
    picture->pixels = out;
    return SK_OK;
}
