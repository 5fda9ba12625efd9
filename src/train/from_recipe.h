/* from_recipe.h — what a recipe says, in the structs of models, preprocessing and data.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_FROM_RECIPE_H
#define SK_TRAIN_FROM_RECIPE_H

#include "augment/augment.h"
#include "augment/mix.h"
#include "data/data.h"
#include "data/epoch_order.h"
#include "data/repeat.h"
#include "files/recipe.h"
#include "models/model.h"

/* Let keys that were left at their default follow those that were set: the model's input follows the preprocessing
 * and the other way round; classes > 0 becomes model.num_classes. Contradictions fail and name the key. */
sk_status recipe_settle(struct recipe *recipe, int64_t classes);
/* The same for a network that begins with these arguments (a model file's) rather than with model.name's defaults. */
sk_status recipe_settle_from(struct recipe *recipe, const struct model_args *base, int64_t classes);
/* Only give the model's keys their network's defaults: enough to show a recipe. */
sk_status recipe_settle_model(struct recipe *recipe);

/* The keys of groups model and batch_norm that were set, over `args` (the family's defaults, or a model file's). */
sk_status recipe_model_over(const struct recipe *recipe, struct model_args *args);
/* The same over the defaults of model.name. */
sk_status recipe_model(const struct recipe *recipe, struct model_args *args);

/* All keys of group preprocess (and data.exif); the _over form only those that were set. */
sk_status recipe_preprocess(const struct recipe *recipe, struct preprocess *preprocess);
sk_status recipe_preprocess_over(const struct recipe *recipe, struct preprocess *preprocess);

/* Keys of group preprocess that were not set take these values, and still count as not set. */
sk_status recipe_take_preprocess(struct recipe *recipe, const struct preprocess *preprocess);

sk_status recipe_pipeline(const struct recipe *recipe, struct pipeline *pipeline);
/* The same where `base` says what no key can. */
sk_status recipe_pipeline_from(const struct recipe *recipe, const struct preprocess *base, struct pipeline *pipeline);
/* Keys of the crop's form and of group augment.erasing. */
void recipe_crop_and_erasing(const struct recipe *recipe, struct augment_options *options);
/* Keys of group mix; and of repeated sampling (from_recipe_batch.c). */
void recipe_mix(const struct recipe *recipe, struct mix_options *mix);
/* data.stream; epochs have plan->images_used pictures. */
enum order_stream recipe_stream(const struct recipe *recipe);
struct repeat recipe_repeat(const struct recipe *recipe);
/* The same for training pictures, which may be of another size (augment.size). */
sk_status recipe_train_pipeline(const struct recipe *recipe, const struct pipeline *pipeline, struct pipeline *train);
sk_status recipe_data(const struct recipe *recipe, struct data_options *options);
enum model_init recipe_init(const struct recipe *recipe);

#endif
