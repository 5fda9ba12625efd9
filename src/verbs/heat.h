/* heat.h — a map of numbers laid over a picture in colours.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_HEAT_H
#define SK_VERBS_HEAT_H

#include "base/arena.h"
#include "data/picture.h"

/* The map (height,width), whose largest number is 1, enlarged to the picture's size by bilinear interpolation (pixel
 * centres, as torch's interpolate with align_corners=False). In the arena; NULL without memory. */
float *heat_enlarge(struct arena *arena, const float *map, int64_t height, int64_t width,
                    const struct picture *picture);

/* Colours of the numbers 0 to 1, from blue to red, mixed half and half into the picture (1 or 3 channels); the result is
 * RGB and lies in the arena. */
sk_status heat_overlay(struct arena *arena, const float *heat, const struct picture *picture, struct picture *result);

#endif
