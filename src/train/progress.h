/* progress.h — the one line that says how far a run is, at most five times a second.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_PROGRESS_H
#define SK_TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <siskin.h>

struct progress {
    sk_on_event *on_event; /* or NULL */
    void *user;
    double shown; /* when, in seconds of clock_seconds */
};

/* A clock that only rises, in seconds. */
double clock_seconds(void);

/* "12:34 left", "2:03:10" */
const char *duration_text(double seconds, char *text, size_t size);

struct progress_state {
    int64_t epoch, epochs;  /* epoch from 1 */
    int64_t batch, batches; /* done of the epoch */
    double images_per_s;    /* so far; 0 = unknown */
    double loss, top1;      /* of the epoch so far */
    double left;            /* seconds */
};
void progress_training(struct progress *progress, const struct progress_state *state);
void progress_evaluation(struct progress *progress, int64_t done, int64_t all);
void progress_statistics(struct progress *progress, int64_t done, int64_t all);
void progress_features(struct progress *progress, int64_t done, int64_t all);

#endif
