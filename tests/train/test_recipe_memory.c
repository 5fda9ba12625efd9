/* test_recipe_memory.c — reading, writing, tracing and linting a recipe with each allocation failing in turn.
 *
 * This test fails allocations (libyaml's too). SPDX-License-Identifier: Apache-2.0 */
#include "sequences.h"
#include "shim/failing.h"
#include "train/lint.h"

static const char yaml[] = "source: {recipe: text}\nexpect: {3: [1, 2]}\nepochs: 4\nmodel:\n  strides: [1, 1, 2, 2, 1, 2, 1]\n"
                           "weight_decay: {value: 1e-4, exclude: [bias, 'a.*']}\n";
static const struct decay_tensor tensors[] = {{"a.weight", 4, DECAY_CONV, 9, 0}, {"b.bias", 1, DECAY_CONV, 3, 9}};

static sk_status everything(struct arena *arena, struct text *text, struct json_writer *writer) {
    struct recipe recipe;
    struct lint_finding *findings = NULL;
    size_t count = 0;
    TRY(recipe_parse(&recipe, arena, yaml, sizeof yaml - 1, "r.yaml"));
    TRY(recipe_override(&recipe, "preprocess.std=1,1,1"));
    TRY(recipe_check(&recipe));
    TRY(recipe_write(&recipe, text));
    TRY(recipe_show(&recipe, false, text));
    TRY(recipe_markdown(text));
    struct trace_input input = {&recipe, 1000, 100, 10, 1, tensors, 2};
    TRY(trace_text(&input, text));
    TRY(lint_run(&input, arena, &findings, &count));
    return trace_json(&input, writer);
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    bool failed = true;
    long n = 0;
    while (failed) {
        struct arena arena = {0};
        struct text text = {0};
        struct json_writer writer = {0};
        jw_object(&writer, NULL);
        fail_allocation(++n);
        sk_status status = everything(&arena, &text, &writer);
        failed = allocation_failed();
        fail_allocation(0);
        if (status != (failed ? SK_EMEMORY : SK_OK)) fail_msg("allocation %ld: status %d: %s", n, status, sk_error());
        text_free(&text);
        text_free(&writer.text);
        arena_free(&arena);
    }
    assert_true(n > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
