/* test_families_gradients.c — loss and the gradient of every parameter of one small member of each family against PyTorch
 * in float64: by reference to 1e-8, by the engine as near as PyTorch's own float32.
 *
 * In training mode, without and with dropout and stochastic depth: PyTorch was given the same masks.
 * Fixture: tests/golden/make_models.py. SPDX-License-Identifier: Apache-2.0 */
#include "models/family_case.h"
#include "plan/engine.h"
#include "plan/reference.h"

static struct arena fixture;
static const struct json *cases;

/* How far one parameter's gradient (memory order, f32 or f64) is off, on the scale of its norm or of a part of all. */
static double gradient_off(const struct param *param, const struct json *truth, double floor, const float *f32,
                           const double *f64) {
    double sum = 0, squares = 0;
    int64_t count = param->count;
    double *file = block_new((size_t)count * sizeof *file);
    assert_non_null(file);
    for (int64_t j = 0; j < count; j++) {
        double g = f32 ? (double)f32[param->offset + j] : f64[param->offset + j];
        file[param_file_index(param, j)] = g;
        sum += g, squares += g * g;
    }
    double l2 = json_number(truth, "l2", -1), scale = fmax(l2, floor), off = fabs(sqrt(squares) - l2) / scale;
    double sum_off = fabs(sum - json_number(truth, "sum", INFINITY)) / (scale * sqrt((double)count));
    if (!(sum_off <= off)) off = sum_off;
    const struct json *value = json_get(truth, "value")->child;
    for (const struct json *at = json_get(truth, "index")->child; at; at = at->next, value = value->next) {
        double entry = fabs(file[at->integer] - value->number) / scale;
        if (!(entry <= off)) off = entry;
    }
    block_free(file);
    return off;
}

static double gradients_off(const struct graph *graph, const struct json *item, double share, const float *f32,
                            const double *f64) {
    const struct json *truth = json_get(item, "gradients")->child;
    double worst = 0, floor = share * json_number(item, "l2", 0);
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        if (param->state) continue;
        assert_non_null(truth);
        double off = gradient_off(param, truth, floor, f32, f64);
        if (f64 && !(off < 1e-8))
            print_message("%s (%s): off by %.2g\n", param->name, json_string(truth, "name", ""), off);
        if (!(off <= worst)) worst = off;
        truth = truth->next;
    }
    assert_null(truth);
    return worst;
}

static void fill_target(const struct model_args *args, int64_t batch, float *f32, double *f64) {
    int64_t classes = args->num_classes;
    for (int64_t i = 0; i < batch * classes; i++) {
        double share = (i % classes == (7 * (i / classes) + 3) % classes ? 0.9 : 0) + 0.1 / (double)classes;
        if (f32) f32[i] = (float)share;
        if (f64) f64[i] = share;
    }
}

static void print_case(const struct json *item, const char *by, double loss, double gradients) {
    const struct json *args = json_get(item, "args");
    print_message("%s, %lld pixels, dropout %g, stochastic depth %g, %s: loss off by %.2g, gradients by %.2g\n",
                  json_string(args, "name", ""), (long long)json_integer(item, "size", 0),
                  json_number(args, "dropout", 0), json_number(args, "stochastic_depth", 0), by, loss, gradients);
}

static void reference_equals_pytorch(void **state) {
    (void)state;
    for (const struct json *item = cases; item; item = item->next) {
        struct model_args args = family_args(item);
        int64_t batch = json_integer(item, "batch", 0);
        struct arena arena = {0};
        struct graph *graph;
        struct reference *reference;
        ok(model_graph(&arena, &args, &(struct model_request){.batch = batch, .training = true, .loss = true}, &graph));
        ok(gradient_build(graph, graph_find_port(graph, "loss")));
        ok(reference_new(&arena, graph, &reference));
        formula_fill(graph, NULL, NULL, reference->params, reference->state);
        formula_images(0, batch, args.height, NULL, reference->values[graph_find_port(graph, "image")]);
        fill_target(&args, batch, NULL, reference->values[graph_find_port(graph, "target")]);
        reference_run(reference, &(struct run_env){.seed = (uint64_t)json_integer(item, "seed", 0)});
        double loss = reference->values[graph_find_port(graph, "loss")][0];
        double off = fabs(loss - json_number(item, "loss", 0)) / loss;
        double gradients = gradients_off(graph, item, 1e-6, NULL, reference->gradients);
        print_case(item, "reference", off, gradients);
        assert_true(off < 1e-10);
        assert_true(gradients < 1e-8);
        arena_free(&arena);
    }
}

static void engine_new(struct engine *e, const struct model_args *args, int64_t batch, int threads) {
    *e = (struct engine){0};
    ok(model_graph(&e->arena, args, &(struct model_request){.batch = batch, .training = true, .loss = true},
                   &e->graph));
    engine_make(e, true, threads);
    float *images = arena_array(&e->arena, (size_t)(batch * args->height * args->width * 3), sizeof *images);
    float *target = arena_array(&e->arena, (size_t)(batch * args->num_classes), sizeof *target);
    formula_images(0, batch, args->height, images, NULL);
    fill_target(args, batch, target, NULL);
    bound_plan_input(&e->bound, "image", images);
    bound_plan_input(&e->bound, "target", target);
}

/* PyTorch's float32 gives the measure: ten times its distance, and no less than a few roundings. */
static void engine_at_level(void *user) {
    struct team *team = user;
    for (const struct json *item = cases; item; item = item->next) {
        struct model_args args = family_args(item);
        struct engine e;
        engine_new(&e, &args, json_integer(item, "batch", 0), team_size(team));
        engine_run(&e, team, &(struct run_env){.seed = (uint64_t)json_integer(item, "seed", 0)});
        double loss = (double)bound_plan_output(&e.bound, "loss")[0], truth = json_number(item, "loss", 0);
        double gradients = gradients_off(e.graph, item, 1e-3, e.gradients.data, NULL);
        double torch = json_number(item, "torch_f32_gradients", 0);
        print_case(item, getenv("SISKIN_ISA"), fabs(loss - truth) / truth, gradients);
        assert_true(fabs(loss - truth) / truth < 1e-5);
        assert_true(gradients < fmax(10 * torch, 1e-5));
        engine_free(&e);
    }
}

static void engine_is_as_near_as_pytorch(void **state) {
    (void)state;
    struct team *team;
    ok(team_new(&team, 2));
    at_each_level(engine_at_level, team);
    team_free(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_equals_pytorch),
        cmocka_unit_test(engine_is_as_near_as_pytorch),
    };
    cases = family_cases(&fixture, "model_gradients.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&fixture);
    return failed;
}
