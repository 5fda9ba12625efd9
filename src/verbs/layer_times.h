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

#endif
