/* test_from_recipe.c — a network's own defaults, compound scaling and rows of blocks, from recipe keys to arguments and back.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "train/from_recipe.h"
#include "ok.h"

/* A recipe of assignments, ended by NULL, not yet settled. */
static void recipe_of(struct recipe *recipe, struct arena *arena, const char *const *assignments) {
    ok(recipe_default(recipe, arena));
    for (; *assignments; assignments++) ok(recipe_override(recipe, *assignments));
}

static void assert_same_args(const struct model_args *a, const struct model_args *b) {
    struct json_writer x = {0}, y = {0};
    jw_object(&x, NULL), jw_object(&y, NULL);
    model_args_write(a, &x), model_args_write(b, &y);
    assert_string_equal(x.text.data, y.text.data);
    text_free(&x.text), text_free(&y.text);
}

/* Settled, written and read again, every key is set, and says the same network. */
static void resolved_recipe_says_the_network(void **state) {
    (void)state;
    static const char *const recipes[][4] = {
        {"model.name=efficientnet_b5", NULL},
        {"model.name=convnext_base", NULL},
        {"model.name=mobilenet_v3_small", "model.dilated=true", NULL},
        {"model.name=efficientnet_lite2", "batch_norm.momentum_of=running", NULL},
        {"model.name=efficientnet_b0", "model.phi=1.5", "model.width_mult=1", NULL},
        {"model.name=resnet18", "model.stem_stride=1", "preprocess.crop=64", NULL},
        {"model.name=mobilenet_v2", "model.blocks=[[1, 16, 1, 1], [6, 24, 2, 2]]", NULL},
        {"model.name=mobilenet_v3_large", "model.blocks=[[3, 16, 16, 0, RE, 1], [5, 64, 24, 1, silu, 2, 1]]", NULL},
    };
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct arena arena = {0};
        struct recipe recipe, again;
        struct model_args args, read;
        struct text text = {0};
        recipe_of(&recipe, &arena, recipes[i]);
        ok(recipe_settle(&recipe, 10));
        ok(recipe_model(&recipe, &args));
        ok(recipe_write(&recipe, &text));
        ok(recipe_parse(&again, &arena, text.data, text.length, "resolved"));
        assert_true(recipe_equal(&recipe, &again));
        ok(recipe_settle(&again, 10));
        ok(recipe_model(&again, &read));
        assert_same_args(&args, &read);
        assert_int_equal(args.num_classes, 10);
        assert_int_equal(recipe.preprocess_crop, args.height);
        text_free(&text);
        arena_free(&arena);
    }
}

static void settled(const char *const *assignments, struct recipe *recipe, struct arena *arena,
                    struct model_args *args) {
    recipe_of(recipe, arena, assignments);
    ok(recipe_settle(recipe, 0));
    ok(recipe_model(recipe, args));
}

static void networks_bring_their_own_defaults(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe r;
    struct model_args args;
    settled((const char *const[]){"model.name=efficientnet_b3", NULL}, &r, &arena, &args);
    assert_int_equal(args.height, 300);
    assert_int_equal(r.preprocess_crop, 300);
    assert_true(r.model_dropout == 0.3 && r.model_stochastic_depth == 0.2 && r.model_width_mult == 1.2);
    assert_false(recipe_is_set(&r, RECIPE_model_dropout));
    settled((const char *const[]){"model.name=efficientnet_b3", "preprocess.crop=64", NULL}, &r, &arena, &args);
    assert_int_equal(args.height, 64);
    settled((const char *const[]){"model.name=mobilenet_v3_large", NULL}, &r, &arena, &args);
    assert_true(r.batch_norm_eps == 1e-3 && r.batch_norm_momentum == 0.01);
    assert_int_equal(r.model_strides.count, 15);
    settled((const char *const[]){"model.name=mobilenet_v3_large", "batch_norm.momentum_of=running", NULL}, &r, &arena,
            &args);
    assert_true(fabs(r.batch_norm_momentum - 0.99) < 1e-15 && fabs(args.norm_momentum - 0.01) < 1e-15);
    arena_free(&arena);
}

