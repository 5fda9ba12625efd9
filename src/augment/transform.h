/* transform.h — what one training transform offers to the pipeline; each is one file and one row of transforms.def.
 *
 * A transform reads its options from the pipeline and draws from its own sequence of random numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_TRANSFORM_H
#define SK_AUGMENT_TRANSFORM_H

#include "augment/augment.h"
#include "base/rng.h"

struct transform {
    /* Refuse options that make no sense; called whether or not the transform is on. */
    sk_status (*check)(const struct augment_options *options);
    bool keeps_numbers; /* what it does to pixels it does to scratch->numbers, or makes them */
    /* Would apply draw a random number? NULL: never. */
    bool (*is_random)(const struct augment_options *options);
    /* The only part of a picture of this size that apply will look at, and the size it will bring it to (0: it is not
     * resized in a way that a shrunk picture would do for); draws what apply draws. False: all of it, as where the
     * transform is off. NULL: the same. apply is then given a part of a whole: scratch->part. */
    bool (*part)(const struct augment_options *options, struct rng *rng, int height, int width, struct picture_box *box,
                 int to[2]);
    /* Change *picture (its pixels may be the dataset's own: never write to them, take a scratch slot). */
    sk_status (*apply)(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture);
};

#define TRANSFORM(name, number) extern const struct transform transform_##name;
#include "augment/transforms.def"
#undef TRANSFORM

#endif
