/* loop_ema.h — the moving average in a run: evaluated beside the raw weights, its best and its last kept.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOOP_EMA_H
#define SK_TRAIN_LOOP_EMA_H

#include "eval/metrics.h"

struct loop;

/* Score the average where the run has a moving average and something to score; best_ema.safetensors where it was never
 * better. *val is NULL otherwise, else `result`. */
sk_status loop_ema_evaluate(struct loop *loop, struct metrics_result *result, const struct metrics_result **val);

/* last_ema.safetensors, and best_ema.safetensors where nothing chooses it, at the end. */
sk_status loop_ema_finish(struct loop *loop);

#endif
