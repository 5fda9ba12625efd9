/* test_call.c — sk_call from C: answers are sound JSON, also failures; events; no memory (fails allocations).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <siskin.h>

#include "base/file.h"
#include "base/json.h"
#include "shim/failing.h"

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))
#define SMALL        "model.width_mult=0.1", "model.input_size=32", "model.num_classes=3"

struct heard {
    int results, notes, warnings, others;
};

static void listen(void *user, const char *kind, const char *text) {
    struct heard *heard = user;
    assert_null(strchr(text, '\n'));
    if (strcmp(kind, "result line") == 0)
        heard->results++;
    else if (strcmp(kind, "note") == 0)
        heard->notes++;
    else if (strcmp(kind, "warning") == 0)
        heard->warnings++;
    else
        heard->others++;
}

static struct json *parse(struct arena *arena, const char *text) {
    struct json *json;
    assert_non_null(text);
    if (json_parse(arena, text, strlen(text), "answer", &json) != SK_OK) fail_msg("%s: %s", sk_error(), text);
    assert_int_equal(json->kind, JSON_OBJECT);
    return json;
}

static void answers_are_json(void **state) {
    (void)state;
    static const char *const calls[][6] = {
        {"version"},
        {"help"},
        {"help", "train"},
        {"models"},
        {"models", "efficientnet_b0"},
        {"doctor"},
        {"recipe", "keys"},
        {"recipe", "list"},
        {"recipe", "show", SOURCE_ROOT "/recipes/imagenet/mobilenet_v2.yaml"},
        {"recipe", "trace", SOURCE_ROOT "/recipes/imagenet/mobilenet_v2.yaml"},
        {"recipe", "lint", SOURCE_ROOT "/recipes/imagenet/mobilenet_v2.yaml"},
        {"summary", "mobilenet_v2", SMALL},
        {"bench", "mobilenet_v2", "--seconds", "1", "--layers", "model.input_size=32"},
        {"bench", "mobilenet_v2", "--seconds=1", "--train", "--batch=2", "model.input_size=32"},
    };
    setenv("SISKIN_RECIPES", SOURCE_ROOT "/recipes", 1);
    for (int i = 0; i < COUNT(calls); i++) {
        struct arena arena = {0};
        struct heard heard = {0};
        char *answer;
        int argc = 0;
        while (argc < 6 && calls[i][argc]) argc++;
        sk_status status = sk_call(argc, calls[i], listen, &heard, &answer);
        if (status != SK_OK) print_error("%s %s: %s\n", calls[i][0], argc > 1 ? calls[i][1] : "", sk_error());
        assert_int_equal(status, SK_OK);
        assert_true(heard.results > 0);
        assert_null(json_get(parse(&arena, answer), "error"));
        sk_free_text(answer);
        arena_free(&arena);
    }
}

static void the_contract_of_keys(void **state) {
    (void)state;
    static const char *const bench[] = {"bench", "mobilenet_v2", "--seconds=1", "--batch=2", "--threads=1", SMALL};
    static const char *const keys[] = {"images_per_s", "latency_ms", "batch", "threads", "dtype", "peak_bytes"};
    static const char *const summary[] = {"summary", "mobilenet_v2"};
    struct arena arena = {0};
    char *answer;
    assert_int_equal(sk_call(COUNT(bench), bench, NULL, NULL, &answer), SK_OK);
    struct json *json = parse(&arena, answer);
    for (int i = 0; i < COUNT(keys); i++) assert_non_null(json_get(json, keys[i]));
    assert_int_equal(json_integer(json, "batch", 0), 2);
    assert_int_equal(json_integer(json, "threads", 0), 1);
    assert_true(json_number(json, "images_per_s", 0) > 0);
    sk_free_text(answer);
    assert_int_equal(sk_call(COUNT(summary), summary, NULL, NULL, &answer), SK_OK);
    json = parse(&arena, answer);
    assert_int_equal(json_integer(json, "parameters", 0), 3504872);
    assert_int_equal(json_integer(json, "parameters_and_statistics", 0), 3538984);
    int64_t parameters = 0, macs = 0;
    for (const struct json *layer = json_get(json, "layers")->child; layer; layer = layer->next) {
        parameters += json_integer(layer, "parameters", 0);
        macs += json_integer(layer, "macs", 0);
    }
    assert_int_equal(parameters, 3504872);
    assert_int_equal(macs, json_integer(json, "macs", 0));
    /* The plan's peak is at most 1.1 times what must be alive at once. */
    assert_true((double)json_integer(json, "peak_bytes", 0) <= 1.1 * (double)json_integer(json, "bound_bytes", 0));
    sk_free_text(answer);
    arena_free(&arena);
}

