/* test_grad_cam.c — maps equal to PyTorch's within 1e-4: the default layer, behind and within a residual block.
 *
 * Fixture: tests/golden/make_explain.py. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "eval/grad_cam.h"
#include "plan/formula.h"
#include "ok.h"

static struct network *formula_network(const char *name, int64_t size) {
    struct model_args args;
    struct network *network;
    ok(model_defaults(name, &args));
    args.height = args.width = size;
    ok(network_new(&network, &args));
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    return network;
}

static double map_off(const struct json *row, const struct grad_cam *cam) {
    double worst = 0, sum = 0, largest = json_number(row, "largest", 0);
    const struct json *dim = json_get(row, "shape")->child, *value = json_get(row, "value")->child;
    assert_int_equal(dim->integer, cam->height);
    assert_int_equal(dim->next->integer, cam->width);
    for (int64_t j = 0; j < cam->height * cam->width; j++) sum += cam->map[j];
    worst = fabs(sum - json_number(row, "sum", 0)) / json_number(row, "sum", 1);
    for (const struct json *at = json_get(row, "index")->child; at; at = at->next, value = value->next)
        worst = fmax(worst, fabs((double)cam->map[at->integer] - value->number) / largest);
    return worst;
}

static void maps_equal_pytorch(void **state) {
    (void)state;
    struct arena arena = {0};
    uint8_t *bytes;
    size_t size;
    struct json *json;
    struct team *team;
    struct network *network = NULL;
    const char *model = "";
    double worst = 0;
    ok(team_new(&team, 1));
    ok(file_read(&arena, FIXTURES "/golden/explain.json", 1 << 22, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, "explain.json", &json));
    int64_t side = json_integer(json, "size", 0);
    float *image = arena_array(&arena, (size_t)(side * side * 3), sizeof *image);
    for (const struct json *row = json_get(json, "cases")->child; row; row = row->next) {
        const char *name = json_string(row, "model", ""), *at = json_string(row, "at", "");
        struct arena own = {0};
        struct grad_cam cam;
        if (strcmp(name, model) != 0) {
            network_free(network);
            network = formula_network(model = name, side);
        }
        formula_images(json_integer(row, "image", 0), 1, side, image, NULL);
        struct grad_cam_request request = {
            .image = image, .at = *at ? at : NULL, .class = json_integer(row, "wanted", -1)};
        ok(grad_cam(&own, network, team, &request, &cam));
        assert_int_equal(cam.class, json_integer(row, "class", -1));
        double off = map_off(row, &cam);
        if (!(off < 1e-4)) fail_msg("%s at %s: %g", name, cam.layer, off);
        worst = fmax(worst, off);
        arena_free(&own);
    }
    print_message("largest relative difference: %.2g\n", worst);
    network_free(network);
    team_free(team);
    arena_free(&arena);
}

static void layers_without_a_map_are_refused(void **state) {
    (void)state;
    struct arena arena = {0};
    struct network *network = formula_network("mobilenet_v2", 32);
    float *image = arena_array(&arena, 32 * 32 * 3, sizeof *image);
    struct grad_cam cam;
    struct team *team;
    ok(team_new(&team, 1));
    assert_int_equal(
        grad_cam(&arena, network, team, &(struct grad_cam_request){.image = image, .at = "classifier"}, &cam),
        SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "rows and columns"));
    assert_int_equal(
        grad_cam(&arena, network, team, &(struct grad_cam_request){.image = image, .at = "feature.3"}, &cam),
        SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean features.3?"));
    team_free(team);
    network_free(network);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_equal_pytorch),
        cmocka_unit_test(layers_without_a_map_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
