/* from_recipe.h — what a recipe says, in the structs of models, preprocessing and data.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_FROM_RECIPE_H
#define SK_TRAIN_FROM_RECIPE_H

#include "augment/augment.h"
#include "data/data.h"
#include "files/recipe.h"
#include "models/model.h"

/* Let keys that were left at their default follow those that were set: the model's input follows the preprocessing
 * and the other way round; classes > 0 becomes model.num_classes. Contradictions fail and name the key. */
sk_status recipe_settle(struct recipe *recipe, int64_t classes);

/* The keys of groups model and batch_norm that were set, over `args` (the family's defaults, or a model file's). */
sk_status recipe_model_over(const struct recipe *recipe, struct model_args *args);
/* The same over the defaults of model.name. */
sk_status recipe_model(const struct recipe *recipe, struct model_args *args);

/* All keys of group preprocess (and data.exif); the _over form only those that were set. */
sk_status recipe_preprocess(const struct recipe *recipe, struct preprocess *preprocess);
sk_status recipe_preprocess_over(const struct recipe *recipe, struct preprocess *preprocess);

sk_status recipe_pipeline(const struct recipe *recipe, struct pipeline *pipeline);
struct data_options recipe_data(const struct recipe *recipe);
enum model_init recipe_init(const struct recipe *recipe);

#endif
