/* test_families.c — logits of every family equal to torchvision's and timm's: by reference to 1e-8, by the engine to 1e-4.
 *
 * Relative to the largest logit, at every level of this machine, at 64 pixels and at an odd size. SISKIN_LONG adds the
 * large networks and the rarer variants. Fixture: tests/golden/make_models.py. SPDX-License-Identifier: Apache-2.0 */
#include "models/family_case.h"
#include "plan/reference.h"

static const struct json *cases;

static double logits_off(const struct json *item, int64_t n, int64_t classes, const float *f32, const double *f64) {
    const struct json *one = json_get(item, "images")->child;
    for (int64_t i = 0; i < n; i++) one = one->next;
    double worst = 0, largest = json_number(one, "max_abs", 0);
    const struct json *value = json_get(one, "value")->child;
    for (const struct json *at = json_get(item, "index")->child; at; at = at->next, value = value->next) {
        int64_t j = n * classes + at->integer;
        double off = fabs((f32 ? (double)f32[j] : f64[j]) - value->number);
        if (!(off <= worst)) worst = off;
    }
    return worst / largest;
}

static double case_by_engine(const struct json *item, struct team *team) {
    struct model_args args = family_args(item);
    int64_t batch = json_integer(item, "batch", 0), pixels = args.height * args.width * 3;
    struct network *network;
    struct runner *runner;
    ok(network_new(&network, &args));
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    ok(runner_new(&runner, network, &(struct runner_options){.batch = batch, .team = team}));
    float *images = block_new((size_t)(batch * pixels) * sizeof *images);
    float *logits = block_new((size_t)(batch * args.num_classes) * sizeof *logits);
    formula_images(0, batch, args.height, images, NULL);
    runner_run(runner, batch, images, logits);
    double worst = 0;
    const struct json *one = json_get(item, "images")->child;
    for (int64_t n = 0; n < batch; n++, one = one->next) {
        worst = fmax(worst, logits_off(item, n, args.num_classes, logits, NULL));
        const float *row = logits + n * args.num_classes;
        int64_t best = 0;
        for (int64_t k = 1; k < args.num_classes; k++) best = row[k] > row[best] ? k : best;
        if (best != json_integer(one, "argmax", -1)) worst = INFINITY;
    }
    block_free(images);
    block_free(logits);
    runner_free(runner);
    network_free(network);
    return worst;
}

static void engine_at_level(void *user) {
    double worst = 0;
    int count = 0;
    enum isa isa;
    ok(cpu_isa(&isa));
    for (const struct json *item = cases; item; item = item->next) {
        if (!family_wanted(item) || (isa == ISA_PLAIN && json_boolean(item, "long", false))) continue;
        double off = case_by_engine(item, user);
        if (getenv("SISKIN_LONG") || !(off < 1e-4))
            print_message("%-20s %s %lld: %.2g\n", json_string(json_get(item, "args"), "name", ""),
                          json_string(item, "source", ""), (long long)json_integer(item, "size", 0), off);
        if (!(off <= worst)) worst = off;
        count++;
    }
    print_message("%s: %d cases, largest relative difference %.2g\n", cpu_isa_name(isa), count, worst);
    assert_true(count >= 20);
    assert_true(worst < 1e-4);
}

static void engine_equals_the_source(void **state) {
    (void)state;
    struct team *team;
    ok(team_new(&team, 2));
    at_each_level(engine_at_level, team);
    team_free(team);
}

static double case_by_reference(const struct json *item) {
    struct model_args args = family_args(item);
    int64_t batch = json_integer(item, "batch", 0);
    struct arena arena = {0};
    struct graph *graph;
    struct reference *reference;
    ok(model_graph(&arena, &args, &(struct model_request){.batch = batch}, &graph));
    ok(reference_new(&arena, graph, &reference));
    formula_fill(graph, NULL, NULL, reference->params, reference->state);
    formula_images(0, batch, args.height, NULL, reference->values[graph_find_port(graph, "image")]);
    reference_run(reference, &(struct run_env){0});
    double worst = 0;
    const double *logits = reference->values[graph_find_port(graph, "logits")];
    for (int64_t n = 0; n < batch; n++) worst = fmax(worst, logits_off(item, n, args.num_classes, NULL, logits));
    arena_free(&arena);
    return worst;
}

static void reference_equals_the_source(void **state) {
    (void)state;
    double worst = 0;
    int count = 0;
    for (const struct json *item = cases; item; item = item->next) {
        if (!family_wanted(item) || (json_integer(item, "batch", 0) > 1 && !getenv("SISKIN_LONG"))) continue;
        double off = case_by_reference(item);
        if (!(off < 1e-8))
            print_message("%-20s %s %lld: %.2g\n", json_string(json_get(item, "args"), "name", ""),
                          json_string(item, "source", ""), (long long)json_integer(item, "size", 0), off);
        if (!(off <= worst)) worst = off;
        count++;
    }
    print_message("references: %d cases, largest relative difference %.2g\n", count, worst);
    assert_true(count >= 10);
    assert_true(worst < 1e-8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_equals_the_source),
        cmocka_unit_test(reference_equals_the_source),
    };
    struct arena arena = {0};
    cases = family_cases(&arena, "models.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
