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
    /* Would apply draw a random number? NULL: never. */
    bool (*is_random)(const struct augment_options *options);
    /* Change *picture (its pixels may be the dataset's own: never write to them, take a scratch slot). */
    sk_status (*apply)(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture);
};

#define TRANSFORM(name, number) extern const struct transform transform_##name;
#include "augment/transforms.def"
#undef TRANSFORM

#endif
