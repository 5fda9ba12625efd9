/* prepare.h — the order of what plan_prepare computes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_PREPARE_H
#define SK_PLAN_PREPARE_H

#include "plan/plan.h"

/* Gives the constant steps of a plan, whose phases are known, their levels and tiles. */
sk_status preparation_new(struct plan *plan, struct arena *arena);

#endif
