/* recipe_policy.c — keys of random policies, colour jitter and grayscale to options, and to lines for the trace.
 *
 * The three sources differ in what the same word means; whatever is left to the source is settled here, and what it does
 * not know is refused. SPDX-License-Identifier: Apache-2.0 */
#include "train/recipe_policy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/from_recipe.h"
#include "train/lint_rows.h"

/* ---- keys that nothing would read ---- */

enum { OF_TORCHVISION = 1, OF_TIMM = 2, OF_TF = 4, OF_ALL = 7 };
enum { IN_RAND = 1, IN_AUTO = 2, IN_TRIVIAL = 4, IN_MIX = 8, IN_ALL = 15 };

/* Where each key is read. */
static const struct {
    enum recipe_key_id key;
    int of, in;
} readers[] = {
    {RECIPE_augment_policy_of, OF_ALL, IN_ALL},
    {RECIPE_augment_randaugment_layers, OF_ALL, IN_RAND},
    {RECIPE_augment_randaugment_magnitude, OF_ALL, IN_RAND},
    {RECIPE_augment_randaugment_magnitude_std, OF_TIMM | OF_TF, IN_RAND},
    {RECIPE_augment_randaugment_magnitude_max, OF_TIMM, IN_RAND},
    {RECIPE_augment_randaugment_probability, OF_TIMM | OF_TF, IN_RAND},
    {RECIPE_augment_randaugment_bins, OF_TORCHVISION, IN_RAND | IN_TRIVIAL},
    {RECIPE_augment_randaugment_cutout_const, OF_TF, IN_RAND | IN_AUTO},
    {RECIPE_augment_randaugment_translate_const, OF_TF, IN_RAND | IN_AUTO},
    {RECIPE_augment_randaugment_exclude, OF_TF, IN_RAND},
    {RECIPE_augment_randaugment_increasing, OF_TIMM, IN_RAND},
    {RECIPE_augment_randaugment_weights, OF_TIMM, IN_RAND},
    {RECIPE_augment_augmix_severity, OF_TORCHVISION, IN_MIX},
    {RECIPE_augment_augmix_width, OF_TORCHVISION, IN_MIX},
    {RECIPE_augment_augmix_depth, OF_TORCHVISION, IN_MIX},
    {RECIPE_augment_augmix_alpha, OF_TORCHVISION, IN_MIX},
    {RECIPE_augment_augmix_all_ops, OF_TORCHVISION, IN_MIX},
    {RECIPE_augment_autoaugment, OF_ALL, IN_AUTO},
    {RECIPE_augment_policy_filter, OF_TORCHVISION | OF_TIMM, IN_ALL},
    {RECIPE_augment_policy_fill, OF_ALL, IN_ALL},
};

static int policy_in(const struct recipe *r) {
    if (r->augment_policy == CHOICE_POLICY_RAND) return IN_RAND;
    if (r->augment_policy == CHOICE_POLICY_AUTO) return IN_AUTO;
    if (r->augment_policy == CHOICE_POLICY_MIX) return IN_MIX;
    return r->augment_policy == CHOICE_POLICY_TRIVIAL ? IN_TRIVIAL : 0;
}

static int policy_of(const struct recipe *r) {
    if (r->augment_policy_of == CHOICE_POLICY_TIMM) return OF_TIMM;
    return r->augment_policy_of == CHOICE_POLICY_TF ? OF_TF : OF_TORCHVISION;
}

/* Is `key` read by what the recipe chooses? */
static bool is_read(const struct recipe *r, size_t reader) {
    bool painted =
        readers[reader].key == RECIPE_augment_policy_filter || readers[reader].key == RECIPE_augment_policy_fill;
    if (r->augment_timm_policy[0]) return painted;
    return (readers[reader].of & policy_of(r)) && (readers[reader].in & policy_in(r));
}

static bool name_unread(const struct recipe *recipe, const struct recipe *preset, struct text *text) {
    int found = 0;
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        if (is_read(recipe, i) || recipe_value_equal(recipe, preset, readers[i].key)) continue;
        text_addf(text, "%s%s", found++ ? ", " : "", recipe_key_name(readers[i].key));
    }
    if (!found) return false;
    if (recipe->augment_timm_policy[0])
        text_add(text, ": not read, since augment.timm_policy says the whole policy");
    else
        text_addf(text, ": not read by augment.policy %s of %s",
                  recipe_word(RECIPE_augment_policy, recipe->augment_policy),
                  recipe_word(RECIPE_augment_policy_of, recipe->augment_policy_of));
    return true;
}

