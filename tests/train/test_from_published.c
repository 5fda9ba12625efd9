/* test_from_published.c — every published entry's arguments build a network of as many parameters as its source counts.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "train/from_published.h"

static void counts(void **state) {
    (void)state;
    size_t rows;
    int wrong = 0;
    const struct published *table = published_table(&rows);
    for (size_t i = 0; i < rows; i++) {
        struct arena arena = {0};
        struct model_args args;
        struct graph *graph;
        if (published_model(&table[i], &args) != SK_OK ||
            model_graph(&arena, &args, &(struct model_request){.batch = 1}, &graph) != SK_OK) {
            print_error("%s %s: %s\n", table[i].model, table[i].entry, sk_error());
            wrong++;
        } else if (graph_parameter_count(graph) != table[i].parameters) {
            print_error("%s %s: %lld parameters, its source counts %lld\n", table[i].model, table[i].entry,
                        (long long)graph_parameter_count(graph), (long long)table[i].parameters);
            wrong++;
        }
        arena_free(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void arguments(void **state) {
    (void)state;
    struct model_args args;
    const struct published *tf = published_by_entry(NULL, "tf_mobilenetv3_large_075.in1k");
    assert_non_null(tf);
    assert_int_equal(published_model(tf, &args), SK_OK);
    assert_string_equal(args.name, "mobilenet_v3_large");
    assert_true(args.width_mult == 0.75 && args.same_padding && args.fixed_head && args.norm_eps == 1e-3);
    assert_true(args.height == 224 && args.width == 224 && args.num_classes == 1000);
    struct published odd = *tf;
    odd.arguments = "width_mutl=0.75"; /* a row that says what no network has */
    assert_int_equal(published_model(&odd, &args), SK_EFORMAT);
    odd = *tf;
    odd.filter = "sharp";
    struct preprocess p;
    assert_int_equal(published_preprocess(&odd, &p), SK_EINTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts), cmocka_unit_test(arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
