/* pixels_tensor.c — the operations as torchvision does them on tensors, which its AugMix uses alone.
 *
 * float32 step by step as ATen computes on a CPU: places by a product of three terms without fused steps, bilinear sums
 * with them; colours are cut, not rounded. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "augment/pixels.h"

/* ---- blends ---- */

/* ratio * a + (1 - ratio) * b, cut to a byte. */
static inline uint8_t blend(uint8_t a, float b, float ratio, float rest) {
    float value = ratio * (float)a + rest * b;
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

static inline uint8_t luma(const uint8_t *rgb) {
    return (uint8_t)((0.2989F * (float)rgb[0] + 0.587F * (float)rgb[1]) + 0.114F * (float)rgb[2]);
}

static void brightness(const struct picture *in, double factor, uint8_t *out) {
    for (size_t i = 0; i < pixel_bytes(in); i++) out[i] = blend(in->pixels[i], 0, (float)factor, (float)(1 - factor));
}

static void color(const struct picture *in, double factor, uint8_t *out) {
    if (in->channels == 1) {
        memcpy(out, in->pixels, pixel_bytes(in));
        return;
    }
    for (size_t i = 0; i < pixel_bytes(in); i++)
        out[i] = blend(in->pixels[i], luma(in->pixels + i / 3 * 3), (float)factor, (float)(1 - factor));
}

/* A sum below 2^24 (any picture of 256 by 256) is exact in torch's order too. */
static void contrast(const struct picture *in, double factor, uint8_t *out) {
    size_t bytes = pixel_bytes(in), count = bytes / (size_t)in->channels;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += in->channels == 3 ? luma(in->pixels + 3 * i) : in->pixels[i];
    float mean = (float)sum / (float)count;
    for (size_t i = 0; i < bytes; i++) out[i] = blend(in->pixels[i], mean, (float)factor, (float)(1 - factor));
}

/* The mean of nine pixels with the middle five times, rounded (thirteenths have no ties); on the border the pixel. */
static int blurred(const struct picture *in, int x, int y, int c) {
    ptrdiff_t across = (ptrdiff_t)in->width * in->channels;
    const uint8_t *p = in->pixels + y * across + (ptrdiff_t)x * in->channels + c;
    if (x == 0 || y == 0 || x == in->width - 1 || y == in->height - 1) return p[0];
    int sum = 4 * p[0];
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) sum += p[dy * across + dx * in->channels];
    return (sum + 6) / 13;
}

/* The border is blended with itself, which may cost it a level. */
static void sharpness(const struct picture *in, double factor, uint8_t *out) {
    if (in->height <= 2 || in->width <= 2) {
        memcpy(out, in->pixels, pixel_bytes(in));
        return;
    }
    size_t i = 0;
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++)
            for (int c = 0; c < in->channels; c++, i++)
                out[i] = blend(in->pixels[i], (float)blurred(in, x, y, c), (float)factor, (float)(1 - factor));
}

/* ---- tables ---- */

/* A number by a tensor is the tensor's reciprocal times the number. */
static void auto_contrast(const uint32_t count[256], uint8_t value[256]) {
    int low = 0, high = 255;
    while (low < 255 && !count[low]) low++;
    while (high > 0 && !count[high]) high--;
    float scale = high > low ? 1 / (float)(high - low) * 255 : 1;
    if (high <= low) low = 0;
    for (int i = 0; i < 256; i++) {
        float stretched = (float)(i - low) * scale;
        value[i] = (uint8_t)(stretched <= 0 ? 0 : stretched >= 255 ? 255 : stretched);
    }
}

/* What lies below a value, in steps of an even share; the highest value present does not count for the step. */
static void equalize(const uint32_t count[256], uint8_t value[256]) {
    uint64_t all = 0, last = 0, below = 0;
    for (int i = 0; i < 256; i++) {
        all += count[i];
        if (count[i]) last = count[i];
    }
    uint64_t step = (all - last) / 255;
    for (int i = 0; i < 256; i++) {
        uint64_t at = step && i ? (below + step / 2) / step : 0;
        value[i] = (uint8_t)(step == 0 ? (uint64_t)i : at > 255 ? 255 : at);
        below += count[i];
    }
}

