/* trace_model.h — what a recipe's network does in training alone: groups of batch norm, what is dropped, what wraps around.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRACE_MODEL_H
#define SK_TRAIN_TRACE_MODEL_H

#include "base/json.h"
#include "files/recipe.h"

sk_status trace_model_text(const struct recipe *recipe, struct text *text);
sk_status trace_model_json(const struct recipe *recipe, struct json_writer *writer);

#endif
