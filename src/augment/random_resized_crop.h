/* random_resized_crop.h — the choice of the part, apart from its use, so that it can be tested on torch's draws.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_RANDOM_RESIZED_CROP_H
#define SK_AUGMENT_RANDOM_RESIZED_CROP_H

#include <stdbool.h>

#include "augment/resize.h"

/* Height and width of a part with this share of the area and log(width / height); false where it does not fit. */
bool crop_try(int height, int width, double share, double log_ratio, struct picture_box *box);
/* After ten tries: the middle, as large as the ratios allow. */
void crop_fallback(int height, int width, double ratio_min, double ratio_max, struct picture_box *box);

struct augment_options;
struct rng;
/* TF's sample_distorted_bounding_box: for a ratio (width / height), the heights to draw from, both included; and the
 * size that a height makes, false where the shares of the area allow none. In float32, as there. */
void crop_tf_heights(const struct augment_options *options, int height, int width, float ratio, int heights[2]);
bool crop_tf_size(const struct augment_options *options, int height, int width, float ratio, int drawn,
                  struct picture_box *box);
/* The part of a picture of this size that the crop takes; draws from rng what the transform draws. */
void crop_draw(const struct augment_options *options, struct rng *rng, int height, int width, struct picture_box *box);

#endif