static sk_status by_histogram(void (*fill)(const uint32_t count[256], uint8_t value[256]), struct scratch *scratch,
                              struct picture *picture) {
    uint32_t count[3][256];
    struct pixel_table table;
    pixel_histogram(picture, count);
    for (int c = 0; c < picture->channels; c++) fill(count[c], table.value[c]);
    return pixel_look_up(&table, scratch, picture);
}

static sk_status posterize(int bits, struct scratch *scratch, struct picture *picture) {
    uint8_t value[256];
    int drop = bits < 0 ? 8 : bits > 8 ? 0 : 8 - bits;
    for (int i = 0; i < 256; i++) value[i] = (uint8_t)(i >> drop << drop);
    return pixel_look_up_all(value, scratch, picture);
}

static sk_status solarize(double threshold, struct scratch *scratch, struct picture *picture) {
    uint8_t value[256];
    for (int i = 0; i < 256; i++) value[i] = (uint8_t)(i >= threshold ? 255 - i : i);
    return pixel_look_up_all(value, scratch, picture);
}

/* ---- places ---- */

/* functional._get_inverse_affine_matrix about a centre that is given from the picture's middle; angles in degrees. */
struct placing {
    double center_x, center_y, angle, shift_x, shift_y, shear_x, shear_y;
};

static void inverse(const struct placing *p, double m[6]) {
    const double degree = 3.14159265358979323846 / 180.0;
    double rot = p->angle * degree, sx = p->shear_x * degree, sy = p->shear_y * degree;
    double a = cos(rot - sy) / cos(sy), b = -cos(rot - sy) * tan(sx) / cos(sy) - sin(rot);
    double c = sin(rot - sy) / cos(sy), d = -sin(rot - sy) * tan(sx) / cos(sy) + cos(rot);
    m[0] = d, m[1] = -b, m[3] = -c, m[4] = a;
    m[2] = m[0] * (-p->center_x - p->shift_x) + m[1] * (-p->center_y - p->shift_y) + p->center_x;
    m[5] = m[3] * (-p->center_x - p->shift_x) + m[4] * (-p->center_y - p->shift_y) + p->center_y;
}

static void find_matrix(const struct pixel_step *step, const struct picture *in, double m[6]) {
    const double radian = 180.0 / 3.14159265358979323846;
    struct placing p = {0};
    if (step->op == PIXEL_ROTATE) p.angle = -step->argument;
    if (step->op == PIXEL_TRANSLATE_X) p.shift_x = trunc(step->argument);
    if (step->op == PIXEL_TRANSLATE_Y) p.shift_y = trunc(step->argument);
    if (step->op == PIXEL_SHEAR_X) p.shear_x = atan(step->argument) * radian;
    if (step->op == PIXEL_SHEAR_Y) p.shear_y = atan(step->argument) * radian;
    if (step->op == PIXEL_SHEAR_X || step->op == PIXEL_SHEAR_Y) { /* about the corner */
        p.center_x = -in->width * 0.5;
        p.center_y = -in->height * 0.5;
    }
    inverse(&p, m);
}

/* Four pixels and their weights; those outside have none of the picture (and none of its mask). */
struct taps {
    const uint8_t *pixel[4];
    float weight[4];
};

static const uint8_t *pixel_at(const struct picture *in, float x, float y) {
    if (!(x >= 0 && x < (float)in->width && y >= 0 && y < (float)in->height)) return NULL;
    return in->pixels + ((size_t)y * (size_t)in->width + (size_t)x) * (size_t)in->channels;
}

