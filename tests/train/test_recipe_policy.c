/* test_recipe_policy.c — keys of random policies to options: what each source leaves to its caller, what is refused, what
 * the trace says.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ok.h"
#include "train/from_recipe.h"
#include "train/recipe_policy.h"

/* The options of a recipe of defaults and overrides; the status. */
static sk_status options_of(const char *const overrides[], struct augment_options *options, struct text *trace) {
    struct arena arena = {0};
    struct recipe recipe;
    struct pipeline pipeline = {0};
    sk_status status = recipe_default(&recipe, &arena);
    for (int i = 0; status == SK_OK && overrides[i]; i++) status = recipe_override(&recipe, overrides[i]);
    if (status == SK_OK) status = recipe_pipeline(&recipe, &pipeline);
    if (status == SK_OK && trace) status = recipe_policy_text(&recipe, trace);
    *options = pipeline.options;
    arena_free(&arena);
    return status;
}
#define OPTIONS(options, ...)  ok(options_of((const char *const[]){__VA_ARGS__, NULL}, options, NULL))
#define REFUSED(sentence, ...) refuse((const char *const[]){__VA_ARGS__, NULL}, sentence)

static void refuse(const char *const overrides[], const char *sentence) {
    struct augment_options options;
    assert_int_equal(options_of(overrides, &options, NULL), SK_EUSAGE);
    if (!strstr(sk_error(), sentence)) fail_msg("'%s' does not say '%s'", sk_error(), sentence);
}

static void fill_is(const struct policy *p, int red, int green, int blue) {
    assert_int_equal(p->fill[0], red);
    assert_int_equal(p->fill[1], green);
    assert_int_equal(p->fill[2], blue);
}

static void torchvision(void **state) {
    (void)state;
    struct augment_options o;
    OPTIONS(&o, "augment.policy=randaugment");
    assert_true(o.policy.kind == POLICY_RAND && o.policy.set == POLICY_SET_TORCHVISION && o.policy.bins == 31);
    assert_true(o.policy.probability == 1 && o.policy.layers == 2 && o.policy.magnitude == 9);
    assert_int_equal(o.policy.filter, POLICY_FILTER_BILINEAR); /* the crop's */
    fill_is(&o.policy, 0, 0, 0);
    OPTIONS(&o, "augment.policy=autoaugment", "augment.policy_fill=7", "augment.policy_filter=nearest");
    assert_true(o.policy.kind == POLICY_AUTO && o.policy.list == POLICY_LIST_IMAGENET && o.policy.bins == 10);
    assert_int_equal(o.policy.filter, POLICY_FILTER_NEAREST);
    fill_is(&o.policy, 7, 7, 7);
    OPTIONS(&o, "augment.policy=trivialaugment", "augment.randaugment.bins=11");
    assert_true(o.policy.kind == POLICY_TRIVIAL && o.policy.set == POLICY_SET_TRIVIAL && o.policy.bins == 11);
    OPTIONS(&o, "augment.policy=augmix");
    assert_true(o.policy.kind == POLICY_MIX && o.policy.of == PIXEL_RULES_TENSOR && !o.policy.filled);
    assert_true(o.policy.set == POLICY_SET_TENSOR_MIX && o.policy.magnitude == 3 && o.policy.mix_width == 3);
    assert_true(o.policy.mix_depth == 0 && o.policy.mix_alpha == 1 && o.policy.filter == POLICY_FILTER_BILINEAR);
    OPTIONS(&o, "augment.policy=augmix", "augment.augmix.severity=7", "augment.augmix.width=2", "augment.augmix.depth=4",
            "augment.augmix.alpha=0.5", "augment.augmix.all_ops=false", "augment.policy_fill=[0]");
    assert_true(o.policy.set == POLICY_SET_TENSOR_MIX_FEW && o.policy.magnitude == 7 && o.policy.mix_width == 2);
    assert_true(o.policy.mix_depth == 4 && o.policy.mix_alpha == 0.5 && o.policy.filled);
}

static void timm(void **state) {
    (void)state;
    struct augment_options o;
    OPTIONS(&o, "augment.timm_policy=rand-m9-mstd0.5-inc1", "augment.random_resized_crop.filter=bicubic");
    assert_true(o.policy.kind == POLICY_RAND && o.policy.of == PIXEL_RULES_TIMM && o.policy.probability == 0.5);
    assert_int_equal(o.policy.filter, POLICY_FILTER_BICUBIC);
    fill_is(&o.policy, 124, 116, 104); /* the mean's colour */
    OPTIONS(&o, "augment.timm_policy=v0", "preprocess.order=bgr", "preprocess.mean=[0.1, 0.2, 0.3]");
    fill_is(&o.policy, 76, 51, 26);
    struct policy words = o.policy;
    OPTIONS(&o, "augment.policy=randaugment", "augment.policy_of=timm", "augment.randaugment.magnitude=7",
            "augment.randaugment.magnitude_std=101", "augment.randaugment.increasing=true");
    assert_true(o.policy.set == POLICY_SET_TIMM_INCREASING && isinf(o.policy.magnitude_std));
    OPTIONS(&o, "augment.policy=autoaugment", "augment.policy_of=timm", "augment.autoaugment=originalr");
    assert_true(o.policy.list == POLICY_LIST_IMAGENET && o.policy.list_bits == LEVEL_BITS_FALLING);
    assert_int_equal(words.list, POLICY_LIST_V0);
}

