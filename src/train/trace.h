/* trace.h — what a recipe will really do, without doing it: every effective value that decides a training run.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRACE_H
#define SK_TRAIN_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "files/recipe.h"
#include "train/decay.h"

struct trace_input {
    const struct recipe *recipe;
    int64_t train_images, val_images;
    int64_t classes;                    /* 0 = model.num_classes */
    int world;                          /* processes; 0 = 1 */
    const struct decay_tensor *tensors; /* the model's parameters, in their order */
    size_t tensor_count;
};

/* Fill in tensors and tensor_count as the recipe's model has them, in the arena. */
sk_status trace_input_tensors(struct trace_input *input, struct arena *arena);

/* Members of an open JSON object: steps_per_epoch, optimizer_steps, images_scored, lr, weight_decay, target, … */
sk_status trace_json(const struct trace_input *input, struct json_writer *writer);
/* The same for people. */
sk_status trace_text(const struct trace_input *input, struct text *text);

/* The loss's target vector for one label: 1 - s + s/classes there, s/classes elsewhere. */
void trace_target(double smoothing, int64_t classes, int64_t label, double *target);

#endif
