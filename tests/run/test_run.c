/* test_run.c — the small library: what it loads it runs as the engine does, and allocates nothing once loaded.
 *
 * Counts allocations (fails allocations, by the shim). SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/preprocess.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/team.h"
#include "models/network.h"
#include "shim/failing.h"
#include "train/model_file.h"
#include "ok.h"

enum { SIDE = 32, CLASSES = 7, BATCH = 3, FLOATS = SIDE * SIDE * 3 };
static const char PATH[] = SCRATCH "/test_run.safetensors";

static struct network *make_network(void) {
    static const char *const classes[CLASSES] = {"a", "b", "c", "d", "e", "f", "g"};
    struct model_args args;
    struct network *network;
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.25;
    args.num_classes = CLASSES;
    args.height = args.width = SIDE;
    ok(network_new(&network, &args));
    model_initialise(network->graph, &args, INIT_TORCHVISION, 1, network->params, network->state);
    network->classes = arena_array(&network->arena, CLASSES, sizeof *network->classes);
    memcpy(network->classes, classes, sizeof classes);
    struct preprocess p = preprocess_default();
    struct json_writer w = {0};
    p.resize = 40;
    p.crop_height = p.crop_width = SIDE;
    preprocess_write(&p, &w, NULL);
    network->preprocess = arena_strdup(&network->arena, w.text.data);
    text_free(&w.text);
    return network;
}

static int make_file(void **state) {
    struct team *team;
    struct network *network = make_network();
    ok(team_new(&team, 2));
    ok(model_file_save(network, team, PATH));
    team_free(team);
    *state = network;
    return 0;
}

static int drop_network(void **state) {
    network_free(*state);
    return 0;
}

static void fill(float *images) {
    struct rng rng = rng_at(3, RNG_TEST, 0, 0);
    for (int i = 0; i < BATCH * FLOATS; i++) images[i] = 2 * rng_float(&rng) - 1;
}

static void runs_as_the_engine(void **state) {
    static float images[BATCH * FLOATS], expected[BATCH * CLASSES], found[BATCH * CLASSES];
    struct network *network = *state;
    struct team *team;
    struct runner *runner;
    sk_model *model;
    fill(images);
    ok(team_new(&team, 2));
    ok(runner_new(&runner, network, &(struct runner_options){.batch = BATCH, .team = team}));
    ok(sk_load_file(PATH, &(struct sk_load_options){.threads = 2, .batch = BATCH}, &model));
    for (int n = 1; n <= BATCH; n++) {
        memset(found, 0, sizeof found);
        runner_run(runner, n, images, expected);
        ok(sk_run(model, n, images, found));
        assert_memory_equal(found, expected, (size_t)n * CLASSES * sizeof *found);
        assert_true(found[0] != found[1]);
    }
    assert_int_equal(sk_run(model, BATCH + 1, images, found), SK_EUSAGE);
    assert_int_equal(sk_run(model, 0, images, found), SK_EUSAGE);
    sk_free(model);
    runner_free(runner);
    team_free(team);
}

/* Weights that are packed from the file's bytes, as they lie or one byte off, against weights that were copied. */
static void packs_from_the_file_what_others_copy(void **state) {
    static const char *names[] = {"mobilenet_v3_small", "efficientnet_b0", "resnet18", "convnext_tiny"};
    enum { MANY = 5 };
    static float images[MANY * FLOATS], expected[MANY * CLASSES], found[MANY * CLASSES];
    (void)state;
    struct rng rng = rng_at(4, RNG_TEST, 0, 0);
    for (int i = 0; i < MANY * FLOATS; i++) images[i] = 2 * rng_float(&rng) - 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct arena arena = {0};
        struct model_args args;
        struct network *network;
        struct team *team;
        struct runner *runner;
        struct weights weights;
        sk_model *model;
        uint8_t *bytes;
        size_t size, off = i % 2; /* an odd address: every tensor is copied */
        ok(model_defaults(names[i], &args));
        args.width_mult = 0.5, args.num_classes = CLASSES, args.height = args.width = SIDE;
        ok(network_new(&network, &args));
        model_initialise(network->graph, &args, INIT_TORCHVISION, 5, network->params, network->state);
        for (int64_t j = 0; j < network->graph->state_elements; j++) network->state[j] += 0.25f; /* folding shows */
        ok(team_new(&team, 2));
        ok(runner_new(&runner, network, &(struct runner_options){.batch = MANY, .team = team}));
        runner_run(runner, MANY, images, expected);
        ok(model_tensors(&arena, network, &weights));
        ok(model_metadata(&arena, network, &weights));
        ok(safetensors_encode(&arena, &weights, &bytes, &size));
        uint8_t *moved = arena_alloc(&arena, size + 1);
        memcpy(moved + off, bytes, size);
        for (int batch = 1; batch <= MANY; batch += MANY - 1) { /* by the team, and by lanes */
            ok(sk_load(moved + off, size, &(struct sk_load_options){.threads = 2, .batch = batch}, &model));
            ok(sk_run(model, batch, images, found));
            assert_memory_equal(found, expected, (size_t)batch * CLASSES * sizeof *found);
            sk_free(model);
        }
        assert_memory_equal(moved + off, bytes, size); /* the caller's bytes are only read */
        assert_true(found[0] != found[1]);
        runner_free(runner);
        team_free(team);
        network_free(network);
        arena_free(&arena);
    }
}

