/* from_recipe.c — recipe keys to model arguments, preprocessing, augmentation and data options.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/from_recipe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/recipe_policy.h"

static sk_status set_integer(struct recipe *recipe, enum recipe_key_id id, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return recipe_set(recipe, recipe_key_name(id), text);
}

/* Two keys for one thing: the one that was set decides; both set and different is a contradiction. */
static sk_status agree(struct recipe *recipe, enum recipe_key_id a, const int64_t *a_value, enum recipe_key_id b,
                       const int64_t *b_value) {
    if (*a_value == *b_value) return SK_OK;
    if (!recipe_is_set(recipe, b)) return set_integer(recipe, b, *a_value);
    if (!recipe_is_set(recipe, a)) return set_integer(recipe, a, *b_value);
    return recipe_fail(recipe, a, "%lld, but %s is %lld; make them equal", (long long)*a_value, recipe_key_name(b),
                       (long long)*b_value);
}

/* ---- the model's arguments ---- */

/* Keys that are arguments of the same name: integers, numbers, switches. */
#define MODEL_KEYS(I, N, B)                                                                                            \
    I(num_classes)                                                                                                     \
    I(in_channels)                                                                                                     \
    I(stem_stride)                                                                                                     \
    I(round_nearest)                                                                                                   \
    N(width_mult)                                                                                                      \
    N(depth_mult) N(dropout) N(stochastic_depth) N(layer_scale) B(stochastic_depth_reaches_end) B(same_padding)        \
        B(wrap_padding) B(reduced_tail) B(dilated) B(minimal) B(fixed_head)

static const enum act choice_acts[] = {
    [CHOICE_ACT_OWN] = ACT_NONE,
    [CHOICE_ACT_RELU] = ACT_RELU,
    [CHOICE_ACT_RELU6] = ACT_RELU6,
    [CHOICE_ACT_HARDSWISH] = ACT_HARDSWISH,
    [CHOICE_ACT_SILU] = ACT_SILU,
    [CHOICE_ACT_GELU] = ACT_GELU,
    [CHOICE_ACT_GELU_TANH] = ACT_GELU_TANH,
};

static sk_status blocks_over(const struct recipe *recipe, struct model_args *args) {
    struct model_row rows[MODEL_STAGES];
    const struct text_list *blocks = &recipe->model_blocks;
    if (!blocks->count) return SK_OK;
    for (size_t i = 0; i < blocks->count; i++)
        if (model_row_parse(blocks->item[i], &rows[i]) != SK_OK)
            return recipe_fail(recipe, RECIPE_model_blocks, "row %zu: %s", i + 1, sk_error());
    model_args_rows(args, rows, (int64_t)blocks->count);
    return SK_OK;
}

static sk_status strides_over(const struct recipe *recipe, struct model_args *args) {
    const struct i64_list *strides = &recipe->model_strides;
    if (!recipe_is_set(recipe, RECIPE_model_strides)) return SK_OK;
    if (strides->count != (size_t)args->stages)
        return recipe_fail(recipe, RECIPE_model_strides, "%zu strides, but a %s has %lld of them", strides->count,
                           args->name, (long long)args->stages);
    for (size_t i = 0; i < strides->count; i++) args->strides[i] = strides->item[i];
    return SK_OK;
}

/* Compound scaling; what is set by a key of its own comes after and wins. */
static sk_status phi_over(const struct recipe *recipe, struct model_args *args) {
    const struct model_family *family;
    if (recipe->model_phi == 0) return SK_OK;
    TRY(model_find(args->name, &family));
    if (!family->scaled_from) return recipe_fail(recipe, RECIPE_model_phi, "a %s has no compound scaling", args->name);
    args->depth_mult = pow(recipe->model_alpha, recipe->model_phi);
    args->width_mult = pow(recipe->model_beta, recipe->model_phi);
    args->height = args->width = llround((double)family->scaled_from * pow(recipe->model_gamma, recipe->model_phi));
    return SK_OK;
}

