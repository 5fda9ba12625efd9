/* loop_plateau.h — the run's evaluations to the schedule that waits for them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOOP_PLATEAU_H
#define SK_TRAIN_LOOP_PLATEAU_H

#include "eval/metrics.h"

struct loop;

/* Before the first step: fails where the schedule follows evaluations and there are none. */
sk_status loop_plateau_check(const struct loop *loop);
/* What evaluations have led to, to the trainer: after them, and after a resume. */
void loop_plateau_resume(struct loop *loop);
/* After an epoch's evaluation (val NULL: there was none). */
void loop_plateau_feed(struct loop *loop, const struct metrics_result *val);

#endif