/* ---- what the sources leave to their callers ---- */

static sk_status settle_filter(const struct recipe *r, const struct augment_options *o, struct policy *p) {
    static const enum policy_filter of_resize[RESIZE_FILTERS] = {[RESIZE_BILINEAR] = POLICY_FILTER_BILINEAR,
                                                                 [RESIZE_BICUBIC] = POLICY_FILTER_BICUBIC,
                                                                 [RESIZE_NEAREST] = POLICY_FILTER_NEAREST};
    switch (r->augment_policy_filter) {
    case CHOICE_POLICY_FILTER_NEAREST: p->filter = POLICY_FILTER_NEAREST; return SK_OK;
    case CHOICE_POLICY_FILTER_BILINEAR: p->filter = POLICY_FILTER_BILINEAR; return SK_OK;
    case CHOICE_POLICY_FILTER_BICUBIC: p->filter = POLICY_FILTER_BICUBIC; return SK_OK;
    case CHOICE_POLICY_FILTER_RANDOM: p->filter = POLICY_FILTER_RANDOM; return SK_OK;
    default: break;
    }
    p->filter = o->random_filter ? POLICY_FILTER_RANDOM : of_resize[o->train_filter];
    if (p->of == PIXEL_RULES_TF) p->filter = POLICY_FILTER_NEAREST;
    if (o->train_filter == RESIZE_BOX && p->of != PIXEL_RULES_TF)
        return recipe_fail(
            r, RECIPE_augment_policy_filter,
            "own is the crop's box filter, which has no form for shears; set nearest, bilinear or bicubic");
    return SK_OK;
}

/* The decimal that a float32 was read from: 0.3, not 0.30000001, whose 255-fold is rounded the other way. */
static double as_written(float number) {
    return nearbyint((double)number * 1e7) / 1e7;
}

