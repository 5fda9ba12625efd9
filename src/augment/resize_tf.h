/* resize_tf.h — tf.image.resize: numbers in float32 that are not rounded to bytes.
 *
 * Half-pixel centres. Without antialias two, four or one pixels along each side; bicubic is Keys' of -0.5 from a table of
 * 1024 steps, and pixels beyond the border weigh nothing. With antialias the kernel widens where a picture shrinks.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_RESIZE_TF_H
#define SK_AUGMENT_RESIZE_TF_H

#include "augment/resize.h"

/* Resize the part `box` (in the whole's pixels, as for resize_part; never of a shrunk picture) to height x width. The
 * numbers lie in scratch->numbers (height,width,channels), *result has them cut to whole bytes, as a cast does. */
sk_status resize_tf(const struct picture *source, const struct picture_box *box, const struct picture_resize *to,
                    struct scratch *scratch, struct picture *result);

/* Whose resize: Pillow's antialiased one and torch's without antialias, or TF's. */
enum resize_by { RESIZE_BY_PILLOW, RESIZE_BY_TF };
sk_status resize_by(enum resize_by by, const struct picture *source, const struct picture_box *box,
                    const struct picture_resize *to, struct scratch *scratch, struct picture *result);

#endif
