/* pixel_affine.c — shear, translate and rotate as Pillow's Image.transform and Image.rotate.
 *
 * The matrix leads from a place in the result to one in the source. Nearest goes by 16.16 fixed point (or by a table of
 * columns where nothing turns), bilinear and bicubic (Keys, -0.5) by double; whatever falls outside is the fill colour,
 * taps outside are the border. Follows libImaging/Geometry.c operation by operation, so that the bits are its.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/pixel_affine.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* ---- nearest ---- */

struct nearest {
    const struct picture *in;
    uint8_t *out;
};

static inline void put(const struct nearest *n, size_t at, int64_t x, int64_t y) {
    const struct picture *in = n->in;
    if (x < 0 || x >= in->width || y < 0 || y >= in->height) return;
    size_t channels = (size_t)in->channels;
    const uint8_t *from = in->pixels + ((size_t)y * (size_t)in->width + (size_t)x) * channels;
    uint8_t *to = n->out + at * channels;
    to[0] = from[0];
    if (channels == 3) to[1] = from[1], to[2] = from[2];
}

static int64_t fixed(double value) {
    return (int64_t)floor(value * 65536.0 + 0.5);
}

/* Fixed point holds 15 bits before the point. */
static bool fits(const double a[6], int x, int y) {
    return fabs(x * a[0] + y * a[1] + a[2]) < 32768.0 && fabs(x * a[3] + y * a[4] + a[5]) < 32768.0;
}

static void nearest_fixed(const struct nearest *n, const double a[6]) {
    int64_t across_x = fixed(a[0]), down_x = fixed(a[1]), across_y = fixed(a[3]), down_y = fixed(a[4]);
    int64_t row_x = fixed(a[2] + a[0] * 0.5 + a[1] * 0.5), row_y = fixed(a[5] + a[3] * 0.5 + a[4] * 0.5);
    size_t at = 0;
    for (int y = 0; y < n->in->height; y++, row_x += down_x, row_y += down_y) {
        int64_t from_x = row_x, from_y = row_y;
        for (int x = 0; x < n->in->width; x++, from_x += across_x, from_y += across_y)
            put(n, at++, from_x >> 16, from_y >> 16); /* an arithmetic shift on every compiler we build with */
    }
}

/* The place of a coordinate; below 0 is outside, and so is what no picture reaches. */
static int64_t place(double value) {
    return value < 0.0 ? -1 : value >= 0x1p40 ? INT64_MAX : (int64_t)value;
}

/* Sums run along rows and columns, as there. Serves transforms without turning too, where they are one sum each. */
static void nearest_floating(const struct nearest *n, const double a[6]) {
    double row_x = a[2] + a[1] * 0.5 + a[0] * 0.5, row_y = a[5] + a[4] * 0.5 + a[3] * 0.5;
    size_t at = 0;
    for (int y = 0; y < n->in->height; y++, row_x += a[1], row_y += a[4]) {
        double from_x = row_x, from_y = row_y;
        for (int x = 0; x < n->in->width; x++, from_x += a[0], from_y += a[3])
            put(n, at++, place(from_x), place(from_y));
    }
}

/* ---- bilinear and bicubic ---- */

/* A place in the source between pixels: the first tap, and how far behind it (0 to 1). */
struct between {
    int x, y;
    double dx, dy;
};

static inline bool find(const double a[6], const struct picture *in, int column, int row, struct between *b) {
    double x = column + 0.5, y = row + 0.5;
    double from_x = a[0] * x + a[1] * y + a[2], from_y = a[3] * x + a[4] * y + a[5];
    if (!(from_x >= 0.0 && from_x < in->width && from_y >= 0.0 && from_y < in->height)) return false;
    from_x -= 0.5;
    from_y -= 0.5;
    b->x = from_x < 0 ? -1 : (int)from_x; /* floor: from -0.5 on */
    b->y = from_y < 0 ? -1 : (int)from_y;
    b->dx = from_x - b->x;
    b->dy = from_y - b->y;
    return true;
}

static inline int clip(int at, int size) {
    return at < 0 ? 0 : at < size ? at : size - 1;
}

static inline double linear(double a, double b, double d) {
    return a + (b - a) * d;
}

