/* dry_run.h — the first steps of a run, thrown away: what the whole would take, and which side would wait.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_DRY_RUN_H
#define SK_TRAIN_DRY_RUN_H

#include "train/loop.h"
#include "train/precision.h"

enum { DRY_STEPS = 20 };

struct dry_result {
    int64_t steps, batches, pictures; /* done, the first batch, which warms up, not counted */
    double seconds;                   /* that they took, */
    double waited;                    /* of these for the loader */
    int64_t eval_pictures;            /* scored, to see how long that takes; 0: nothing to score */
    double eval_seconds;
    /* of the whole run, foreseen: */
    int64_t total_steps, evaluations;
    double epoch_seconds, evaluation_seconds, total_seconds;
    size_t plan_bytes;  /* of the training plan */
    size_t state_bytes; /* parameters, optimizer and moving average */
    size_t peak_bytes;  /* that this process has taken at most */
    int threads, workers;
    struct precision precision; /* of a whole batch */
};

/* `options` as for loop_run; nothing is written, `run` and `resume` are not looked at. Stops early after `limit` seconds,
 * with at least two batches timed. */
sk_status dry_run(const struct loop_options *options, double limit, struct dry_result *result);

#endif
