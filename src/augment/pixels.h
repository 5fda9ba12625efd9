/* pixels.h — operations on 8-bit pictures, grey or RGB, with the bits of Pillow or of TF Model Garden.
 *
 * An operation and its argument are data (struct pixel_step): a policy draws a list of them, which can be run, shown
 * and compared. Pillow's ImageOps, ImageEnhance and Image.transform; official/vision/ops/augment.py of 2.19.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_PIXELS_H
#define SK_AUGMENT_PIXELS_H

#include <stdbool.h>

#include "base/status.h"
#include "data/picture.h"

enum pixel_op {
#define PIXEL_OP(enumerator, name, function, said) PIXEL_##enumerator,
#include "augment/pixel_ops.def"
#undef PIXEL_OP
    PIXEL_OPS
};

enum pixel_filter { PIXEL_NEAREST, PIXEL_BILINEAR, PIXEL_BICUBIC };

/* Whose geometry and arithmetic. torchvision and timm both call Pillow, but place shears and shifts differently; TENSOR
 * is torchvision on tensors. */
enum pixel_rules { PIXEL_RULES_TORCHVISION, PIXEL_RULES_TIMM, PIXEL_RULES_TF, PIXEL_RULES_TENSOR };

struct pixel_style {
    enum pixel_rules rules;
    uint8_t fill[3]; /* what comes in from outside; grey pictures take the first */
    bool filled;     /* TENSOR: blend with the fill; false: taps outside are 0 */
};

struct pixel_step {
    enum pixel_op op;
    double argument; /* degrees, pixels, a factor, a threshold, … */
    enum pixel_filter filter;
    int row, column; /* the centre of a cutout */
};

/* Do it; the result lies in scratch (SCRATCH_PIXELS or SCRATCH_PIXELS_2), or is the source where nothing changes. */
sk_status pixel_apply(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                      struct picture *picture);

const char *pixel_op_name(enum pixel_op op);
bool pixel_op_by_name(const char *name, enum pixel_op *op);
/* What was done, for people, into text[size]. */
void pixel_step_text(const struct pixel_step *step, char *text, size_t size);

/* ---- for the operations' own files ---- */

#define PIXEL_OP(enumerator, name, function, said)                                                                     \
    sk_status pixel_##function(const struct pixel_step *step, const struct pixel_style *style,                         \
                               struct scratch *scratch, struct picture *picture);
#include "augment/pixel_ops.def"
#undef PIXEL_OP

/* Bytes of a picture. */
static inline size_t pixel_bytes(const struct picture *picture) {
    return (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
}

/* Room for a picture of the same size that is not the one where *picture lies; NULL with a sentence. */
uint8_t *pixel_target(struct scratch *scratch, const struct picture *picture);

/* Replace every value by table[channel][value], into a new target. */
struct pixel_table {
    uint8_t value[3][256];
};
sk_status pixel_look_up(const struct pixel_table *table, struct scratch *scratch, struct picture *picture);

/* One table for all channels. */
sk_status pixel_look_up_all(const uint8_t value[256], struct scratch *scratch, struct picture *picture);

/* How often each value occurs in each channel. */
void pixel_histogram(const struct picture *picture, uint32_t count[3][256]);

/* from + factor * (to - from) in float32, cut to a byte: Pillow's Image.blend and Model Garden's. */
static inline uint8_t pixel_blend(int from, int to, float factor) {
    float value = (float)from + factor * (float)(to - from);
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

/* Grey of a colour as Pillow's "L": ITU-R 601-2 in 16-bit fixed point. */
static inline uint8_t pixel_luma(const uint8_t *rgb) {
    return (uint8_t)((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
}

/* All of torchvision's operations on tensors (pixels_tensor.c). */
sk_status pixel_tensor_apply(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                             struct picture *picture);

/* Model Garden's forms where they differ (pixels_tf.c). */
sk_status pixel_tf_transform(const float matrix[6], struct scratch *scratch, struct picture *picture);
sk_status pixel_tf_rotate(double degrees, struct scratch *scratch, struct picture *picture);
sk_status pixel_tf_color(double factor, struct scratch *scratch, struct picture *picture);
sk_status pixel_tf_contrast(double factor, struct scratch *scratch, struct picture *picture);
sk_status pixel_tf_sharpness(double factor, struct scratch *scratch, struct picture *picture);

#endif
