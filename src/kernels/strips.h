/* strips.h — how the depthwise gradient is cut: chunk i is a band of output rows of a group of images.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_STRIPS_H
#define SK_KERNELS_STRIPS_H

#include "kernels/kernels.h"

struct depthwise_grid {
    int64_t images; /* of a group */
    int64_t rows;   /* output rows of a band */
    int64_t bands;  /* of an image */
    int64_t chunks;
};
struct depthwise_grid depthwise_grid(const struct conv_shape *s);

#endif