/* timm: the mean's colour, rounded half to even; Model Garden cuts out with 128; torchvision: black. */
static void settle_fill(const struct recipe *r, const struct augment_options *o, struct policy *p) {
    const struct f64_list *given = &r->augment_policy_fill;
    for (int c = 0; c < 3; c++) {
        int at = o->preprocess.channels == 1 ? 0 : o->preprocess.order == COLOUR_BGR ? 2 - c : c;
        double value = p->of == PIXEL_RULES_TF ? 128 : 0;
        if (p->of == PIXEL_RULES_TIMM)
            value = nearbyint((double)o->preprocess.divisor * as_written(o->preprocess.mean[at]));
        if (given->count) value = given->item[given->count == 1 ? 0 : (size_t)c < given->count ? (size_t)c : 0];
        p->fill[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* ---- the three sources ---- */

static sk_status settle_probability(const struct recipe *r, struct policy *p) {
    const char *text = r->augment_randaugment_probability;
    p->probability = p->of == PIXEL_RULES_TIMM ? 0.5 : 1;
    if (!strcmp(text, "own")) return SK_OK;
    if (!parse_f64(text, &p->probability) || !(p->probability >= 0 && p->probability <= 1))
        return recipe_fail(r, RECIPE_augment_randaugment_probability,
                           "found '%.40s', expected own or a number from 0 to 1", text);
    return SK_OK;
}

static sk_status settle_exclude(const struct recipe *r, struct policy *p) {
    const char *names[PIXEL_OPS];
    size_t count = 0;
    for (const struct policy_op *op; (op = policy_op_at(p->set, (int)count)); count++)
        names[count] = pixel_op_name(op->op);
    for (size_t i = 0; i < r->augment_randaugment_exclude.count; i++) {
        const char *name = r->augment_randaugment_exclude.item[i];
        enum pixel_op op;
        bool known = pixel_op_by_name(name, &op), listed = false;
        for (size_t k = 0; k < count && known; k++) listed |= !strcmp(names[k], name);
        if (!listed) return recipe_fail_word(r, RECIPE_augment_randaugment_exclude, name, names, count);
        p->exclude |= 1U << op;
    }
    return SK_OK;
}

static sk_status settle_rand(const struct recipe *r, struct policy *p) {
    static const enum policy_set sets[] = {[CHOICE_WEIGHTS_NONE] = POLICY_SET_TIMM,
                                           [CHOICE_WEIGHTS_WEIGHTED] = POLICY_SET_TIMM_WEIGHTS,
                                           [CHOICE_WEIGHTS_3A] = POLICY_SET_TIMM_3A,
                                           [CHOICE_WEIGHTS_3AW] = POLICY_SET_TIMM_3AW};
    p->kind = POLICY_RAND;
    p->layers = (int)r->augment_randaugment_layers;
    p->magnitude = r->augment_randaugment_magnitude;
    if (p->of == PIXEL_RULES_TORCHVISION) {
        p->set = POLICY_SET_TORCHVISION;
        p->bins = (int)r->augment_randaugment_bins;
        return SK_OK;
    }
    TRY(settle_probability(r, p));
    p->magnitude_std = r->augment_randaugment_magnitude_std;
    if (p->of == PIXEL_RULES_TF) {
        p->set = POLICY_SET_TF;
        return settle_exclude(r, p);
    }
    p->set = sets[r->augment_randaugment_weights];
    if (p->set == POLICY_SET_TIMM && r->augment_randaugment_increasing) p->set = POLICY_SET_TIMM_INCREASING;
    if (p->magnitude_std > 100) p->magnitude_std = INFINITY;
    p->magnitude_max = r->augment_randaugment_magnitude_max > 0 ? r->augment_randaugment_magnitude_max : 10;
    return SK_OK;
}

static sk_status settle_auto(const struct recipe *r, struct policy *p) {
    static const struct {
        int choice, of;
        enum policy_list list;
        enum level_scale bits;
    } lists[] = {
        {CHOICE_AUTO_IMAGENET, OF_TORCHVISION | OF_TF, POLICY_LIST_IMAGENET, LEVEL_BITS},
        {CHOICE_AUTO_CIFAR10, OF_TORCHVISION | OF_TF, POLICY_LIST_CIFAR10, LEVEL_BITS},
        {CHOICE_AUTO_SVHN, OF_TORCHVISION | OF_TF, POLICY_LIST_SVHN, LEVEL_BITS},
        {CHOICE_AUTO_V0, OF_TIMM | OF_TF, POLICY_LIST_V0, LEVEL_BITS},
        {CHOICE_AUTO_V0R, OF_TIMM, POLICY_LIST_V0, LEVEL_BITS_FALLING},
        {CHOICE_AUTO_ORIGINAL, OF_TIMM, POLICY_LIST_IMAGENET, LEVEL_BITS_ORIGINAL},
        {CHOICE_AUTO_ORIGINALR, OF_TIMM, POLICY_LIST_IMAGENET, LEVEL_BITS_FALLING},
        {CHOICE_AUTO_3A, OF_TIMM, POLICY_LIST_3A, LEVEL_BITS},
        {CHOICE_AUTO_SIMPLE, OF_TF, POLICY_LIST_SIMPLE, LEVEL_BITS},
        {CHOICE_AUTO_PANOPTIC, OF_TF, POLICY_LIST_PANOPTIC, LEVEL_BITS},
        {CHOICE_AUTO_VIT, OF_TF, POLICY_LIST_VIT, LEVEL_BITS},
    };
    int choice = r->augment_autoaugment;
    if (choice == CHOICE_AUTO_OWN) choice = p->of == PIXEL_RULES_TORCHVISION ? CHOICE_AUTO_IMAGENET : CHOICE_AUTO_V0;
    p->kind = POLICY_AUTO;
    p->bins = 10;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i].choice != choice || !(lists[i].of & policy_of(r))) continue;
        p->list = lists[i].list;
        p->list_bits = lists[i].bits;
        return SK_OK;
    }
    return recipe_fail(r, RECIPE_augment_autoaugment, "%s has no list '%s' (see siskin recipe keys)",
                       recipe_word(RECIPE_augment_policy_of, r->augment_policy_of),
                       recipe_word(RECIPE_augment_autoaugment, choice));
}

