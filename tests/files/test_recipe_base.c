/* test_recipe_base.c — a recipe that begins with another one, and the excuses that it holds.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "files/recipe.h"
#include "fixture.h"

static sk_status load(struct recipe *recipe, struct arena *arena, const char *name) {
    return recipe_load(recipe, arena, path_join(arena, FIXTURES "/files/recipes", name));
}

static void test_base(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe r;
    struct text text = {0};
    if (load(&r, &arena, "third.yaml") != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(r.epochs, 7);
    assert_int_equal(r.batch_size, 64);
    assert_true(r.schedule_lr == 0.25);
    assert_string_equal(r.schedule_name, "cosine");
    assert_int_equal(r.source_count, 3); /* recipe once, the later text */
    assert_string_equal(r.source[0].text, "second");
    assert_non_null(strstr(r.source[1].path, "first.yaml"));
    assert_true(r.expect_count == 1 && r.expect[0].epoch == 7);
    assert_true(r.excuse_count == 1 && !strcmp(r.excuse[0].lint, "short_batch"));
    assert_int_equal(recipe_origin_text(&r, RECIPE_epochs, &text), SK_OK);
    assert_non_null(strstr(text.data, "second.yaml:5"));
    text_free(&text);
    if (load(&r, &arena, "second.yaml") != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(r.expect_count, 0); /* the first's curve is not the second's */
    arena_free(&arena);
}

static void test_written(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe r, again;
    struct text text = {0};
    if (load(&r, &arena, "third.yaml") != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(recipe_write(&r, &text), SK_OK);
    if (recipe_parse(&again, &arena, text.data, text.length, "again") != SK_OK) fail_msg("%s", sk_error());
    assert_true(recipe_equal(&r, &again));
    text_free(&text);
    assert_int_equal(recipe_write_set(&r, &text), SK_OK);
    assert_null(strstr(text.data, "workers"));
    if (recipe_parse(&again, &arena, text.data, text.length, "again") != SK_OK) fail_msg("%s", sk_error());
    assert_true(recipe_equal(&r, &again));
    text_free(&text);
    arena_free(&arena);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *file, *part;
    } cases[] = {
        {"loop.yaml", "more than 6 recipes"},
        {"two.yaml", "two.yaml:1:7: base: expected the name of one recipe"},
        {"lost.yaml", "lost.yaml:1:7: base"},
        {"unreasoned.yaml", "expected a reason for 'short_batch'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct recipe r;
        assert_int_not_equal(load(&r, &arena, cases[i].file), SK_OK);
        if (!strstr(sk_error(), cases[i].part)) fail_msg("%s: %s", cases[i].file, sk_error());
        arena_free(&arena);
    }
    struct arena arena = {0};
    struct recipe r;
    const char *memory = "base: first\n";
    assert_int_equal(recipe_parse(&r, &arena, memory, strlen(memory), "memory"), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "only a recipe in a file"));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