static void failures_are_answers(void **state) {
    (void)state;
    static const char *const call[] = {"summary", "nothing_like_it"};
    struct arena arena = {0};
    struct heard heard = {0};
    char *answer;
    assert_int_equal(sk_call(COUNT(call), call, listen, &heard, &answer), SK_EUSAGE);
    struct json *json = parse(&arena, answer);
    assert_string_equal(json_string(json, "error", ""), sk_error());
    assert_int_equal(json_integer(json, "exit", 0), 2);
    assert_int_equal(heard.results, 0);
    sk_free_text(answer);
    assert_int_equal(sk_call(0, NULL, NULL, NULL, NULL), SK_EUSAGE);
    arena_free(&arena);
}

/* The n-th allocation fails, for rising n, until a call needs fewer: a status and a sentence, or it did without. */
static void without_memory(int argc, const char *const argv[]) {
    int failures = 0;
    for (long n = 1;; n += 1 + n / 16) {
        char *answer;
        fail_allocation(n);
        sk_status status = sk_call(argc, argv, NULL, NULL, &answer);
        bool failed = allocation_failed();
        fail_allocation(0);
        sk_free_text(answer);
        if (!failed) {
            assert_int_equal(status, SK_OK);
            break;
        }
        if (status != SK_OK) assert_true(sk_error()[0] != '\0');
        failures += status != SK_OK;
    }
    assert_true(failures > 5);
}

static void survives_a_lack_of_memory(void **state) {
    (void)state;
    static const char *const show[] = {"recipe", "show", SOURCE_ROOT "/recipes/small/fashion_mnist.yaml"};
    static const char *const lint[] = {"recipe", "lint", SOURCE_ROOT "/recipes/imagenet/mobilenet_v2.yaml"};
    static const char *const summary[] = {"summary", "mobilenet_v2", SMALL};
    static const char *const out[] = {"export", "mobilenet_v2", SMALL, "-o", SCRATCH "/call.pth"};
    static const char *const in[] = {"import", SCRATCH "/call.pth",        "--model", "mobilenet_v2", SMALL,
                                     "-o",     SCRATCH "/call.safetensors"};
    static const char *const doctor[] = {"doctor", SCRATCH "/call.safetensors"};
    without_memory(COUNT(show), show);
    without_memory(COUNT(lint), lint);
    without_memory(COUNT(summary), summary);
    without_memory(COUNT(out), out);
    without_memory(COUNT(in), in);
    without_memory(COUNT(doctor), doctor);
}

static void looks_inside_without_memory(void **state) {
    (void)state;
    static const char *const onnx[] = {"export", "mobilenet_v2", SMALL, "-o", SCRATCH "/call.onnx", "--softmax"};
    static const char *const list[] = {"run", "mobilenet_v2", SMALL, "--list"};
    static const char *const cam[] = {"explain", "mobilenet_v2", FIXTURES "/data/pictures/rgb.png",
                                      "preprocess.resize=0", "preprocess.crop=32", SMALL, "--at", "features.2",
                                      "-o", SCRATCH "/call.png", "--raw", SCRATCH "/call.npy", "--threads", "1"};
    without_memory(COUNT(onnx), onnx);
    without_memory(COUNT(list), list);
    without_memory(COUNT(cam), cam);
}

/* ---- training ---- */

#define DATA SCRATCH "/call-data"
#define RUN  SCRATCH "/call-run"

static void make_part(const char *images, const char *labels, int count) {
    enum { SIDE = 16, MOST = 24 };
    static uint8_t bytes[16 + MOST * SIDE * SIDE];
    memcpy(bytes, (const uint8_t[16]){0, 0, 8, 3, 0, 0, 0, (uint8_t)count, 0, 0, 0, SIDE, 0, 0, 0, SIDE}, 16);
    for (int i = 0; i < count * SIDE * SIDE; i++) bytes[16 + i] = (uint8_t)(i * 7 % 100 + i / (SIDE * SIDE) % 3 * 50);
    assert_int_equal(file_replace(images, bytes, 16 + (size_t)(count * SIDE * SIDE)), SK_OK);
    memcpy(bytes, (const uint8_t[8]){0, 0, 8, 1, 0, 0, 0, (uint8_t)count}, 8);
    for (int i = 0; i < count; i++) bytes[8 + i] = (uint8_t)(i % 3);
    assert_int_equal(file_replace(labels, bytes, 8 + (size_t)count), SK_OK);
}