static void phi_scales_all_three(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe r;
    struct model_args args;
    settled((const char *const[]){"model.name=efficientnet_b0", "model.phi=1.5", NULL}, &r, &arena, &args);
    assert_true(fabs(args.depth_mult - pow(1.2, 1.5)) < 1e-15 && fabs(args.width_mult - pow(1.1, 1.5)) < 1e-15);
    assert_int_equal(args.height, 276); /* 224 * 1.15^1.5 = 276.2 */
    assert_int_equal(r.preprocess_crop, 276);
    settled(
        (const char *const[]){"model.name=efficientnet_lite0", "model.phi=2", "model.alpha=1", "model.gamma=1.1", NULL},
        &r, &arena, &args);
    assert_true(args.depth_mult == 1);
    assert_int_equal(args.height, 271); /* 224 * 1.21 */
    settled((const char *const[]){"model.name=efficientnet_b0", "model.phi=1", "model.input_size=100", NULL}, &r,
            &arena, &args);
    assert_int_equal(args.height, 100);
    recipe_of(&r, &arena, (const char *const[]){"model.name=resnet50", "model.phi=1", NULL});
    assert_int_not_equal(recipe_settle(&r, 0), SK_OK);
    assert_non_null(strstr(sk_error(), "model.phi: a resnet50 has no compound scaling"));
    arena_free(&arena);
}

static void refused(const char *name, const char *key, const char *sentence) {
    struct arena arena = {0};
    struct recipe r;
    struct model_args args;
    recipe_of(&r, &arena, (const char *const[]){name, key, NULL});
    sk_status status = recipe_model(&r, &args);
    if (status == SK_OK || !strstr(sk_error(), sentence)) fail_msg("%s: %s", key, status ? sk_error() : "accepted");
    arena_free(&arena);
}

static void wrong_rows_are_named(void **state) {
    (void)state;
    refused("model.name=mobilenet_v2", "model.blocks=[[1, 16, x, 1]]",
            "model.blocks: row 1: found '[1, 16, x, 1]': item 3");
    refused("model.name=mobilenet_v3_small", "model.blocks=[[3, 16, 16, 0, XX, 1]]", "item 5 'XX' is no activation");
    refused("model.name=mobilenet_v2", "model.blocks=[1, 16]", "expected a block's row");
    refused("model.name=mobilenet_v2", "model.blocks=[[1,2,3,4,RE,6,7,8,9]]", "at most 8");
    refused("model.name=mobilenet_v2", "model.strides=[1, 2]", "2 strides, but a mobilenet_v2 has 7");
}

/* Rows in a file are lists in a list, and are written so. */
static void rows_in_yaml(void **state) {
    (void)state;
    static const char yaml[] = "model:\n  name: mobilenet_v2\n  blocks:\n    - [1, 16, 1, 1]\n    - [6,24,  2,2]\n";
    struct arena arena = {0};
    struct recipe r;
    struct model_args args;
    struct text text = {0};
    ok(recipe_parse(&r, &arena, yaml, sizeof yaml - 1, "x.yaml"));
    ok(recipe_model(&r, &args));
    assert_int_equal(args.row_count, 2);
    assert_int_equal(args.rows[1].item[1], 24);
    assert_int_equal(args.strides[1], 2);
    ok(recipe_value(&r, RECIPE_model_blocks, &text));
    assert_string_equal(text.data, "[[1, 16, 1, 1], [6, 24, 2, 2]]");
    text_free(&text);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolved_recipe_says_the_network),
        cmocka_unit_test(networks_bring_their_own_defaults),
        cmocka_unit_test(phi_scales_all_three),
        cmocka_unit_test(wrong_rows_are_named),
        cmocka_unit_test(rows_in_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
