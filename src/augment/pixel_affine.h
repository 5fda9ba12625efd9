/* pixel_affine.h — Pillow's affine transform, and its matrix of a rotation.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_PIXEL_AFFINE_H
#define SK_AUGMENT_PIXEL_AFFINE_H

#include "augment/pixels.h"

/* Result (x,y) is the source's (a0 x + a1 y + a2, a3 x + a4 y + a5), of pixels' centres. */
sk_status pixel_affine(const double a[6], enum pixel_filter filter, const struct pixel_style *style,
                       struct scratch *scratch, struct picture *picture);

/* Counter-clockwise about the middle. */
void pixel_rotation(double degrees, int height, int width, double a[6]);

/* Python's round(value, 15), for values from -1 to 1. */
double pixel_round15(double value);

#endif
