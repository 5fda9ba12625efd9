/* test_layer_rows.c — rows of the layer table and their sums; what layers see equals the support of torch's gradient.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/noise.h"
#include "models/model.h"
#include "verbs/layers.h"

static struct layers layers_by_name(struct arena *arena, const char *name, int64_t size) {
    struct model_args args;
    struct graph *graph;
    struct layers layers;
    assert_int_equal(model_defaults(name, &args), SK_OK);
    if (size) args.height = args.width = size;
    if (model_graph(arena, &args, &(struct model_request){.batch = 1}, &graph) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(layers_of(arena, graph, &layers), SK_OK);
    int64_t parameters = 0;
    for (size_t i = 0; i < layers.count; i++) parameters += layers.row[i].parameters;
    assert_int_equal(parameters, graph_parameter_count(graph)); /* each counts once */
    return layers;
}

/* The sum over the rows is what torchvision publishes (tests/models/test_counts.c has every network). */
static void multiply_adds_are_summed(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int millions;
    } published[] = {{"mobilenet_v3_large", 217}, {"resnet50", 4089}};
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct arena arena = {0};
        struct layers layers = layers_by_name(&arena, published[i].name, 0);
        assert_int_equal((layers.macs + 500000) / 1000000, published[i].millions);
        arena_free(&arena);
    }
}

static const struct layer *row_of(const struct layers *layers, const char *name) {
    for (size_t i = 0; i < layers->count; i++)
        if (strcmp(layers->row[i].name, name) == 0) return &layers->row[i];
    return NULL;
}

/* The last feature map's: what the mean over all pixels reads. */
static void fields_equal_the_support_of_gradients(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *cases = fixture(&arena, FIXTURES "/golden/receptive.json");
    assert_non_null(cases);
    assert_true(cases->count >= 6);
    for (const struct json *c = cases->child; c; c = c->next) {
        const char *name = json_string(c, "model", "?");
        struct layers layers = layers_by_name(&arena, name, 0);
        const struct layer *mean = row_of(&layers, "avgpool");
        assert_non_null(mean);
        assert_true(mean->sees.whole);
        const struct receptive *last = &mean[-1].sees;
        if (last->height != json_integer(c, "field", 0) || last->width != last->height ||
            last->jump_h != json_integer(c, "jump", 0) || last->jump_w != last->jump_h || last->whole)
            fail_msg("%s: sees %lld, jumps %lld", name, (long long)last->height, (long long)last->jump_h);
    }
    arena_free(&arena);
}

/* Shapes, numbers and bytes of a few rows of a known network. */
static void rows_of_mobilenet_v2(void **state) {
    (void)state;
    struct arena arena = {0};
    struct layers layers = layers_by_name(&arena, "mobilenet_v2", 192);
    const struct layer *stem = row_of(&layers, "features.0.0"), *add = row_of(&layers, "features.3.add");
    assert_int_equal(stem->activations, 96 * 96 * 32);
    assert_int_equal(stem->bytes, 4 * 96 * 96 * 32);
    assert_int_equal(stem->parameters, 27 * 32);
    assert_int_equal(stem->cost.macs, 96 * 96 * 32 * 27);
    assert_int_equal(stem->sees.height, 3);
    assert_int_equal(stem->sees.jump_w, 2);
    assert_int_equal(add->sees.height, 19); /* the longer way: 11, and a kernel of 3 at a jump of 4 */
    assert_int_equal(add->parameters, 0);
    int64_t activations = 0, bytes = 0;
    for (size_t i = 0; i < layers.count; i++) activations += layers.row[i].activations, bytes += layers.row[i].bytes;
    assert_int_equal(activations, layers.activations);
    assert_int_equal(bytes, layers.bytes);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiply_adds_are_summed),
        cmocka_unit_test(fields_equal_the_support_of_gradients),
        cmocka_unit_test(rows_of_mobilenet_v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