static void norm_over(const struct recipe *recipe, struct model_args *args) {
    if (recipe_is_set(recipe, RECIPE_batch_norm_eps)) args->norm_eps = recipe->batch_norm_eps;
    bool running = recipe->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_RUNNING;
    if (recipe_is_set(recipe, RECIPE_batch_norm_momentum))
        args->norm_momentum = running ? 1 - recipe->batch_norm_momentum : recipe->batch_norm_momentum;
    else if (running) /* the number that the resolved recipe will give when it is read again, to the bit */
        args->norm_momentum = 1 - (1 - args->norm_momentum);
    if (recipe_is_set(recipe, RECIPE_batch_norm_variance))
        args->norm_unbiased = recipe->batch_norm_variance == CHOICE_VARIANCE_UNBIASED;
}

/* The keys of group head; where head.hidden is not set, the head is the model file's, or plain. */
static void head_over(const struct recipe *recipe, struct model_args *args) {
    static const enum act acts[] = {
        [CHOICE_HEAD_RELU] = ACT_RELU, [CHOICE_HEAD_RELU6] = ACT_RELU6, [CHOICE_HEAD_HARDSWISH] = ACT_HARDSWISH,
        [CHOICE_HEAD_SILU] = ACT_SILU, [CHOICE_HEAD_GELU] = ACT_GELU,   [CHOICE_HEAD_GELU_TANH] = ACT_GELU_TANH,
    };
    if (recipe_is_set(recipe, RECIPE_head_hidden)) {
        args->head_count = (int64_t)recipe->head_hidden.count;
        for (size_t i = 0; i < recipe->head_hidden.count; i++) args->head_hidden[i] = recipe->head_hidden.item[i];
        args->head_activation = acts[recipe->head_activation];
    }
    if (recipe_is_set(recipe, RECIPE_head_activation)) args->head_activation = acts[recipe->head_activation];
    if (recipe_is_set(recipe, RECIPE_head_dropout)) args->head_dropout = recipe->head_dropout;
}

