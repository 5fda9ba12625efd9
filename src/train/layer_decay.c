/* layer_decay.c — parameters into layers as timm's group matchers of the same networks do it, read off torchvision's names.
 *
 * Stem, each block, head. Which block takes what stands between them differs by family: timm counts ConvNeXt's
 * downsampling to the block behind it, the last convolution of MobileNetV2 and EfficientNet to the block before, and
 * MobileNetV3's is a layer of its own. SPDX-License-Identifier: Apache-2.0 */
#include "train/layer_decay.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "files/recipe.h"

/* A layer: numbers of its name, as 3, 1 of features.3.1. */
struct label {
    long stage, block;
};

struct layer_form {
    const char *family;
    const char *before; /* beginning of a block's names; what has another one, and is no head, is the stem */
    bool nested;        /* blocks lie in stages: features.3.1 */
    bool last_joins;    /* what follows the last block belongs to it */
    bool even_goes_on;  /* features.2, 4, 6 belong to the first block of the next stage */
};
static const struct layer_form forms[] = {
    {"mobilenet_v2", "features.", false, true, false}, {"mobilenet_v3", "features.", false, false, false},
    {"efficientnet", "features.", true, true, false},  {"efficientnet_lite", "features.", true, true, false},
    {"convnext", "features.", true, false, true},      {"resnet", "layer", true, false, false},
};

static sk_status find_form(const struct recipe *recipe, const struct model_family *family,
                           const struct layer_form **form) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        *form = &forms[i];
        if (!strcmp(forms[i].family, family->name)) return SK_OK;
    }
    return recipe_fail(recipe, RECIPE_layer_decay, "no rule says what the layers of a %s are; leave it at 1",
                       family->name);
}

/* The numbers behind `before`; 0, 0 where the name begins otherwise. */
static struct label numbers(const struct layer_form *form, const char *name) {
    size_t length = strlen(form->before);
    struct label label = {0, 0};
    char *end;
    if (strncmp(name, form->before, length) != 0 || !isdigit((unsigned char)name[length])) return label;
    label.stage = strtol(name + length, &end, 10);
    if (form->nested && label.stage > 0 && *end == '.' && isdigit((unsigned char)end[1]))
        label.block = strtol(end + 1, NULL, 10);
    return label;
}

static bool in_head(const struct model_family *family, const char *name) {
    return !strncmp(name, family->head, strlen(family->head));
}

/* The last stage's number: of features.18 it is 18. */
static long last_stage(const struct layer_form *form, const struct model_family *family,
                       const struct decay_tensor *tensors, size_t count) {
    long last = 0;
    for (size_t i = 0; i < count; i++) {
        long stage = in_head(family, tensors[i].name) ? 0 : numbers(form, tensors[i].name).stage;
        if (stage > last) last = stage;
    }
    return last;
}

static void number_layers(struct layer_rates *rates, const struct layer_form *form, const struct model_family *family,
                          const struct decay_tensor *tensors) {
    long last = form->last_joins ? last_stage(form, family, tensors, rates->count) : -1;
    struct label before = {0, 0};
    int64_t layer = 0;
    bool head = false;
    for (size_t i = 0; i < rates->count; i++) {
        struct label label = numbers(form, tensors[i].name);
        bool is_head = in_head(family, tensors[i].name);
        if (form->even_goes_on && label.stage > 0 && label.stage % 2 == 0) label = (struct label){label.stage + 1, 0};
        if (label.stage == last || is_head) label = before;
        layer += label.stage != before.stage || label.block != before.block || is_head != head;
        rates->item[i] = (struct layer_rate){.name = tensors[i].name, .layer = layer};
        before = label;
        head = is_head;
    }
    rates->layers = layer + 1;
}

sk_status layer_rates_make(struct layer_rates *rates, const struct recipe *recipe, const struct model_family *family,
                           const struct decay_tensor *tensors, size_t count, struct arena *arena) {
    const struct layer_form *form;
    *rates = (struct layer_rates){.layers = 1};
    if (recipe->layer_decay == 1) return SK_OK;
    TRY(find_form(recipe, family, &form));
    rates->item = arena_array(arena, count + 1, sizeof *rates->item);
    if (!rates->item) return SK_EMEMORY;
    rates->count = count;
    number_layers(rates, form, family, tensors);
    for (size_t i = 0; i < count; i++) {
        struct layer_rate *rate = &rates->item[i];
        rate->factor =
            fmax(recipe->layer_decay_min_scale, pow(recipe->layer_decay, (double)(rates->layers - 1 - rate->layer)));
        rate->held = rate->factor < recipe->layer_decay_no_opt_scale;
        rates->holds = rates->holds || rate->held;
    }
    return SK_OK;
}

const struct layer_rate *layer_rate_find(const struct layer_rates *rates, const char *name) {
    for (size_t i = 0; i < rates->count; i++)
        if (!strcmp(rates->item[i].name, name)) return &rates->item[i];
    return NULL;
}
