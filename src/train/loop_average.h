/* loop_average.h — a run's checkpoint averaging: the models of its last or best epochs kept, their mean made at the end.
 *
 * RUN/average/epoch-N.safetensors are the models, RUN/average.safetensors is their mean, RUN/average.json what it scores.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOOP_AVERAGE_H
#define SK_TRAIN_LOOP_AVERAGE_H

#include "eval/metrics.h"

struct loop;

/* Before the first step: fails where best epochs are asked for and nothing scores them. */
sk_status loop_average_check(const struct loop *loop);
/* After an epoch's evaluation (val NULL: there was none): keep its model if it is one of those. Doing it again for the same
 * epoch, after a resume, changes nothing. */
sk_status loop_average_keep(struct loop *loop, const struct metrics_result *val);
/* After the last epoch; where it was not done yet. */
sk_status loop_average_finish(struct loop *loop);

#endif
