/* repeat.h — repeated augmentation: a picture several times in a row, an epoch as long as ever.
 *
 * An epoch of DeiT's sampler, as torchvision's RASampler and timm's RepeatAugSampler have it: the shuffled pictures,
 * each `times` in a row, dealt in turn to `replicas` processes, and of each process's only its share of the pictures
 * there are. Hoffer et al., "Augment your batch", CVPR 2020; Touvron et al., DeiT, ICML 2021.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_REPEAT_H
#define SK_DATA_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

struct repeat {
    double times; /* 0: off */
    int64_t replicas;
    bool timm; /* fewer than 256 pictures: all of them; torchvision: none */
};

/* Pictures of an epoch of `count`: of all replicas together. */
int64_t repeat_length(const struct repeat *repeat, int64_t count);

/* Which picture of the shuffled order (of `count`) stands at place `at` of a batch of `size` that begins at `first` of
 * the epoch: the batch holds the replicas' parts one behind the other. */
int64_t repeat_item(const struct repeat *repeat, int64_t count, int64_t first, int64_t size, int64_t at);

#endif