static void make_data(void) {
    assert_int_equal(folder_make(DATA), SK_OK);
    make_part(DATA "/train-images-idx3-ubyte", DATA "/train-labels-idx1-ubyte", 24);
    make_part(DATA "/t10k-images-idx3-ubyte", DATA "/t10k-labels-idx1-ubyte", 9);
    static const char recipe[] = "epochs: 1\nbatch_size: 8\ndata: {spec: \"idx:" DATA "\"}\n"
                                 "preprocess: {resize: 0, crop: 16, channels: 1, mean: [0.4], std: [0.3]}\n"
                                 "augment: {random_resized_crop: {enabled: false}}\nmodel: {width_mult: 0.1}\n"
                                 "schedule: {lr: 0.001}\n";
    assert_int_equal(file_replace(SCRATCH "/call.yaml", recipe, sizeof recipe - 1), SK_OK);
}

static const char *const train_call[] = {"train", SCRATCH "/call.yaml", "--out", RUN, "threads=1"};

/* Whatever allocation fails, a run ends with a sentence, and what it left can be gone on with or is no run. */
static void runs_without_memory(int argc, const char *const argv[]) {
    static const char *const resume[] = {"resume", RUN};
    int failures = 0;
    for (long n = 1;; n += 1 + n / 8) {
        assert_int_equal(folder_remove(RUN), SK_OK);
        fail_allocation(n);
        sk_status status = sk_call(argc, argv, NULL, NULL, NULL);
        bool failed = allocation_failed();
        fail_allocation(0);
        if (!failed) {
            if (status != SK_OK) fail_msg("%s", sk_error());
            break;
        }
        failures += status != SK_OK;
        if (!file_exists(RUN "/recipe.yaml")) continue;
        if (sk_call(COUNT(resume), resume, NULL, NULL, NULL) != SK_OK) fail_msg("after failure %ld: %s", n, sk_error());
        assert_true(file_exists(RUN "/last.safetensors"));
    }
    assert_true(failures > 20);
}

static void trains_without_memory(void **state) {
    (void)state;
    make_data();
    runs_without_memory(COUNT(train_call), train_call);
    static const char *const eval[] = {"eval", RUN "/last.safetensors", "--data", "idx:" DATA, "--threads", "1"};
    static const char *const predict[] = {"predict", RUN "/last.safetensors", "--data",    "idx:" DATA, "--count", "2",
                                          "--sheet", SCRATCH "/call.png",     "--threads", "1"};
    without_memory(COUNT(eval), eval);
    without_memory(COUNT(predict), predict);
}

/* The same where a run begins with a model file, thaws a part on the way, keeps features and divides its data. */
static void fine_tunes_without_memory(void **state) {
    (void)state;
    static const char start[] = SCRATCH "/call-start.safetensors";
    static const char *const tune[] = {"train", SCRATCH "/call.yaml", "--out", RUN, "threads=1",
                                       "init_from=" SCRATCH "/call-start.safetensors", "epochs=2", "freeze=backbone",
                                       "unfreeze=1: features.18", "freeze_batch_norm=true", "lr_mult=features: 0.1",
                                       "head.hidden=8", "class_weights=balanced", "sampling=balanced",
                                       "data.split=0.5/0.25/0.25", "data.per_class=6", "batch_size=3"};
    make_data();
    assert_int_equal(folder_remove(RUN), SK_OK);
    assert_int_equal(sk_call(COUNT(train_call), train_call, NULL, NULL, NULL), SK_OK);
    assert_int_equal(file_rename(RUN "/last.safetensors", start), SK_OK);
    runs_without_memory(COUNT(tune), tune);
    assert_true(file_exists(RUN "/test.json") && file_exists(RUN "/split/val.txt"));
    static const char *const eval[] = {"eval", RUN, "--threads", "1"};
    without_memory(COUNT(eval), eval);
}

/* An interrupt that comes with the first event stops the run at its next safe point, saved. */
static void interrupt(void *user, const char *kind, const char *text) {
    (void)kind, (void)text;
    *(int *)user += 1;
    sk_interrupt();
}

static void an_interrupt_saves(void **state) {
    (void)state;
    static const char *const resume[] = {"resume", RUN};
    int events = 0;
    make_data();
    assert_int_equal(folder_remove(RUN), SK_OK);
    assert_int_equal(sk_call(COUNT(train_call), train_call, interrupt, &events, NULL), SK_EINTERRUPTED);
    assert_true(events > 0);
    assert_true(file_exists(RUN "/checkpoints/step-0/state.safetensors"));
    assert_false(file_exists(RUN "/last.safetensors"));
    assert_int_equal(sk_call(COUNT(resume), resume, NULL, NULL, NULL),
                     SK_OK); /* the interrupt was for the first call */
    assert_true(file_exists(RUN "/last.safetensors"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_json),      cmocka_unit_test(the_contract_of_keys),
        cmocka_unit_test(failures_are_answers),  cmocka_unit_test(survives_a_lack_of_memory),
        cmocka_unit_test(trains_without_memory), cmocka_unit_test(fine_tunes_without_memory),
        cmocka_unit_test(an_interrupt_saves),
        cmocka_unit_test(looks_inside_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
