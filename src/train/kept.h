/* kept.h — what a frozen part gives for every picture of a part of the data, computed once and kept in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_KEPT_H
#define SK_TRAIN_KEPT_H

#include <stdatomic.h>

#include "data/loader.h"
#include "train/freeze.h"
#include "train/trainer.h"

struct kept_options {
    struct trainer *trainer;
    const struct loader_options *loader; /* of the pictures; order and end are this module's */
    const atomic_int *stop;              /* or NULL */
    void (*progress)(void *user, int64_t done, int64_t all);
    void *user;
};

struct kept {
    struct kept_options options;
    struct loader_options loader;
    struct region rows; /* (pictures, floats) of the stage */
    int64_t pictures;
    bool wanted[FREEZE_STAGES]; /* stages whose features are kept */
    int stage;                  /* that the rows are of; -1: none yet */
    uint64_t damaged;
};

/* Take the memory for those stages that fit into *budget bytes, which shrinks. */
sk_status kept_make(struct kept *kept, const struct kept_options *options, size_t *budget);
void kept_free(struct kept *kept);
bool kept_any(const struct kept *kept);

/* The rows of that stage, computed where they are not there yet; *rows NULL where the stage keeps none. */
sk_status kept_rows(struct kept *kept, int stage, const float **rows);

#endif
