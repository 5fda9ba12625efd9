/* plateau.h — the one schedule that follows the run: the rate falls where evaluations stop getting better.
 *
 * timm's PlateauLRScheduler over PyTorch's ReduceLROnPlateau. The schedule stays a function of the step; what evaluations
 * have made of the rate is state beside it, which a checkpoint holds. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_PLATEAU_H
#define SK_TRAIN_PLATEAU_H

#include "eval/metrics.h"
#include "train/schedule.h"

/* All zero: nothing was seen yet. */
struct plateau {
    int64_t fed;     /* evaluations that counted; lr is known where there were any */
    int64_t better;  /* of them were the best so far; best is known where there were any */
    int64_t waited;  /* since the last such one */
    int64_t cooling; /* still to come that are not waited for */
    double best, lr;
};

/* After the evaluation that comes before optimizer step `step`: true where the rate falls. Evaluations of the warm-up do not
 * count. */
bool plateau_feed(struct plateau *plateau, const struct schedule *schedule, int64_t step, double metric);

/* What the recipe's schedule.metric is of an evaluation. */
double plateau_metric(const struct recipe *recipe, const struct metrics_result *result);

#endif
