/* test_pass_mlp.c — which graphs get a fused_pixel_mlp, and that those compute what their references do.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/attrs.h"
#include "plan/engine.h"
#include "plan/reference.h"

/* What differs from ConvNeXt's block. */
enum twist { NONE, NO_RESIDUAL, NORM_READ_TWICE, WIDE_READ_TWICE, NO_BIAS, LAST_ACT, FEW_PIXELS, ODD_WIDTH, TWISTS };

static void build_block(struct graph *graph, enum twist twist) {
    int64_t c = 12, size = twist == FEW_PIXELS ? 9 : 14, wide = twist == ODD_WIDTH ? 48 : 64;
    int image = graph_input(graph, F32, (struct shape){4, {2, size, size, 3}});
    graph_port(graph, "image", image);
    int input = build_conv(graph, image, (struct conv){.out = c, .kernel = 3, .bias = true}, "stem");
    int x = build_conv(graph, input, (struct conv){.out = c, .kernel = 7, .groups = (int)c, .bias = true}, "depthwise");
    int norm = build_layer_norm(graph, x, 1e-3, "norm");
    int up = build_conv(graph, norm, (struct conv){.out = wide, .bias = twist != NO_BIAS}, "up");
    up = build_act(graph, up, ACT_GELU, "act");
    x = build_conv(graph, up, (struct conv){.out = c, .bias = true}, "down");
    if (twist == LAST_ACT) x = build_act(graph, x, ACT_RELU, "last");
    if (twist != NO_RESIDUAL) x = build_add(graph, x, input, "add");
    if (twist == NORM_READ_TWICE) x = build_add(graph, x, norm, "again");
    x = build_gap(graph, x, "pool");
    if (twist == WIDE_READ_TWICE) {
        int other = build_gap(graph, up, "other");
        x = build_concat(graph, (int[]){x, other}, 2, "both");
    }
    graph_port(graph, "out", x);
    ok(graph_check(graph));
}

static int count_fused(const struct graph *graph) {
    int count = 0;
    for (size_t i = 0; i < graph->node_count; i++) count += graph->nodes[i].op == &op_fused_pixel_mlp;
    return count;
}

static void check(enum twist twist, struct team *team) {
    struct engine e = {0};
    struct reference *reference;
    ok(graph_new(&e.arena, &e.graph));
    build_block(e.graph, twist);
    engine_make(&e, false, team_size(team));
    assert_int_equal(count_fused(e.lowered), twist == NONE || twist == NO_RESIDUAL);
    ok(reference_new(&e.arena, e.graph, &reference));
    int in = graph_find_port(e.graph, "image"), out = graph_find_port(e.graph, "out");
    int64_t pixels = value_elements(e.graph, in);
    float *image = arena_array(&e.arena, (size_t)pixels, sizeof *image);
    assert_non_null(image);
    formula_fill(e.graph, NULL, NULL, reference->params, reference->state);
    for (int64_t i = 0; i < pixels; i++)
        reference->values[in][i] = image[i] = (float)((i * 37 + 11) % 101) / 50.0f - 1.0f;
    bound_plan_input(&e.bound, "image", image);
    engine_run(&e, team, &(struct run_env){0});
    reference_run(reference, &(struct run_env){0});
    double d = engine_difference(bound_plan_output(&e.bound, "out"), reference->values[out],
                                 value_elements(e.graph, out), 1e-3);
    if (!(d < 2e-5)) fail_msg("twist %d: off by %g", twist, d);
    engine_free(&e);
}

static void test_twists(void **state) {
    (void)state;
    for (int threads = 1; threads < 4; threads += 2) {
        struct team *team;
        ok(team_new(&team, threads));
        for (int twist = 0; twist < TWISTS; twist++) check((enum twist)twist, team);
        team_free(team);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_twists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
