/* trace_step.h — the trace's part on what becomes of gradients and weights: accumulation, clipping, the moving average.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRACE_STEP_H
#define SK_TRAIN_TRACE_STEP_H

#include "base/json.h"
#include "train/schedule.h"

struct trace_step {
    const struct recipe *recipe;
    const struct epoch_plan *plan;
    const struct schedule *schedule;
};
/* Fails where the keys contradict each other. */
sk_status trace_step_check(const struct trace_step *trace);
sk_status trace_step_json(const struct trace_step *trace, struct json_writer *writer);
sk_status trace_step_text(const struct trace_step *trace, struct text *text);

#endif
