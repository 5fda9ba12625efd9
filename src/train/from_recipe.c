/* from_recipe.c — recipe keys to model arguments, preprocessing, augmentation and data options.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/from_recipe.h"

#include <stdio.h>
#include <string.h>

static sk_status set_integer(struct recipe *recipe, enum recipe_key_id id, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return recipe_set(recipe, recipe_key_name(id), text);
}

/* Two keys for one thing: the one that was set decides; both set and different is a contradiction. */
static sk_status agree(struct recipe *recipe, enum recipe_key_id a, const int64_t *a_value, enum recipe_key_id b,
                       const int64_t *b_value) {
    if (*a_value == *b_value) return SK_OK;
    if (!recipe_is_set(recipe, a)) return set_integer(recipe, a, *b_value);
    if (!recipe_is_set(recipe, b)) return set_integer(recipe, b, *a_value);
    return recipe_fail(recipe, a, "%lld, but %s is %lld; make them equal", (long long)*a_value, recipe_key_name(b),
                       (long long)*b_value);
}

sk_status recipe_settle(struct recipe *recipe, int64_t classes) {
    TRY(agree(recipe, RECIPE_model_in_channels, &recipe->model_in_channels, RECIPE_preprocess_channels,
              &recipe->preprocess_channels));
    int64_t crop = recipe->preprocess_crop;
    TRY(agree(recipe, RECIPE_model_input_size, &recipe->model_input_size, RECIPE_preprocess_crop,
              &recipe->preprocess_crop));
    if (recipe->preprocess_crop != crop && !recipe_is_set(recipe, RECIPE_preprocess_resize)) /* keep the proportion */
        TRY(set_integer(recipe, RECIPE_preprocess_resize,
                        (recipe->preprocess_resize * recipe->preprocess_crop + crop / 2) / crop));
    if (classes <= 0) return recipe_check(recipe);
    if (recipe_is_set(recipe, RECIPE_model_num_classes) && recipe->model_num_classes != classes)
        return recipe_fail(recipe, RECIPE_model_num_classes, "%lld, but the data have %lld classes",
                           (long long)recipe->model_num_classes, (long long)classes);
    TRY(set_integer(recipe, RECIPE_model_num_classes, classes));
    return recipe_check(recipe);
}

static sk_status strides_over(const struct recipe *recipe, struct model_args *args) {
    const struct i64_list *strides = &recipe->model_strides;
    if (!recipe_is_set(recipe, RECIPE_model_strides)) return SK_OK;
    if (strides->count != (size_t)args->stages)
        return recipe_fail(recipe, RECIPE_model_strides, "%zu strides, but a %s has %lld stages", strides->count,
                           args->name, (long long)args->stages);
    for (size_t i = 0; i < strides->count; i++) args->strides[i] = strides->item[i];
    return SK_OK;
}

sk_status recipe_model_over(const struct recipe *recipe, struct model_args *args) {
    if (recipe_is_set(recipe, RECIPE_model_num_classes)) args->num_classes = recipe->model_num_classes;
    if (recipe_is_set(recipe, RECIPE_model_width_mult)) args->width_mult = recipe->model_width_mult;
    if (recipe_is_set(recipe, RECIPE_model_dropout)) args->dropout = recipe->model_dropout;
    if (recipe_is_set(recipe, RECIPE_model_stochastic_depth)) args->stochastic_depth = recipe->model_stochastic_depth;
    if (recipe_is_set(recipe, RECIPE_model_input_size)) args->height = args->width = recipe->model_input_size;
    if (recipe_is_set(recipe, RECIPE_model_in_channels)) args->in_channels = recipe->model_in_channels;
    if (recipe_is_set(recipe, RECIPE_model_stem_stride)) args->stem_stride = recipe->model_stem_stride;
    if (recipe_is_set(recipe, RECIPE_model_round_nearest)) args->round_nearest = recipe->model_round_nearest;
    if (recipe_is_set(recipe, RECIPE_batch_norm_eps)) args->norm_eps = recipe->batch_norm_eps;
    if (recipe_is_set(recipe, RECIPE_batch_norm_momentum))
        args->norm_momentum = recipe->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH
                                  ? recipe->batch_norm_momentum
                                  : 1 - recipe->batch_norm_momentum;
    if (recipe_is_set(recipe, RECIPE_batch_norm_variance))
        args->norm_unbiased = recipe->batch_norm_variance == CHOICE_VARIANCE_UNBIASED;
    return strides_over(recipe, args);
}