static inline void bilinear(const struct picture *in, const struct between *b, uint8_t *out, int channels) {
    const uint8_t *row = in->pixels + (size_t)clip(b->y, in->height) * (size_t)in->width * (size_t)channels;
    const uint8_t *next = row;
    if (b->y + 1 < in->height) next = in->pixels + (size_t)(b->y + 1) * (size_t)in->width * (size_t)channels;
    int x0 = clip(b->x, in->width) * channels, x1 = clip(b->x + 1, in->width) * channels;
    for (int c = 0; c < channels; c++) {
        double upper = linear(row[x0 + c], row[x1 + c], b->dx), lower = linear(next[x0 + c], next[x1 + c], b->dx);
        out[c] = (uint8_t)linear(upper, lower, b->dy);
    }
}

static inline double cubic(double v1, double v2, double v3, double v4, double d) {
    double p2 = -v1 + v3, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

static inline uint8_t to_byte(double value) {
    return (uint8_t)(value <= 0.0 ? 0 : value >= 255.0 ? 255 : value);
}

/* Where dy is 0 (shears in x, whole shifts) the rows beside cancel exactly: dy times a finite number. */
static inline void bicubic(const struct picture *in, const struct between *b, uint8_t *out, int channels) {
    int at[4];
    for (int k = 0; k < 4; k++) at[k] = clip(b->x - 1 + k, in->width) * channels;
    double row[4][3] = {{0}};
    int first = b->dy == 0 ? 1 : 0, last = b->dy == 0 ? 1 : 3;
    for (int k = first; k <= last; k++) {
        const uint8_t *p = in->pixels + (size_t)clip(b->y - 1 + k, in->height) * (size_t)in->width * (size_t)channels;
        for (int c = 0; c < channels; c++)
            row[k][c] =
                b->dx == 0 ? p[at[1] + c] : cubic(p[at[0] + c], p[at[1] + c], p[at[2] + c], p[at[3] + c], b->dx);
    }
    for (int c = 0; c < channels; c++)
        out[c] = to_byte(first ? row[1][c] : cubic(row[0][c], row[1][c], row[2][c], row[3][c], b->dy));
}

/* Written out per number of channels and filter, so that the inner loops are. */
static void smooth_rows(const struct picture *in, const double a[6], enum pixel_filter filter, uint8_t *out) {
    struct between b;
    for (int y = 0; y < in->height; y++) {
        if (filter == PIXEL_BILINEAR && in->channels == 3) {
            for (int x = 0; x < in->width; x++, out += 3)
                if (find(a, in, x, y, &b)) bilinear(in, &b, out, 3);
        } else if (filter == PIXEL_BILINEAR) {
            for (int x = 0; x < in->width; x++, out++)
                if (find(a, in, x, y, &b)) bilinear(in, &b, out, 1);
        } else if (in->channels == 3) {
            for (int x = 0; x < in->width; x++, out += 3)
                if (find(a, in, x, y, &b)) bicubic(in, &b, out, 3);
        } else {
            for (int x = 0; x < in->width; x++, out++)
                if (find(a, in, x, y, &b)) bicubic(in, &b, out, 1);
        }
    }
}

/* ---- the whole ---- */

static void fill_all(const struct pixel_style *style, const struct picture *picture, uint8_t *out) {
    const uint8_t *fill = style->fill;
    size_t bytes = pixel_bytes(picture);
    if (picture->channels == 1 || (fill[0] == fill[1] && fill[1] == fill[2])) {
        memset(out, fill[0], bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += 3) out[i] = fill[0], out[i + 1] = fill[1], out[i + 2] = fill[2];
}

sk_status pixel_affine(const double a[6], enum pixel_filter filter, const struct pixel_style *style,
                       struct scratch *scratch, struct picture *picture) {
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    fill_all(style, picture, out);
    int w = picture->width, h = picture->height;
    const struct nearest nearest = {picture, out};
    if (filter != PIXEL_NEAREST)
        smooth_rows(picture, a, filter, out);
    else if ((a[1] != 0 || a[3] != 0) && fits(a, 0, 0) && fits(a, w, h) && fits(a, 0, h) && fits(a, w, 0))
        nearest_fixed(&nearest, a);
    else
        nearest_floating(&nearest, a);
    picture->pixels = out;
    return SK_OK;
}

/* Quarter turns are exact: 1 = 90 degrees counter-clockwise. */
static sk_status turn(int quarters, struct scratch *scratch, struct picture *picture) {
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    int w = picture->width, h = picture->height;
    const struct nearest nearest = {picture, out};
    size_t at = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, at++) {
            if (quarters == 1) put(&nearest, at, w - 1 - y, x);
            if (quarters == 2) put(&nearest, at, w - 1 - x, h - 1 - y);
            if (quarters == 3) put(&nearest, at, y, h - 1 - x);
        }
    picture->pixels = out;
    return SK_OK;
}

double pixel_round15(double value) {
    double product = value * 1e15, rest = fma(value, 1e15, -product); /* their sum is exact */
    double whole = floor(product);
    double above = (product - whole) + rest;
    if (above > 0.5 || (above == 0.5 && fmod(whole, 2) != 0)) whole += 1;
    return whole / 1e15;
}

void pixel_rotation(double degrees, int height, int width, double a[6]) {
    double angle = fmod(degrees, 360.0); /* Python's %: of the divisor's sign */
    if (angle < 0) angle += 360.0;
    angle = -(angle * (pi / 180.0));
    double cx = width / 2.0, cy = height / 2.0;
    a[0] = a[4] = pixel_round15(cos(angle));
    a[1] = pixel_round15(sin(angle));
    a[3] = pixel_round15(-sin(angle));
    a[2] = a[0] * -cx + a[1] * -cy + 0.0;
    a[5] = a[3] * -cx + a[4] * -cy + 0.0;
    a[2] += cx;
    a[5] += cy;
}

sk_status pixel_rotate(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                       struct picture *picture) {
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_rotate(step->argument, scratch, picture);
    double angle = fmod(step->argument, 360.0), a[6];
    if (angle < 0) angle += 360.0;
    if (angle == 0) return SK_OK;
    if (angle == 180) return turn(2, scratch, picture);
    if (angle == 90 && picture->height == picture->width) return turn(1, scratch, picture);
    if (angle == 270 && picture->height == picture->width) return turn(3, scratch, picture);
    pixel_rotation(step->argument, picture->height, picture->width, a);
    return pixel_affine(a, step->filter, style, scratch, picture);
}

/* torchvision goes by the angle whose tangent the shear is, and back. */
static double sheared(double shear, enum pixel_rules rules) {
    if (rules != PIXEL_RULES_TORCHVISION) return shear;
    return tan((atan(shear) * (180.0 / pi)) * (pi / 180.0));
}

sk_status pixel_shear_x(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                        struct picture *picture) {
    const float matrix[6] = {1, (float)step->argument, 0, 0, 1, 0};
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_transform(matrix, scratch, picture);
    const double a[6] = {1, sheared(step->argument, style->rules), 0, 0, 1, 0};
    return pixel_affine(a, step->filter, style, scratch, picture);
}

sk_status pixel_shear_y(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                        struct picture *picture) {
    const float matrix[6] = {1, 0, 0, (float)step->argument, 1, 0};
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_transform(matrix, scratch, picture);
    double a[6] = {1, 0, 0, step->argument, 1, 0};
    if (style->rules == PIXEL_RULES_TORCHVISION) { /* its product of matrices, with the angle's sine and cosine */
        double angle = (atan(step->argument) * (180.0 / pi)) * (pi / 180.0);
        a[4] = cos(-angle) / cos(angle);
        a[3] = -(sin(-angle) / cos(angle));
    }
    return pixel_affine(a, step->filter, style, scratch, picture);
}

/* torchvision moves the picture by whole pixels to the right and down for a positive number, the others to the left
 * and up. */
static double shifted(double pixels, enum pixel_rules rules) {
    return rules == PIXEL_RULES_TORCHVISION ? -trunc(pixels) : pixels;
}

sk_status pixel_translate_x(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                            struct picture *picture) {
    const float matrix[6] = {1, 0, (float)step->argument, 0, 1, 0};
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_transform(matrix, scratch, picture);
    const double a[6] = {1, 0, shifted(step->argument, style->rules), 0, 1, 0};
    return pixel_affine(a, step->filter, style, scratch, picture);
}

sk_status pixel_translate_y(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                            struct picture *picture) {
    const float matrix[6] = {1, 0, 0, 0, 1, (float)step->argument};
    if (style->rules == PIXEL_RULES_TF) return pixel_tf_transform(matrix, scratch, picture);
    const double a[6] = {1, 0, 0, 0, 1, shifted(step->argument, style->rules)};
    return pixel_affine(a, step->filter, style, scratch, picture);
}
