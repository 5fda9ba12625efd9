/* loop.h — a whole training run: data, network, epochs, evaluations, checkpoints, log; begun or gone on with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOOP_H
#define SK_TRAIN_LOOP_H

#include <stdatomic.h>

#include "eval/metrics.h"
#include "files/recipe.h"
#include "models/network.h"

struct loop_options {
    struct recipe *recipe;       /* after its last override; what the data decide is filled in */
    const char *run;             /* the run's folder */
    bool resume;                 /* go on from its newest whole checkpoint */
    bool allow_level;            /* … although it was made on another numeric level */
    bool keep_scores;            /* RUN/scores.csv: what the last model says of each validation picture */
    bool reference;              /* every op by its reference, in double */
    sk_on_event *on_event;       /* or NULL */
    void *user;
    const atomic_int *stop; /* becomes nonzero: save and return SK_EINTERRUPTED */
};

struct loop_result {
    int64_t epochs, steps; /* made so far, in all */
    int64_t parameters;
    double loss, top1; /* of the last training epoch */
    bool has_val;
    int64_t val_images;
    double val_loss, val_top1, val_top5, val_low, val_high; /* of the last evaluation */
    bool has_ema;
    struct metrics_result ema; /* of the last evaluation of the moving average */
    bool has_test; /* the best model on the test part, when all epochs are over */
    struct metrics_result test;
    double best_top1;
    int64_t best_epoch;
    const char *best_name; /* of its model file in the run's folder */
    double seconds, images_per_s, data_wait;
    size_t peak_bytes, bound_bytes;
    int threads, workers;
};

/* Result is filled as far as the run came, also where it failed. */
sk_status loop_run(const struct loop_options *options, struct loop_result *result);

/* How many compute threads and data workers a recipe gets: together at most the cores, unless both were asked for. */
void loop_threads(const struct recipe *recipe, bool in_memory, int *threads, int *workers);

#endif