sk_status recipe_model(const struct recipe *recipe, struct model_args *args) {
    TRY(model_defaults(recipe->model_name, args));
    return recipe_model_over(recipe, args);
}

enum model_init recipe_init(const struct recipe *recipe) {
    return recipe->model_init == CHOICE_INIT_TF ? INIT_TF : INIT_TORCHVISION;
}

static enum resize_filter filter_of(int choice) {
    switch (choice) {
    case CHOICE_FILTER_BOX: return RESIZE_BOX;
    case CHOICE_FILTER_BICUBIC: return RESIZE_BICUBIC;
    case CHOICE_FILTER_NEAREST: return RESIZE_NEAREST;
    default: return RESIZE_BILINEAR;
    }
}

static void fill_numbers(const struct f64_list *list, float numbers[PREPROCESS_CHANNELS]) {
    for (size_t i = 0; i < list->count && i < PREPROCESS_CHANNELS; i++) numbers[i] = (float)list->item[i];
}

sk_status recipe_preprocess_over(const struct recipe *r, struct preprocess *p) {
    if (recipe_is_set(r, RECIPE_preprocess_resize)) p->resize = (int)r->preprocess_resize;
    if (recipe_is_set(r, RECIPE_preprocess_crop)) p->crop_height = p->crop_width = (int)r->preprocess_crop;
    if (recipe_is_set(r, RECIPE_preprocess_filter)) p->filter = filter_of(r->preprocess_filter);
    if (recipe_is_set(r, RECIPE_preprocess_channels)) p->channels = (int)r->preprocess_channels;
    if (recipe_is_set(r, RECIPE_preprocess_divisor)) p->divisor = (float)r->preprocess_divisor;
    if (recipe_is_set(r, RECIPE_preprocess_mean)) fill_numbers(&r->preprocess_mean, p->mean);
    if (recipe_is_set(r, RECIPE_preprocess_std)) fill_numbers(&r->preprocess_std, p->std);
    if (recipe_is_set(r, RECIPE_preprocess_order))
        p->order = r->preprocess_order == CHOICE_ORDER_BGR ? COLOUR_BGR : COLOUR_RGB;
    if (recipe_is_set(r, RECIPE_data_exif)) p->exif = r->data_exif == CHOICE_EXIF_APPLY ? EXIF_APPLY : EXIF_IGNORE;
    return preprocess_check(p);
}

sk_status recipe_preprocess(const struct recipe *r, struct preprocess *p) {
    *p = (struct preprocess){
        .resize = (int)r->preprocess_resize,
        .filter = filter_of(r->preprocess_filter),
        .antialias = true,
        .crop_height = (int)r->preprocess_crop,
        .crop_width = (int)r->preprocess_crop,
        .channels = (int)r->preprocess_channels,
        .divisor = (float)r->preprocess_divisor,
        .order = r->preprocess_order == CHOICE_ORDER_BGR ? COLOUR_BGR : COLOUR_RGB,
        .exif = r->data_exif == CHOICE_EXIF_APPLY ? EXIF_APPLY : EXIF_IGNORE,
    };
    fill_numbers(&r->preprocess_mean, p->mean);
    fill_numbers(&r->preprocess_std, p->std);
    return preprocess_check(p);
}

sk_status recipe_pipeline(const struct recipe *r, struct pipeline *pipeline) {
    struct augment_options options = augment_default();
    TRY(recipe_preprocess(r, &options.preprocess));
    options.random_resized_crop = r->augment_rrc_enabled;
    options.scale_min = r->augment_rrc_scale.item[0];
    options.scale_max = r->augment_rrc_scale.item[1];
    options.ratio_min = r->augment_rrc_ratio.item[0];
    options.ratio_max = r->augment_rrc_ratio.item[1];
    options.train_filter = filter_of(r->augment_rrc_filter);
    options.random_crop = r->augment_crop_padding > 0;
    options.padding = (int)r->augment_crop_padding;
    options.pad_mode = r->augment_pad_mode == CHOICE_PAD_REFLECT ? PAD_REFLECT : PAD_ZERO;
    options.flip_probability = r->augment_flip;
    return pipeline_prepare(pipeline, &options);
}

struct data_options recipe_data(const struct recipe *r) {
    return (struct data_options){
        .val_fraction = r->data_split == CHOICE_SPLIT_SEED   ? r->data_val_fraction
                        : r->data_split == CHOICE_SPLIT_NONE ? -1
                                                             : 0,
        .seed = (uint64_t)r->seed,
        .exif = r->data_exif == CHOICE_EXIF_APPLY ? EXIF_APPLY : EXIF_IGNORE,
    };
}
