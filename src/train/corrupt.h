/* corrupt.h — pictures that a run went on without (data.corrupt: skip): lines of log.jsonl, and their number.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_CORRUPT_H
#define SK_TRAIN_CORRUPT_H

#include "data/loader.h"
#include "train/log.h"

/* Gathered until they are written; zero-initialise, text_free lines. */
struct corrupt {
    struct text lines;
    int64_t count;
};

/* Add what a batch was made without; epoch from 1. */
sk_status corrupt_gather(struct corrupt *corrupt, const struct dataset *dataset, enum data_part part,
                         const struct batch *batch, int64_t epoch);

/* Write the lines to the log and forget them. */
sk_status corrupt_write(struct corrupt *corrupt, struct run_log *log);

#endif
