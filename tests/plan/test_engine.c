/* test_engine.c — the engine under all passes against the references under none: logits, gradients, statistics.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/model.h"
#include "plan/engine.h"
#include "plan/reference.h"

enum { THREADS = 2 };

static struct model_args small_net(int64_t side) {
    struct model_args args;
    assert_int_equal(model_defaults("mobilenet_v2", &args), SK_OK);
    args.width_mult = 0.35;
    args.num_classes = 10;
    args.height = args.width = side;
    args.dropout = 0;
    return args;
}

static void engine_new(struct engine *e, const struct model_args *args, int64_t batch, bool training) {
    *e = (struct engine){0};
    ok(model_graph(&e->arena, args, &(struct model_request){.batch = batch, .training = training, .loss = training},
                   &e->graph));
    engine_make(e, training, THREADS);
}

static void run_by_team(struct engine *e, const struct run_env *env) {
    struct team *team;
    ok(team_new(&team, THREADS));
    engine_run(e, team, env);
    team_free(team);
}

static void inference_equals_reference(void **state) {
    (void)state;
    struct model_args args = small_net(64);
    for (int batch = 1; batch <= 3; batch += 2) {
        struct engine e;
        engine_new(&e, &args, batch, false);
        struct reference *reference;
        ok(reference_new(&e.arena, e.graph, &reference));
        formula_fill(e.graph, NULL, NULL, reference->params, reference->state);
        float *images = arena_array(&e.arena, (size_t)(batch * 64 * 64 * 3), sizeof *images);
        formula_images(0, batch, 64, images, reference->values[graph_find_port(e.graph, "image")]);
        bound_plan_input(&e.bound, "image", images);
        struct run_env env = {0};
        run_by_team(&e, &env);
        reference_run(reference, &env);
        double d = engine_difference(bound_plan_output(&e.bound, "logits"),
                                     reference->values[graph_find_port(e.graph, "logits")], batch * 10, 0);
        print_message("inference, batch %d: relative difference %.2g\n", batch, d);
        assert_true(d < 1e-5);
        engine_free(&e);
    }
}

static void training_equals_reference(void **state) {
    (void)state;
    struct model_args args = small_net(32);
    enum { BATCH = 8 };
    struct engine e;
    engine_new(&e, &args, BATCH, true);
    struct graph *graph;
    ok(model_graph(&e.arena, &args, &(struct model_request){.batch = BATCH, .training = true, .loss = true}, &graph));
    ok(gradient_build(graph, graph_find_port(graph, "loss")));
    struct reference *reference;
    ok(reference_new(&e.arena, graph, &reference));
    formula_fill(graph, NULL, NULL, reference->params, reference->state);
    float *images = arena_array(&e.arena, BATCH * 32 * 32 * 3, sizeof *images);
    float *target = arena_array(&e.arena, BATCH * 10, sizeof *target);
    formula_images(0, BATCH, 32, images, reference->values[graph_find_port(graph, "image")]);
    double *target64 = reference->values[graph_find_port(graph, "target")];
    for (int i = 0; i < BATCH * 10; i++) {
        target64[i] = (i % 10 == (7 * (i / 10) + 3) % 10 ? 0.9 : 0) + 0.01;
        target[i] = (float)target64[i];
    }
    bound_plan_input(&e.bound, "image", images);
    bound_plan_input(&e.bound, "target", target);
    struct run_env env = {0};
    run_by_team(&e, &env);
    reference_run(reference, &env);
    double loss = reference->values[graph_find_port(graph, "loss")][0];
    print_message("loss %.9g, reference %.9g\n", bound_plan_output(&e.bound, "loss")[0], loss);
    assert_true(fabs(bound_plan_output(&e.bound, "loss")[0] - loss) < 1e-5 * loss);
    double norm = 0, worst = 0;
    for (int64_t j = 0; j < graph->param_elements; j++) norm += reference->gradients[j] * reference->gradients[j];
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *p = &graph->params[i];
        if (p->state) continue;
        double off = 0, own = 0;
        for (int64_t j = p->offset; j < p->offset + p->count; j++) {
            double d = ((float *)e.gradients.data)[j] - reference->gradients[j];
            off += d * d, own += reference->gradients[j] * reference->gradients[j];
        }
        double relative = sqrt(off / (own > 1e-12 * norm ? own : norm));
        if (!(relative <= worst)) worst = relative;
        if (!(relative < 1e-2)) print_message("%s: %.3g of %.3g\n", p->name, sqrt(off), sqrt(own));
    }
    print_message("gradients: worst relative difference %.3g\n", worst);
    assert_true(worst < 1e-2);
    engine_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_equals_reference),
        cmocka_unit_test(training_equals_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