static void allocates_nothing_once_loaded(void **state) {
    static float images[(BATCH + 1) * FLOATS], logits[BATCH * CLASSES];
    struct file_bytes bytes;
    sk_model *model;
    (void)state;
    fill(images);
    ok(file_map(PATH, &bytes));
    long before = allocation_count();
    ok(sk_load(bytes.data, bytes.size, &(struct sk_load_options){.threads = 2, .batch = BATCH}, &model));
    file_unmap(&bytes);
    long loaded = allocation_count();
    assert_true(loaded > before); /* the counter counts */
    for (int i = 0; i < 20; i++)
        ok(sk_run(model, 1 + i % BATCH, images + (i % 2) * FLOATS, logits)); /* at two addresses */
    assert_int_equal(allocation_count(), loaded);
    sk_free(model);
}

static void says_what_it_takes(void **state) {
    struct network *network = *state;
    int64_t shape[4];
    sk_model *model;
    ok(sk_load_file(PATH, NULL, &model));
    sk_input_shape(model, shape);
    assert_int_equal(shape[0], 1);
    assert_int_equal(shape[1], SIDE);
    assert_int_equal(shape[2], SIDE);
    assert_int_equal(shape[3], 3);
    assert_int_equal(sk_class_count(model), CLASSES);
    assert_string_equal(sk_class_name(model, 6), network->classes[6]);
    assert_null(sk_class_name(model, CLASSES));
    assert_null(sk_class_name(model, -1));
    sk_free(model);
    ok(sk_load_file(PATH, &(struct sk_load_options){.height = 64, .width = 48}, &model));
    sk_input_shape(model, shape);
    assert_int_equal(shape[1], 64);
    assert_int_equal(shape[2], 48);
    sk_free(model);
}

static void preprocesses_as_the_file_says(void **state) {
    enum { HEIGHT = 51, WIDTH = 77 };
    static uint8_t pixels[HEIGHT * WIDTH * 3];
    static float expected[FLOATS], found[FLOATS];
    struct scratch scratch = {0};
    struct preprocess p = preprocess_default();
    sk_model *model;
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 % 251);
    p.resize = 40;
    p.crop_height = p.crop_width = SIDE;
    ok(preprocess_apply(&p, &(struct picture){pixels, HEIGHT, WIDTH, 3}, &scratch, expected));
    ok(sk_load_file(PATH, NULL, &model));
    ok(sk_preprocess(model, pixels, HEIGHT, WIDTH, 3, found));
    assert_memory_equal(found, expected, sizeof found);
    assert_int_equal(sk_preprocess(model, pixels, HEIGHT, WIDTH, 2, found), SK_EUSAGE);
    assert_int_equal(sk_preprocess(model, pixels, 0, WIDTH, 3, found), SK_EUSAGE);
    scratch_free(&scratch);
    sk_free(model);
}

/* Each allocation of loading fails in turn: a sentence, no leak, and the next try succeeds. */
static void survives_a_lack_of_memory(void **state) {
    (void)state;
    sk_model *model;
    int failures = 0;
    for (long n = 1;; n += 1 + n / 8) { /* every one of the first, then fewer */
        fail_allocation(n);
        sk_status status = sk_load_file(PATH, &(struct sk_load_options){.threads = 1}, &model);
        bool failed = allocation_failed();
        fail_allocation(0);
        if (status == SK_OK) sk_free(model);
        if (!failed) break;
        failures++;
        if (status == SK_OK) continue;
        assert_null(model);
        assert_true(sk_error()[0] != '\0');
    }
    assert_true(failures > 10);
    ok(sk_load_file(PATH, NULL, &model));
    sk_free(model);
}

static void refuses_what_is_no_model(void **state) {
    sk_model *model;
    (void)state;
    assert_int_equal(sk_load("nonsense", 8, NULL, &model), SK_EFORMAT);
    assert_null(model);
    assert_int_equal(sk_load(NULL, 0, NULL, &model), SK_EUSAGE);
    assert_int_equal(sk_load_file("/does/not/exist", NULL, &model), SK_EIO);
    assert_int_equal(sk_load_file(PATH, &(struct sk_load_options){.threads = -1}, &model), SK_EUSAGE);
    sk_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_from_the_file_what_others_copy),
        cmocka_unit_test(runs_as_the_engine),        cmocka_unit_test(allocates_nothing_once_loaded),
        cmocka_unit_test(says_what_it_takes),        cmocka_unit_test(preprocesses_as_the_file_says),
        cmocka_unit_test(survives_a_lack_of_memory), cmocka_unit_test(refuses_what_is_no_model),
    };
    return cmocka_run_group_tests(tests, make_file, drop_network);
}
