/* loop_scores.h — what a finished run's last model says of each validation picture, kept for tests beside other runs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOOP_SCORES_H
#define SK_TRAIN_LOOP_SCORES_H

#include "train/loop_setup.h"

/* Room for them, where the options ask for it; before the evaluator is made. */
sk_status loop_scores_begin(struct loop *loop);
/* After the last epoch: RUN/scores.csv, of the last model (the moving average's where ema.best says so) and not of the
 * best: nothing is chosen by the pictures that judge. What is there is left alone. */
sk_status loop_scores_finish(struct loop *loop);

/* RUN/scores.csv; *scores is NULL where there is none yet. Labels and first classes only. */
sk_status scores_read(struct arena *arena, const char *run, struct score **scores, int64_t *count);

#endif
