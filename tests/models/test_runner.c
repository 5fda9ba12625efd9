/* test_runner.c — many pictures by lanes, few by the whole team, short batches, weights kept or given back: the same bits
 * each way.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/team.h"
#include "models/network.h"
#include "plan/formula.h"

enum { BATCH = 9, SIDE = 48, CLASSES = 10, FLOATS = SIDE * SIDE * 3 };

static void lanes_change_no_bit(void **state) {
    (void)state;
    static float images[BATCH * FLOATS], alone[BATCH * CLASSES], lanes[BATCH * CLASSES];
    struct model_args args;
    struct network *network;
    assert_int_equal(model_defaults("mobilenet_v2", &args), SK_OK);
    args.width_mult = 0.35, args.num_classes = CLASSES, args.height = args.width = SIDE;
    assert_int_equal(network_new(&network, &args), SK_OK);
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    formula_images(0, BATCH, SIDE, images, NULL);
    for (int threads = 1; threads <= 3; threads++) {
        struct team *team;
        struct runner *runner;
        assert_int_equal(team_new(&team, threads), SK_OK);
        assert_int_equal(runner_new(&runner, network, &(struct runner_options){.batch = BATCH, .team = team}), SK_OK);
        assert_true(threads == 1 ? runner_chunk(runner) == BATCH : runner_chunk(runner) < BATCH);
        for (int n = 1; n <= BATCH; n += 2) {
            memset(lanes, 0, sizeof lanes);
            runner_run(runner, n, images, threads == 1 && n == BATCH ? alone : lanes);
            if (threads > 1) assert_memory_equal(lanes, alone, (size_t)n * CLASSES * sizeof *lanes);
        }
        runner_free(runner);
        team_free(team);
    }
    assert_true(alone[0] != alone[CLASSES]);
    network_free(network);
}

/* A runner that owns the weights gives back those that it holds as panels; what it reads as it lies must stay. */
static void weights_given_back_change_no_bit(void **state) {
    (void)state;
    static const char *names[] = {"mobilenet_v2", "mobilenet_v3_small", "convnext_tiny", "resnet18"};
    static float image[FLOATS], kept[CLASSES], given[CLASSES];
    struct team *team;
    assert_int_equal(team_new(&team, 2), SK_OK);
    formula_images(0, 1, SIDE, image, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct model_args args;
        struct network *network;
        assert_int_equal(model_defaults(names[i], &args), SK_OK);
        args.num_classes = CLASSES, args.height = args.width = SIDE;
        assert_int_equal(network_new(&network, &args), SK_OK);
        formula_fill(network->graph, network->params, network->state, NULL, NULL);
        int64_t dropped = 0, elements = network->graph->param_elements;
        for (int once = 0; once < 2; once++) {
            struct runner *runner;
            struct runner_options options = {.batch = 1, .team = team, .once = once};
            assert_int_equal(runner_new(&runner, network, &options), SK_OK);
            runner_run(runner, 1, image, once ? given : kept);
            runner_free(runner);
        }
        assert_memory_equal(kept, given, sizeof kept);
        for (int64_t j = 0; j < elements; j++) dropped += network->params[j] == 0;
        assert_true(dropped > elements / 2);
        network_free(network);
    }
    team_free(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lanes_change_no_bit),
                                       cmocka_unit_test(weights_given_back_change_no_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
