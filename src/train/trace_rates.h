/* trace_rates.h — what each parameter has of the learning rate, by layer_decay and lr_mult.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRACE_RATES_H
#define SK_TRAIN_TRACE_RATES_H

#include "train/trace.h"

/* Nothing where every tensor has all of it. JSON: the array lr_factor. */
sk_status trace_rates_text(const struct trace_input *input, struct text *text);
sk_status trace_rates_json(const struct trace_input *input, struct json_writer *writer);

#endif