sk_status recipe_model_over(const struct recipe *recipe, struct model_args *args) {
    head_over(recipe, args);
    TRY(phi_over(recipe, args));
#define X(field)                                                                                                       \
    if (recipe_is_set(recipe, RECIPE_model_##field)) args->field = recipe->model_##field;
    MODEL_KEYS(X, X, X)
#undef X
    if (recipe_is_set(recipe, RECIPE_model_stochastic_depth_by))
        args->stochastic_depth_by_stage = recipe->model_stochastic_depth_by == CHOICE_DEPTH_BY_STAGE;
    if (recipe_is_set(recipe, RECIPE_model_input_size)) args->height = args->width = recipe->model_input_size;
    if (recipe_is_set(recipe, RECIPE_model_activation)) args->activation = choice_acts[recipe->model_activation];
    norm_over(recipe, args);
    TRY(blocks_over(recipe, args));
    return strides_over(recipe, args);
}

sk_status recipe_model(const struct recipe *recipe, struct model_args *args) {
    TRY(model_defaults(recipe->model_name, args));
    return recipe_model_over(recipe, args);
}

enum model_init recipe_init(const struct recipe *recipe) {
    static const enum model_init inits[] = {
        [CHOICE_INIT_TORCHVISION] = INIT_TORCHVISION,
        [CHOICE_INIT_TF] = INIT_TF,
        [CHOICE_INIT_TIMM] = INIT_TIMM,
        [CHOICE_INIT_KERAS] = INIT_KERAS,
        [CHOICE_INIT_FLAX] = INIT_FLAX,
    };
    return inits[recipe->model_init];
}

/* ---- settling ---- */

static sk_status settle_number(struct recipe *recipe, enum recipe_key_id id, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return recipe_settle_key(recipe, id, text);
}

static sk_status settle_strides(struct recipe *recipe, const struct model_args *args) {
    struct text text = {0};
    for (int64_t i = 0; i < args->stages; i++) text_addf(&text, "%s%lld", i ? "," : "", (long long)args->strides[i]);
    sk_status status = text_check(&text);
    if (status == SK_OK) status = recipe_settle_key(recipe, RECIPE_model_strides, text.data);
    text_free(&text);
    return status;
}

static sk_status settle_blocks(struct recipe *recipe, const struct model_args *args) {
    struct text text = {0};
    if (!args->row_count) return SK_OK;
    for (int64_t i = 0; i < args->row_count; i++) {
        text_add(&text, i ? ", " : "[");
        model_row_print(&args->rows[i], &text);
    }
    text_add(&text, "]");
    sk_status status = text_check(&text);
    if (status == SK_OK) status = recipe_settle_key(recipe, RECIPE_model_blocks, text.data);
    text_free(&text);
    return status;
}

static sk_status settle_activation(struct recipe *recipe, const struct model_args *args) {
    for (int i = 0; i < (int)(sizeof choice_acts / sizeof *choice_acts); i++)
        if (choice_acts[i] == args->activation)
            return recipe_settle_key(recipe, RECIPE_model_activation, recipe_word(RECIPE_model_activation, i));
    return SK_OK;
}

static sk_status settle_norm(struct recipe *recipe, const struct model_args *args) {
    bool batch = recipe->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH;
    TRY(settle_number(recipe, RECIPE_batch_norm_eps, args->norm_eps));
    TRY(settle_number(recipe, RECIPE_batch_norm_momentum, batch ? args->norm_momentum : 1 - args->norm_momentum));
    return recipe_settle_key(recipe, RECIPE_batch_norm_variance, args->norm_unbiased ? "unbiased" : "biased");
}

/* Keys of the model that were left at their default take the network's own, so that the recipe says what is run. */
static sk_status settle_model(struct recipe *recipe, const struct model_args *base) {
    struct model_args args;
    if (base)
        args = *base;
    else
        TRY(model_defaults(recipe->model_name, &args));
    TRY(recipe_model_over(recipe, &args));
#define NUMBER(field) TRY(settle_number(recipe, RECIPE_model_##field, (double)args.field));
#define SWITCH(field) TRY(recipe_settle_key(recipe, RECIPE_model_##field, args.field ? "true" : "false"));
    MODEL_KEYS(NUMBER, NUMBER, SWITCH)
#undef NUMBER
#undef SWITCH
    TRY(recipe_settle_key(recipe, RECIPE_model_stochastic_depth_by,
                          args.stochastic_depth_by_stage ? "stage" : "block"));
    TRY(settle_blocks(recipe, &args));
    TRY(settle_activation(recipe, &args));
    TRY(settle_strides(recipe, &args));
    TRY(settle_norm(recipe, &args));
    if (recipe_is_set(recipe, RECIPE_preprocess_crop)) return SK_OK; /* the input follows it */
    return settle_number(recipe, RECIPE_model_input_size, (double)args.height);
}

sk_status recipe_settle_model(struct recipe *recipe) {
    return settle_model(recipe, NULL);
}

sk_status recipe_settle(struct recipe *recipe, int64_t classes) {
    return recipe_settle_from(recipe, NULL, classes);
}

sk_status recipe_settle_from(struct recipe *recipe, const struct model_args *base, int64_t classes) {
    TRY(settle_model(recipe, base));
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
        return recipe_fail(recipe, RECIPE_model_num_classes, "%lld, but the data have %lld classes%s",
                           (long long)recipe->model_num_classes, (long long)classes,
                           recipe->model_num_classes == classes + 1 && recipe->data_label_offset == 0
                               ? "; data.label_offset=1 puts TF's background before them"
                               : "");
    TRY(set_integer(recipe, RECIPE_model_num_classes, classes));
    return recipe_check(recipe);
}

/* ---- preprocessing, augmentation, data ---- */

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
    if (recipe_is_set(r, RECIPE_preprocess_squash)) p->squash = r->preprocess_squash;
    if (recipe_is_set(r, RECIPE_preprocess_filter)) p->filter = filter_of(r->preprocess_filter);
    if (recipe_is_set(r, RECIPE_preprocess_antialias)) p->antialias = r->preprocess_antialias;
    if (recipe_is_set(r, RECIPE_preprocess_resize_by))
        p->by = r->preprocess_resize_by == CHOICE_RESIZE_TF ? RESIZE_BY_TF : RESIZE_BY_PILLOW;
    if (recipe_is_set(r, RECIPE_preprocess_crop_share)) p->crop_share = r->preprocess_crop_share;
    if (recipe_is_set(r, RECIPE_preprocess_channels)) p->channels = (int)r->preprocess_channels;
    if (recipe_is_set(r, RECIPE_preprocess_divisor)) p->divisor = (float)r->preprocess_divisor;
    if (recipe_is_set(r, RECIPE_preprocess_mean)) fill_numbers(&r->preprocess_mean, p->mean);
    if (recipe_is_set(r, RECIPE_preprocess_std)) fill_numbers(&r->preprocess_std, p->std);
    if (recipe_is_set(r, RECIPE_preprocess_order))
        p->order = r->preprocess_order == CHOICE_ORDER_BGR ? COLOUR_BGR : COLOUR_RGB;
    if (recipe_is_set(r, RECIPE_data_exif)) p->exif = r->data_exif == CHOICE_EXIF_APPLY ? EXIF_APPLY : EXIF_IGNORE;
    return preprocess_check(p);
}

/* All keys over what *p says. */
static sk_status fill_preprocess(const struct recipe *r, struct preprocess *p) {
    p->resize = (int)r->preprocess_resize;
    p->squash = r->preprocess_squash;
    p->filter = filter_of(r->preprocess_filter);
    p->antialias = r->preprocess_antialias;
    p->by = r->preprocess_resize_by == CHOICE_RESIZE_TF ? RESIZE_BY_TF : RESIZE_BY_PILLOW;
    p->crop_share = r->preprocess_crop_share;
    p->crop_height = p->crop_width = (int)r->preprocess_crop;
    p->channels = (int)r->preprocess_channels;
    p->divisor = (float)r->preprocess_divisor;
    p->order = r->preprocess_order == CHOICE_ORDER_BGR ? COLOUR_BGR : COLOUR_RGB;
    p->exif = r->data_exif == CHOICE_EXIF_APPLY ? EXIF_APPLY : EXIF_IGNORE;
    fill_numbers(&r->preprocess_mean, p->mean);
    fill_numbers(&r->preprocess_std, p->std);
    return preprocess_check(p);
}

sk_status recipe_preprocess(const struct recipe *r, struct preprocess *p) {
    *p = preprocess_default();
    return fill_preprocess(r, p);
}

static sk_status take_numbers(struct recipe *recipe, enum recipe_key_id id, const float *numbers, int count) {
    struct text text = {0};
    for (int i = 0; i < count; i++) text_addf(&text, "%s%.9g", i ? "," : "", (double)numbers[i]);
    sk_status status = text_check(&text);
    if (status == SK_OK) status = recipe_settle_key(recipe, id, text.data);
    text_free(&text);
    return status;
}

sk_status recipe_take_preprocess(struct recipe *recipe, const struct preprocess *p) {
    TRY(settle_number(recipe, RECIPE_preprocess_resize, p->resize));
    TRY(settle_number(recipe, RECIPE_preprocess_crop, p->crop_height));
    TRY(settle_number(recipe, RECIPE_preprocess_channels, p->channels));
    TRY(settle_number(recipe, RECIPE_preprocess_divisor, (double)p->divisor));
    TRY(recipe_settle_key(recipe, RECIPE_preprocess_squash, p->squash ? "true" : "false"));
    TRY(recipe_settle_key(recipe, RECIPE_preprocess_filter, resize_filter_name(p->filter)));
    TRY(recipe_settle_key(recipe, RECIPE_preprocess_antialias, p->antialias ? "true" : "false"));
    TRY(settle_number(recipe, RECIPE_preprocess_crop_share, p->crop_share));
    TRY(recipe_settle_key(recipe, RECIPE_preprocess_resize_by, p->by == RESIZE_BY_TF ? "tf" : "pillow"));
    TRY(recipe_settle_key(recipe, RECIPE_preprocess_order, p->order == COLOUR_BGR ? "bgr" : "rgb"));
    TRY(take_numbers(recipe, RECIPE_preprocess_mean, p->mean, p->channels));
    return take_numbers(recipe, RECIPE_preprocess_std, p->std, p->channels);
}

sk_status recipe_pipeline(const struct recipe *r, struct pipeline *pipeline) {
    struct preprocess base = preprocess_default();
    return recipe_pipeline_from(r, &base, pipeline);
}

sk_status recipe_pipeline_from(const struct recipe *r, const struct preprocess *base, struct pipeline *pipeline) {
    struct augment_options options = augment_default();
    options.preprocess = *base;
    TRY(fill_preprocess(r, &options.preprocess));
    options.random_resized_crop = r->augment_rrc_enabled;
    options.scale_min = r->augment_rrc_scale.item[0];
    options.scale_max = r->augment_rrc_scale.item[1];
    options.ratio_min = r->augment_rrc_ratio.item[0];
    options.ratio_max = r->augment_rrc_ratio.item[1];
    options.train_filter = filter_of(r->augment_rrc_filter);
    recipe_crop_and_erasing(r, &options);
    options.random_crop = r->augment_crop_padding > 0;
    options.padding = (int)r->augment_crop_padding;
    options.pad_mode = r->augment_pad_mode == CHOICE_PAD_REFLECT ? PAD_REFLECT : PAD_ZERO;
    options.flip_probability = r->augment_flip;
    options.fast_decode = r->data_decode == CHOICE_DECODE_FAST;
    TRY(recipe_policy(r, &options));
    return pipeline_prepare(pipeline, &options);
}

sk_status recipe_train_pipeline(const struct recipe *r, const struct pipeline *pipeline, struct pipeline *train) {
    struct augment_options options = pipeline->options;
    if (r->augment_size > 0) options.preprocess.crop_height = options.preprocess.crop_width = (int)r->augment_size;
    return pipeline_prepare(train, &options);
}

/* "0.7/0.15/0.15": three shares whose sum is 1, or near to it. */
static bool parse_shares(const char *text, double share[DATA_PARTS]) {
    double sum = 0;
    for (int part = 0; part < DATA_PARTS; part++) {
        char number[32];
        size_t length = strcspn(text, "/");
        if (length >= sizeof number) return false;
        snprintf(number, sizeof number, "%.*s", (int)length, text);
        if (!parse_f64(number, &share[part]) || share[part] < 0) return false;
        sum += share[part];
        text += length;
        if ((*text == '/') != (part + 1 < DATA_PARTS)) return false;
        text += *text == '/';
    }
    return share[DATA_TRAIN] > 0 && fabs(sum - 1) < 1e-3;
}

/* "2/5" */
static sk_status take_fold(const struct recipe *r, struct data_options *options) {
    const char *slash = strchr(r->data_fold, '/');
    char number[24];
    int64_t fold = 0, folds = 0;
    if (!r->data_fold[0]) return SK_OK;
    snprintf(number, sizeof number, "%.*s", slash ? (int)(slash - r->data_fold) : 0, r->data_fold);
    if (!slash || !parse_i64(number, &fold) || !parse_i64(slash + 1, &folds) || folds < 2 || folds > 1000 || fold < 1 ||
        fold > folds)
        return recipe_fail(r, RECIPE_data_fold, "found '%.60s', expected a fold of 2 to 1000, as 2/5", r->data_fold);
    if (strcmp(r->data_split, "auto") != 0)
        return recipe_fail(r, RECIPE_data_fold, "it divides train itself, and data.split=%.60s does, too: leave one out",
                           r->data_split);
    options->fold = (int)fold, options->folds = (int)folds;
    return SK_OK;
}

/* Shards read from end to end: what the disk fetches while pictures are decoded. */
enum { SHARD_AHEAD = 4 << 20 };

sk_status recipe_data(const struct recipe *r, struct data_options *options) {
    *options = (struct data_options){
        .per_class = (uint32_t)r->data_per_class,
        .near_duplicates = r->data_near_duplicates == CHOICE_NEAR_TOGETHER,
        .seed = (uint64_t)r->seed,
        .exif = r->data_exif == CHOICE_EXIF_APPLY ? EXIF_APPLY : EXIF_IGNORE,
        .index_cache = r->data_index_cache,
        .label_offset = (int)r->data_label_offset,
        .read_ahead = r->data_shuffle_buffer > 0 ? SHARD_AHEAD : 0,
    };
    TRY(take_fold(r, options));
    if (!strcmp(r->data_split, "auto")) return SK_OK;
    if (!strcmp(r->data_split, "none"))
        options->val_fraction = -1;
    else if (!strcmp(r->data_split, "seed"))
        options->val_fraction = r->data_val_fraction;
    else if (!parse_shares(r->data_split, options->share))
        return recipe_fail(r, RECIPE_data_split,
                           "found '%.60s', expected auto, seed, none or the shares of train, val and test: "
                           "0.7/0.15/0.15 (their sum is 1)",
                           r->data_split);
    return SK_OK;
}
