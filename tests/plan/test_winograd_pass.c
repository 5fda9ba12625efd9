/* test_winograd_pass.c — which convolutions an inference plan makes by Winograd's transforms, and that it stays near the
 * references, with the same bits for every number of threads and every batch.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "ops/attrs.h"
#include "plan/engine.h"
#include "plan/reference.h"

enum { CLASSES = 7, HEIGHT = 24, WIDTH = 27 };

static int conv_norm(struct graph *g, int x, struct conv conv, const char *name) {
    char part[64];
    snprintf(part, sizeof part, "%s.norm", name);
    return build_batch_norm(g, build_conv(g, x, conv, name), (struct norm){1e-5, 0.1, true, false}, part);
}

/* A plain convolution, then residual blocks of two sizes; the last addition is before its activation, as in ResNet. */
static struct graph *network(struct arena *arena, int64_t batch) {
    struct graph *g;
    ok(graph_new(arena, &g));
    int x = graph_input(g, F32, (struct shape){4, {batch, HEIGHT, WIDTH, 3}});
    graph_port(g, "image", x);
    x = build_act(g, conv_norm(g, x, (struct conv){.out = 40, .kernel = 3}, "stem"), ACT_RELU, "stem.relu");
    int y = build_act(g, conv_norm(g, x, (struct conv){.out = 40, .kernel = 3}, "a"), ACT_RELU6, "a.act");
    x = build_act(g, build_add(g, x, conv_norm(g, y, (struct conv){.out = 40, .kernel = 3}, "b"), "b.add"), ACT_RELU, "b.relu");
    x = build_act(g, conv_norm(g, x, (struct conv){.out = 200, .kernel = 3, .stride = 2}, "c"), ACT_RELU, "c.relu");
    y = build_act(g, conv_norm(g, x, (struct conv){.out = 200, .kernel = 3}, "d"), ACT_SILU, "d.silu"); /* stays plain */
    x = build_act(g, build_add(g, conv_norm(g, y, (struct conv){.out = 200, .kernel = 3}, "e"), x, "e.add"), ACT_RELU, "e.relu");
    x = build_linear(g, build_gap(g, x, "pool"), CLASSES, "head");
    graph_port(g, "logits", x);
    ok(graph_check(g));
    return g;
}

static int count(const struct graph *g, int side) {
    int found = 0;
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].op == &op_conv) found += ((const struct conv_attr *)g->nodes[i].attr)->winograd == side;
    return found;
}

static int affines(const struct graph *g) {
    int found = 0;
    for (size_t i = 0; i < g->node_count; i++) found += g->nodes[i].op == &op_affine;
    return found;
}

static void images_fill(float *images, double *doubles, int64_t numbers) {
    for (int64_t i = 0; i < numbers; i++) {
        images[i] = (float)(2 * formula_u(i, 1) - 1);
        if (doubles) doubles[i] = images[i];
    }
}

/* The logits of `batch` pictures by `threads`, checked against the references where those are asked for. */
static void logits_of(int64_t batch, int threads, bool check, float *logits) {
    struct engine e = {0};
    e.graph = network(&e.arena, batch);
    engine_make(&e, false, threads);
    assert_int_equal(count(e.lowered, 4), 2);
    assert_int_equal(count(e.lowered, 2), 1);
    assert_int_equal(affines(e.lowered), 0); /* every activation and addition is in a store */
    int64_t numbers = batch * HEIGHT * WIDTH * 3;
    float *images = arena_array(&e.arena, (size_t)numbers, sizeof *images);
    images_fill(images, NULL, numbers);
    bound_plan_input(&e.bound, "image", images);
    struct team *team;
    struct run_env env = {0};
    ok(team_new(&team, threads));
    engine_run(&e, team, &env);
    team_free(team);
    memcpy(logits, bound_plan_output(&e.bound, "logits"), (size_t)(batch * CLASSES) * sizeof *logits);
    if (check) {
        struct reference *reference;
        ok(reference_new(&e.arena, e.graph, &reference));
        formula_fill(e.graph, NULL, NULL, reference->params, reference->state);
        images_fill(images, reference->values[graph_find_port(e.graph, "image")], numbers);
        reference_run(reference, &env);
        double d = engine_difference(logits, reference->values[graph_find_port(e.graph, "logits")], batch * CLASSES, 0);
        print_message("relative difference %.2g\n", d);
        assert_true(d < 1e-5);
    }
    engine_free(&e);
}

static void near_reference_and_same_bits(void **state) {
    float one[2 * CLASSES], other[2 * CLASSES];
    (void)state;
    logits_of(2, 1, true, one);
    for (int threads = 2; threads <= 3; threads++) {
        logits_of(2, threads, false, other);
        assert_memory_equal(one, other, sizeof one);
    }
    logits_of(1, 2, false, other);
    assert_memory_equal(one, other, sizeof one / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(near_reference_and_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
