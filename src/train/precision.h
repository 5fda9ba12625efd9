/* precision.h — what `precision` does to a network's training: the tensors that it keeps as bf16, and those that it cannot.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_PRECISION_H
#define SK_TRAIN_PRECISION_H

#include "base/json.h"
#include "base/text.h"
#include "files/recipe.h"
#include "models/network.h"
#include "plan/bf16_census.h"

struct precision {
    bool bf16;                 /* asked for */
    int64_t batch;             /* pictures that the census is of */
    struct bf16_census census; /* where asked for; of the epochs that train most */
};

/* `network` NULL: the recipe's own. */
sk_status precision_read(const struct recipe *recipe, const struct network *network, int64_t batch,
                         struct precision *precision);

const char *precision_name(const struct recipe *recipe); /* "f32" or "bf16" */
/* One sentence without a line's end. */
void precision_text(const struct precision *precision, struct text *text);
/* "precision", and where it is bf16 "bf16" with the census. */
void precision_json(const struct precision *precision, struct json_writer *w);

#endif