static sk_status settle_trivial(const struct recipe *r, struct policy *p) {
    if (p->of != PIXEL_RULES_TORCHVISION)
        return recipe_fail(r, RECIPE_augment_policy_of, "trivialaugment is torchvision's alone");
    p->kind = POLICY_TRIVIAL;
    p->set = POLICY_SET_TRIVIAL;
    p->bins = (int)r->augment_randaugment_bins;
    return SK_OK;
}

static sk_status settle_mix(const struct recipe *r, struct policy *p) {
    if (p->of != PIXEL_RULES_TORCHVISION)
        return recipe_fail(r, RECIPE_augment_policy_of,
                           "augmix by these keys is torchvision's alone; timm's is augment.timm_policy=augmix-m3-w3");
    p->kind = POLICY_MIX;
    p->of = PIXEL_RULES_TENSOR;
    p->set = r->augment_augmix_all_ops ? POLICY_SET_TENSOR_MIX : POLICY_SET_TENSOR_MIX_FEW;
    p->bins = 10;
    p->magnitude = (double)r->augment_augmix_severity;
    p->mix_width = (int)r->augment_augmix_width;
    p->mix_depth = r->augment_augmix_depth > 0 ? (int)r->augment_augmix_depth : 0;
    p->mix_alpha = r->augment_augmix_alpha;
    p->filled = r->augment_policy_fill.count > 0;
    return SK_OK;
}

static sk_status settle_kind(const struct recipe *r, struct policy *p) {
    static const enum pixel_rules rules[] = {[CHOICE_POLICY_TORCHVISION] = PIXEL_RULES_TORCHVISION,
                                             [CHOICE_POLICY_TIMM] = PIXEL_RULES_TIMM,
                                             [CHOICE_POLICY_TF] = PIXEL_RULES_TF};
    bool listed = r->augment_policy == CHOICE_POLICY_AUTO;
    p->of = rules[r->augment_policy_of];
    p->cutout_const = listed ? 100 : 40;
    p->translate_const = listed ? 250 : 100;
    if (r->augment_randaugment_cutout_const >= 0) p->cutout_const = r->augment_randaugment_cutout_const;
    if (r->augment_randaugment_translate_const >= 0) p->translate_const = r->augment_randaugment_translate_const;
    if (r->augment_policy == CHOICE_POLICY_RAND) return settle_rand(r, p);
    if (r->augment_policy == CHOICE_POLICY_AUTO) return settle_auto(r, p);
    if (r->augment_policy == CHOICE_POLICY_TRIVIAL) return settle_trivial(r, p);
    if (r->augment_policy == CHOICE_POLICY_MIX) return settle_mix(r, p);
    return SK_OK;
}

static sk_status settle_words(const struct recipe *r, struct policy *p) {
    if (r->augment_policy != CHOICE_POLICY_NONE)
        return recipe_fail(r, RECIPE_augment_timm_policy, "it says the whole policy; leave augment.policy at none");
    if (policy_from_timm(r->augment_timm_policy, p) == SK_OK) return SK_OK;
    char sentence[256];
    snprintf(sentence, sizeof sentence, "%s", sk_error());
    return recipe_fail(r, RECIPE_augment_timm_policy, "%s", sentence);
}

sk_status recipe_policy(const struct recipe *r, struct augment_options *o) {
    struct policy policy = policy_default();
    const struct f64_list *jitter = &r->augment_color_jitter;
    TRY(r->augment_timm_policy[0] ? settle_words(r, &policy) : settle_kind(r, &policy));
    TRY(settle_filter(r, o, &policy));
    settle_fill(r, o, &policy);
    o->policy = policy;
    if (jitter->count == 2)
        return recipe_fail(r, RECIPE_augment_color_jitter, "2 numbers; expected none, one, three or four");
    for (size_t i = 0; i < JITTER_PARTS; i++)
        o->jitter[i] = jitter->count == 1 && i < JITTER_HUE ? jitter->item[0] : i < jitter->count ? jitter->item[i] : 0;
    o->jitter_probability = r->augment_color_jitter_probability;
    o->grayscale_probability = r->augment_grayscale;
    return SK_OK;
}

bool lint_finds_policy_keys_unused(const struct lint *lint, struct text *text) {
    return name_unread(lint->recipe, &lint->preset, text);
}
