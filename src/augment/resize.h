/* resize.h — Pillow's antialiased resize, bit for bit: the one that published accuracies were measured with.
 *
 * 8-bit rounding between the two passes (in the order of Pillow 13), weights in 22-bit fixed point, filter
 * support widened when shrinking. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_RESIZE_H
#define SK_AUGMENT_RESIZE_H

#include <stdbool.h>

#include "base/status.h"
#include "data/picture.h"

enum resize_filter { RESIZE_BOX, RESIZE_BILINEAR, RESIZE_BICUBIC, RESIZE_NEAREST, RESIZE_FILTERS };

const char *resize_filter_name(enum resize_filter filter); /* "box", "bilinear", "bicubic", "nearest" */
bool resize_filter_by_name(const char *name, enum resize_filter *filter);

/* Resize the part `box` of `source` (NULL: all of it) to height x width. The result lies in the scratch
 * (SCRATCH_RESIZED), or is the source itself where nothing changes; source must not lie in SCRATCH_RESIZED.
 * A box cuts before it resizes, as Pillow's crop().resize() does. */
sk_status resize_picture(const struct picture *source, const struct picture_box *box, int height, int width,
                         enum resize_filter filter, struct scratch *scratch, struct picture *result);

/* The same, of a picture that as scratch->part says may be a part of a whole or shrunk; the box is in the whole's pixels. */
sk_status resize_part(const struct picture *source, const struct picture_box *box, int height, int width,
                      enum resize_filter filter, struct scratch *scratch, struct picture *result);

/* The size, and how to come to it. */
struct picture_resize {
    int height, width;
    enum resize_filter filter;
    bool antialias;
};
/* Caps on what may be resized to what; resize_tf.c has them, too. */
sk_status resize_check(const struct picture_box *box, int height, int width);

/* The whole that `source` was read from: its size, from 0. */
struct picture_box resize_whole(const struct picture *source, const struct scratch *scratch);

/* The same without antialias, as torch's interpolate does it on float32: bilinear, bicubic (of the constant -0.75) and
 * nearest look at two, four and one pixels along each side however much the picture shrinks; rounded to bytes once. */
sk_status resize_plain(const struct picture *source, int height, int width, enum resize_filter filter,
                       struct scratch *scratch, struct picture *result);
sk_status resize_plain_box(const struct picture *source, const struct picture_box *box, int height, int width,
                           enum resize_filter filter, struct scratch *scratch, struct picture *result);

#endif
