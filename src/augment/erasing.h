/* erasing.h — Random Erasing: rectangles of the normalised picture are overwritten. In three forms.
 *
 * Zhong et al., "Random erasing data augmentation", AAAI 2020. It works on the network's numbers, after everything else,
 * so it is no row of transforms.def; its random numbers have an address of their own like theirs.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_ERASING_H
#define SK_AUGMENT_ERASING_H

#include <stdbool.h>

#include "augment/resize.h"
#include "base/rng.h"

enum erasing_of { ERASING_OF_TORCHVISION, ERASING_OF_TIMM, ERASING_OF_TF };
enum erasing_fill { ERASE_VALUE, ERASE_NOISE, ERASE_COLOUR };
enum { ERASING_CHANNELS = 4, ERASING_NUMBER = 1 << 14 }; /* the number that addresses its random numbers */

struct erasing {
    double probability; /* 0: off */
    enum erasing_of of;
    double area[2], aspect[2]; /* shares of the picture; height / width */
    int count[2];              /* least and most rectangles; torchvision: one */
    int trials;
    enum erasing_fill fill;
    float value[ERASING_CHANNELS]; /* ERASE_VALUE */
};

/* The input: (height,width,channels) numbers. */
struct erasing_frame {
    float *numbers;
    int height, width, channels;
};

sk_status erasing_check(const struct erasing *erasing, int height, int width, int channels);

/* Draw and erase; `scratch` hears of it. */
void erasing_apply(const struct erasing *erasing, struct rng *rng, const struct erasing_frame *frame,
                   struct scratch *scratch);

/* The size of a rectangle of this share of the picture (already divided by their number) and this log(height / width);
 * false where it does not fit. */
bool erasing_size(enum erasing_of of, const struct erasing_frame *frame, double share, double log_aspect,
                  struct picture_box *box);
/* Put it at the drawn place, which Model Garden takes for its middle: cut at the border. */
void erasing_place(enum erasing_of of, int row, int column, struct picture_box *box);

#endif
