/* trace_batches.h — the part of a trace that tells what batches are made of: pictures, mixing, erasing, targets, scoring.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRACE_BATCHES_H
#define SK_TRAIN_TRACE_BATCHES_H

#include "base/json.h"
#include "base/text.h"
#include "files/recipe.h"
#include "train/schedule.h"

/* Lines of the trace's steps and of what happens to pictures; `val_images` are there to be scored. */
void trace_batches_text(const struct recipe *recipe, const struct epoch_plan *plan, int64_t val_images,
                        struct text *text);
/* The same as members of an open object. */
void trace_batches_json(const struct recipe *recipe, const struct epoch_plan *plan, int64_t val_images,
                        struct json_writer *writer);

#endif
