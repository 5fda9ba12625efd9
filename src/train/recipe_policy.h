/* recipe_policy.h — the recipe's keys of random policies and colour to the augmentation's options.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_RECIPE_POLICY_H
#define SK_TRAIN_RECIPE_POLICY_H

#include "augment/augment.h"
#include "base/json.h"
#include "base/text.h"
#include "files/recipe.h"

/* Fill policy, jitter and grayscale; the preprocessing and train_filter are there already. */
sk_status recipe_policy(const struct recipe *recipe, struct augment_options *options);

/* What they come to, for `recipe trace`: operations with their chances and arguments, a line each. Nothing where all
 * is off. */
sk_status recipe_policy_text(const struct recipe *recipe, struct text *text);
/* The same lines as a member "augmentation". */
sk_status recipe_policy_json(const struct recipe *recipe, struct json_writer *w);

#endif