static void find_taps(const struct picture *in, float x, float y, enum pixel_filter filter, struct taps *t) {
    memset(t, 0, sizeof *t);
    if (filter == PIXEL_NEAREST) {
        t->pixel[0] = pixel_at(in, nearbyintf(x), nearbyintf(y));
        t->weight[0] = 1;
        return;
    }
    float left = floorf(x), top = floorf(y), west = x - left, north = y - top;
    float east = 1 - west, south = 1 - north;
    t->weight[0] = south * east, t->pixel[0] = pixel_at(in, left, top);
    t->weight[1] = south * west, t->pixel[1] = pixel_at(in, left + 1, top);
    t->weight[2] = north * east, t->pixel[2] = pixel_at(in, left, top + 1);
    t->weight[3] = north * west, t->pixel[3] = pixel_at(in, left + 1, top + 1);
}

static float weigh(const float value[4], const float weight[4]) {
    return fmaf(value[3], weight[3], fmaf(value[2], weight[2], fmaf(value[1], weight[1], value[0] * weight[0])));
}

/* Outside is 0, or else the fill by the share of the taps that lie outside. */
static void sample(const struct taps *t, const struct pixel_style *style, int channels, uint8_t *out) {
    float value[4] = {0}, mask = 1;
    if (style->filled) {
        for (int k = 0; k < 4; k++) value[k] = t->pixel[k] ? 1 : 0;
        mask = weigh(value, t->weight);
    }
    for (int c = 0; c < channels; c++) {
        for (int k = 0; k < 4; k++) value[k] = t->pixel[k] ? (float)t->pixel[k][c] : 0;
        float mean = weigh(value, t->weight);
        if (style->filled) mean = mean * mask + (1 - mask) * (float)style->fill[c];
        out[c] = (uint8_t)nearbyintf(mean);
    }
}

static void move(const struct pixel_step *step, const struct pixel_style *style, const struct picture *in,
                 uint8_t *out) {
    double m[6];
    float t[6], half_w = (float)in->width / 2, half_h = (float)in->height / 2;
    find_matrix(step, in, m);
    for (int i = 0; i < 6; i++) t[i] = (float)m[i] / (i < 3 ? half_w : half_h);
    for (int row = 0; row < in->height; row++)
        for (int column = 0; column < in->width; column++, out += in->channels) {
            struct taps taps;
            float x = (float)column - half_w + 0.5F, y = (float)row - half_h + 0.5F;
            float to_x = (x * t[0] + y * t[1]) + t[2], to_y = (x * t[3] + y * t[4]) + t[5];
            find_taps(in, fmaf(to_x + 1, half_w, -0.5F), fmaf(to_y + 1, half_h, -0.5F), step->filter, &taps);
            sample(&taps, style, in->channels, out);
        }
}

/* ---- the whole ---- */

sk_status pixel_tensor_apply(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                             struct picture *picture) {
    if (step->op == PIXEL_AUTO_CONTRAST) return by_histogram(auto_contrast, scratch, picture);
    if (step->op == PIXEL_EQUALIZE) return by_histogram(equalize, scratch, picture);
    if (step->op == PIXEL_POSTERIZE) return posterize((int)step->argument, scratch, picture);
    if (step->op == PIXEL_SOLARIZE) return solarize(step->argument, scratch, picture);
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    switch (step->op) {
    case PIXEL_SHEAR_X:
    case PIXEL_SHEAR_Y:
    case PIXEL_TRANSLATE_X:
    case PIXEL_TRANSLATE_Y:
    case PIXEL_ROTATE: move(step, style, picture, out); break;
    case PIXEL_BRIGHTNESS: brightness(picture, step->argument, out); break;
    case PIXEL_COLOR: color(picture, step->argument, out); break;
    case PIXEL_CONTRAST: contrast(picture, step->argument, out); break;
    case PIXEL_SHARPNESS: sharpness(picture, step->argument, out); break;
    default:
        return status_fail(SK_EINTERNAL, "%s: not among torchvision's operations on tensors", pixel_op_name(step->op));
    }
    picture->pixels = out;
    return SK_OK;
}
