/* test_layers.c — any layer's output: what torchvision's module of that name returns, and the same with all passes as
 * without. Fixture: tests/golden/make_layers.py.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/team.h"
#include "models/layer_name.h"
#include "models/network.h"
#include "plan/formula.h"
#include "ok.h"

static struct team *team;

static int start(void **state) {
    (void)state;
    return team_new(&team, 1) != SK_OK;
}

static int finish(void **state) {
    (void)state;
    team_free(team);
    return 0;
}

static struct network *formula_network(const char *name, int64_t size, double width) {
    struct model_args args;
    struct network *network;
    ok(model_defaults(name, &args));
    args.height = args.width = size;
    if (width > 0) args.width_mult = width, args.num_classes = 7;
    ok(network_new(&network, &args));
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    return network;
}

/* One layer's outputs, (batch,…), in a block. */
static float *run_at(const struct network *network, const char *at, int64_t batch, bool reference,
                     struct shape *shape) {
    struct runner *runner;
    int64_t size = network->args.height;
    ok(runner_new(&runner, network,
                  &(struct runner_options){.batch = batch, .team = team, .no_passes = reference, .at = at}));
    float *images = block_new((size_t)(batch * size * size * 3) * sizeof *images);
    formula_images(0, batch, size, images, NULL);
    *shape = runner_output(runner);
    shape->dim[0] = batch;
    float *y = block_new((size_t)shape_elements(shape) * sizeof *y);
    runner_run(runner, batch, images, y);
    runner_free(runner);
    block_free(images);
    return y;
}

/* Index in (N,C,H,W) -> index in (N,H,W,C). */
static int64_t nhwc_index(const struct shape *s, int64_t j) {
    if (s->rank != 4) return j;
    int64_t h = s->dim[1], w = s->dim[2], c = s->dim[3];
    int64_t n = j / (c * h * w), channel = j / (h * w) % c, pixel = j % (h * w);
    return (n * h * w + pixel) * c + channel;
}

static double layer_off(const struct json *row, const struct shape *shape, const float *y) {
    double square = 0, worst = 0, scale;
    int64_t count = shape_elements(shape);
    const struct json *dim = json_get(row, "shape")->child, *value = json_get(row, "value")->child;
    assert_int_equal(json_get(row, "shape")->count, shape->rank);
    int64_t expected[4] = {shape->dim[0], shape->dim[1], shape->dim[2], shape->dim[3]};
    if (shape->rank == 4) expected[1] = shape->dim[3], expected[2] = shape->dim[1], expected[3] = shape->dim[2];
    for (int d = 0; dim; dim = dim->next, d++) assert_int_equal(dim->integer, expected[d]);
    for (int64_t j = 0; j < count; j++) square += (double)y[j] * (double)y[j];
    scale = sqrt(square / (double)count);
    worst = fabs(sqrt(square) - json_number(row, "l2", 0)) / json_number(row, "l2", 1);
    for (const struct json *at = json_get(row, "index")->child; at; at = at->next, value = value->next)
        worst = fmax(worst, fabs((double)y[nhwc_index(shape, at->integer)] - value->number) / scale);
    return worst;
}

static void layers_equal_torchvision(void **state) {
    (void)state;
    struct arena arena = {0};
    uint8_t *bytes;
    size_t size;
    struct json *json;
    const char *model = "";
    struct network *network = NULL;
    double worst = 0;
    ok(file_read(&arena, FIXTURES "/golden/layers.json", 1 << 22, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, "layers.json", &json));
    for (const struct json *row = json_get(json, "layers")->child; row; row = row->next) {
        const char *name = json_string(row, "model", ""), *layer = json_string(row, "layer", "");
        struct shape shape;
        if (strcmp(name, model) != 0) {
            network_free(network);
            network = formula_network(model = name, json_integer(json, "size", 0), 0);
        }
        float *y = run_at(network, layer, json_integer(json, "batch", 0), false, &shape);
        double off = layer_off(row, &shape, y);
        if (!(off < 1e-4)) fail_msg("%s at %s: %g", name, layer, off);
        worst = fmax(worst, off);
        block_free(y);
    }
    print_message("largest difference, in root mean squares: %.2g\n", worst);
    network_free(network);
    arena_free(&arena);
}

/* A port in the middle of what passes fuse must change nothing. */
static void layers_survive_the_passes(const char *model, double width, size_t least) {
    struct arena arena = {0};
    struct network *network = formula_network(model, 32, width);
    const char **names;
    size_t count;
    ok(layer_names(&arena, network->graph, &names, &count));
    assert_true(count > least);
    for (size_t i = 0; i < count; i++) {
        struct shape a, b;
        double square = 0, apart = 0;
        float *engine = run_at(network, names[i], 3, false, &a), *truth = run_at(network, names[i], 3, true, &b);
        assert_true(shape_equal(&a, &b));
        for (int64_t j = 0; j < shape_elements(&a); j++) {
            square += (double)truth[j] * (double)truth[j];
            apart += ((double)truth[j] - (double)engine[j]) * ((double)truth[j] - (double)engine[j]);
        }
        assert_true(square > 0);
        if (!(sqrt(apart / square) < 1e-5)) fail_msg("%s at %s: %g", model, names[i], sqrt(apart / square));
        block_free(engine);
        block_free(truth);
    }
    network_free(network);
    arena_free(&arena);
}

static void every_layer_survives_the_passes(void **state) {
    (void)state;
    layers_survive_the_passes("mobilenet_v2", 0.1, 150);
    layers_survive_the_passes("mobilenet_v3_small", 0.1, 150);
}

static void a_wrong_name_is_told_the_nearest(void **state) {
    (void)state;
    struct network *network = formula_network("mobilenet_v2", 32, 0.1);
    int value;
    assert_int_equal(layer_find(network->graph, "feature.13", &value), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean features.13?"));
    assert_int_equal(layer_find(network->graph, "", &value), SK_EUSAGE);
    assert_int_equal(layer_find(network->graph, "features.1.", &value), SK_EUSAGE);
    ok(layer_find(network->graph, "features.1", &value)); /* not features.18 */
    assert_string_equal(network->graph->nodes[network->graph->values[value].node].name, "features.1.add");
    network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_equal_torchvision),
        cmocka_unit_test(every_layer_survives_the_passes),
        cmocka_unit_test(a_wrong_name_is_told_the_nearest),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
