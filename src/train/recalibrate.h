/* recalibrate.h — batch-norm statistics of given weights, taken anew over an epoch of training pictures.
 *
 * Averaged weights have other activations than the models that they are the mean of: Izmailov et al., "Averaging weights
 * leads to wider optima and better generalization", arXiv:1803.05407. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_RECALIBRATE_H
#define SK_TRAIN_RECALIBRATE_H

#include <stdatomic.h>

#include "data/loader.h"
#include "models/network.h"

struct recalibration {
    struct network *network; /* its running statistics are replaced */
    struct team *team;
    struct loader *loader; /* of training pictures; taken through one epoch */
    uint64_t epoch;        /* whose order and augmentation that is */
    uint64_t seed;         /* of dropout and stochastic depth */
    int64_t size;          /* side of the pictures; 0: the network's input */
    int64_t batch, rest;   /* pictures of a full batch, and of a short last one (0: none) */
    const atomic_int *stop; /* becomes nonzero: give up with SK_EINTERRUPTED; or NULL */
    void (*progress)(void *user, int64_t done, int64_t all); /* pictures, after each batch; or NULL */
    void *user;
};
/* As torch.optim.swa_utils.update_bn: each statistic becomes its mean over the batches, each batch normalised by itself;
 * counters their number. A model without batch norms stays as it is. */
sk_status recalibrate(const struct recalibration *options, int64_t *batches);

#endif
