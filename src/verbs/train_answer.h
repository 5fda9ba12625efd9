/* train_answer.h — what train and resume answer.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_TRAIN_ANSWER_H
#define SK_VERBS_TRAIN_ANSWER_H

#include "train/dry_run.h"
#include "train/loop.h"
#include "verbs/verb.h"

/* What train --dry-run answers. */
void dry_answer(struct call *call, const struct dry_result *result);
void train_answer(struct call *call, const char *run, const struct loop_result *result, sk_status status);

#endif
