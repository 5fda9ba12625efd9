/* layer_times.h — where the time of a profiled plan went, step by step, beside what the machine's peaks allow.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_LAYER_TIMES_H
#define SK_VERBS_LAYER_TIMES_H

#include "plan/plan.h"
#include "verbs/peaks_here.h"
#include "verbs/verb.h"

/* One row a step, its best time, as result lines, and the array "layers" into the open JSON object. */
void layer_times(struct call *call, const struct plan *plan, const struct peaks *peaks);

/* The least time that the machine's peaks allow for one run: the sum over its steps of what their multiply-adds, or the bytes
 * that memory has to give or take, need at least. Where all that a run touches (`bytes`) fits into the last cache, none has. */
double layer_bounds(const struct plan *plan, const struct peaks *peaks, size_t bytes);

#endif
