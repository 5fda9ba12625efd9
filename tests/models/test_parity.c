/* test_parity.c — logits equal to torchvision's mobilenet_v2 within 1e-4 of the largest.
 *
 * At every level of this machine: widths 1.0, 0.5, 1.4; inputs 224, 160, 97, 64; batch 1 to 3. The slow levels (plain C, emulators) take the small
 * inputs unless SISKIN_LONG is set. Fixture: tests/golden/make_mobilenet_v2.py. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/team.h"
#include "models/network.h"
#include "plan/formula.h"
#include "ok.h"

enum { CLASSES = 1000, SLOW_SIZE = 97 };

static double logits_off(const struct json *one, const float *logits, const struct json *index) {
    double worst = 0, largest = json_number(one, "max_abs", 0);
    const struct json *value = json_get(one, "value")->child;
    for (const struct json *at = index->child; at; at = at->next, value = value->next)
        worst = fmax(worst, fabs(logits[at->integer] - value->number));
    return largest > 0 ? worst / largest : worst;
}

static double parity_of(const struct json *item, struct team *team) {
    int64_t size = json_integer(item, "size", 0), batch = json_integer(item, "batch", 0);
    struct model_args args;
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = json_number(item, "width_mult", 0);
    args.height = args.width = size;
    struct network *network;
    ok(network_new(&network, &args));
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    struct runner *runner;
    ok(runner_new(&runner, network, &(struct runner_options){.batch = batch, .team = team}));
    float *images = block_new((size_t)(batch * size * size * 3) * sizeof *images);
    float *logits = block_new((size_t)(batch * CLASSES) * sizeof *logits);
    formula_images(0, batch, size, images, NULL);
    runner_run(runner, batch, images, logits);
    double worst = 0;
    int64_t n = 0;
    for (const struct json *one = json_get(item, "images")->child; one; one = one->next, n++) {
        worst = fmax(worst, logits_off(one, logits + n * CLASSES, json_get(item, "index")));
        int64_t best = 0;
        for (int64_t k = 1; k < CLASSES; k++) best = logits[n * CLASSES + k] > logits[n * CLASSES + best] ? k : best;
        assert_int_equal(best, json_integer(one, "argmax", -1));
    }
    assert_int_equal(n, batch);
    block_free(images);
    block_free(logits);
    runner_free(runner);
    network_free(network);
    return worst;
}

static void logits_equal_torchvision(void **state) {
    (void)state;
    struct arena arena = {0};
    uint8_t *bytes;
    size_t size;
    struct json *json;
    struct team *team;
    const char *wish = getenv("SISKIN_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", wish ? wish : "");
    ok(file_read(&arena, FIXTURES "/golden/mobilenet_v2.json", 1 << 24, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, "mobilenet_v2.json", &json));
    ok(team_new(&team, 2));
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (*kept && strcmp(kept, cpu_isa_name((enum isa)isa)) != 0) continue;
        if (!cpu_has_isa((enum isa)isa) || !kernels_of((enum isa)isa)) {
            print_message("%s: not run here\n", cpu_isa_name((enum isa)isa));
            continue;
        }
        setenv("SISKIN_ISA", cpu_isa_name((enum isa)isa), 1);
        bool slow = (isa == ISA_PLAIN || isa == ISA_NEON) && !getenv("SISKIN_LONG");
        double worst = 0;
        int cases = 0;
        for (const struct json *item = json_get(json, "cases")->child; item; item = item->next) {
            if (slow && json_integer(item, "size", 0) > SLOW_SIZE) continue;
            worst = fmax(worst, parity_of(item, team));
            cases++;
        }
        print_message("%s: %d cases, largest relative difference %.2g\n", cpu_isa_name((enum isa)isa), cases, worst);
        assert_true(cases >= 4);
        assert_true(worst < 1e-4);
    }
    if (*kept)
        setenv("SISKIN_ISA", kept, 1);
    else
        unsetenv("SISKIN_ISA");
    team_free(team);
    arena_free(&arena);
}

static void parameters_are_counted_as_torchvision(void **state) {
    (void)state;
    static const struct {
        double width;
        int64_t parameters;
    } published[] = {{1.0, 3504872}, {0.5, 1968680}, {1.4, 6108776}};
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct model_args args;
        struct network *network;
        ok(model_defaults("mobilenet_v2", &args));
        args.width_mult = published[i].width;
        ok(network_new(&network, &args));
        assert_int_equal(graph_parameter_count(network->graph), published[i].parameters);
        if (published[i].width == 1.0)
            assert_int_equal(graph_parameter_count(network->graph) + graph_statistics_count(network->graph), 3538984);
        network_free(network);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_equal_torchvision),
        cmocka_unit_test(parameters_are_counted_as_torchvision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