static void model_garden(void **state) {
    (void)state;
    struct augment_options o;
    OPTIONS(&o, "augment.policy=randaugment", "augment.policy_of=tf", "augment.randaugment.exclude=[Cutout]");
    assert_true(o.policy.set == POLICY_SET_TF && o.policy.exclude == 1U << PIXEL_CUTOUT && o.policy.probability == 1);
    assert_true(o.policy.cutout_const == 40 && o.policy.translate_const == 100);
    fill_is(&o.policy, 128, 128, 128);
    OPTIONS(&o, "augment.policy=autoaugment", "augment.policy_of=tf");
    assert_true(o.policy.list == POLICY_LIST_V0 && o.policy.cutout_const == 100 && o.policy.translate_const == 250);
    OPTIONS(&o, "augment.policy=autoaugment", "augment.policy_of=tf", "augment.randaugment.translate_const=60");
    assert_true(o.policy.translate_const == 60);
}

static void jitter(void **state) {
    (void)state;
    struct augment_options o;
    OPTIONS(&o, "augment.color_jitter=0.4");
    assert_true(o.jitter[0] == 0.4 && o.jitter[1] == 0.4 && o.jitter[2] == 0.4 && o.jitter[3] == 0);
    OPTIONS(&o, "augment.color_jitter=[0.1, 0.2, 0.3, 0.5]");
    assert_true(o.jitter[0] == 0.1 && o.jitter[3] == 0.5 && o.policy.kind == POLICY_NONE);
}

static void refused(void **state) {
    (void)state;
    REFUSED("no list 'v0r'", "augment.policy=autoaugment", "augment.autoaugment=v0r");
    REFUSED("torchvision's alone", "augment.policy=trivialaugment", "augment.policy_of=timm");
    REFUSED("torchvision's alone", "augment.policy=augmix", "augment.policy_of=timm");
    REFUSED("nearest and bilinear alone", "augment.policy=augmix", "augment.policy_filter=bicubic");
    REFUSED("depth 40", "augment.policy=augmix", "augment.augmix.depth=40");
    REFUSED("leave augment.policy at none", "augment.policy=randaugment", "augment.timm_policy=v0");
    REFUSED("expected m, n, p", "augment.timm_policy=rand-x9");
    REFUSED("Cutout", "augment.policy=randaugment", "augment.policy_of=tf", "augment.randaugment.exclude=[Cutot]");
    REFUSED("own or a number", "augment.policy=randaugment", "augment.policy_of=timm",
            "augment.randaugment.probability=often");
    REFUSED("box filter", "augment.policy=randaugment", "augment.random_resized_crop.filter=box");
    REFUSED("one, three or four", "augment.color_jitter=[0.1, 0.2]");
    REFUSED("0 to 30", "augment.policy=randaugment", "augment.randaugment.magnitude=31");
}

static void traced(void **state) {
    (void)state;
    struct augment_options o;
    struct text text = {0};
    static const char *const timm_words[] = {"augment.timm_policy=rand-m9-mstd0.5-inc1", "augment.grayscale=0.2", NULL};
    ok(options_of(timm_words, &o, &text));
    assert_non_null(
        strstr(text.data, "RandAugment of timm, 2 operations a picture, each applied with a probability of 0.5"));
    assert_non_null(strstr(text.data, "Color 1.81 or 0.19"));
    assert_non_null(strstr(text.data, "TranslateX +-90.72"));
    assert_non_null(strstr(text.data, "grayscale with a probability of 0.2"));
    text.length = 0;
    static const char *const garden[] = {"augment.policy=randaugment", "augment.policy_of=tf",
                                         "augment.randaugment.magnitude_std=0.2", NULL};
    ok(options_of(garden, &o, &text));
    assert_non_null(strstr(text.data, "Posterize 3"));
    assert_non_null(strstr(text.data, "0.059 nothing"));
    assert_non_null(strstr(text.data, "a deviation of 1 whatever"));
    text.length = 0;
    static const char *const mix[] = {"augment.policy=augmix", "augment.augmix.severity=5", "augment.augmix.depth=2", NULL};
    ok(options_of(mix, &o, &text));
    assert_non_null(strstr(text.data, "AugMix of torchvision, on tensors, 3 chains of 2 operations, shares of alpha 1"));
    assert_non_null(strstr(text.data, "each at one of 5 magnitudes; the highest below"));
    assert_non_null(strstr(text.data, "0.077 Posterize 2\n"));
    text_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torchvision), cmocka_unit_test(timm),    cmocka_unit_test(model_garden),
        cmocka_unit_test(jitter),      cmocka_unit_test(refused), cmocka_unit_test(traced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
