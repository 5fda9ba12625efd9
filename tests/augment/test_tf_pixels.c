/* test_tf_pixels.c — TF's crop sampler from its own draws, tf.image.resize, Model Garden's middle square, and numbers that
 * reach the network unrounded.
 *
 * Truth is TensorFlow (tests/golden/make_tf_pixels.py). SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "augment/random_resized_crop.h"
#include "augment/resize_tf.h"
#include "base/file.h"
#include "base/rng.h"
#include "ok.h"

static struct arena arena;
static struct json *golden;

static int setup(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t size;
    ok(file_read(&arena, FIXTURES "/augment/tf_pixels.json", 1 << 24, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, "tf_pixels.json", &golden));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static double at(const struct json *list, int index) {
    const struct json *item = list->child;
    while (index--) item = item->next;
    return item->number;
}

static void crops_from_tfs_draws(void **state) {
    (void)state;
    int held = 0, failed = 0;
    for (const struct json *one = json_get(golden, "crops")->child; one; one = one->next) {
        struct augment_options o = augment_default();
        const struct json *area = json_get(one, "area"), *box = json_get(one, "box");
        int height = (int)json_integer(one, "height", 0), width = (int)json_integer(one, "width", 0);
        o.scale_min = at(area, 0), o.scale_max = at(area, 1);
        o.min_covered = json_number(one, "covered", 0);
        bool found = false;
        for (const struct json *t = json_get(one, "tries")->child; t; t = t->next) {
            float ratio = (float)json_number(t, "ratio", 0);
            int heights[2];
            struct picture_box got = {0};
            crop_tf_heights(&o, height, width, ratio, heights);
            assert_int_equal(heights[0], (int)at(json_get(t, "heights"), 0));
            assert_int_equal(heights[1], (int)at(json_get(t, "heights"), 1));
            found = crop_tf_size(&o, height, width, ratio, (int)json_integer(t, "drawn", 0), &got);
            assert_int_equal(found, json_boolean(t, "held", false));
            if (found) {
                assert_int_equal(got.height, (int)at(box, 2));
                assert_int_equal(got.width, (int)at(box, 3));
            }
            held += found, failed += !found;
        }
        if (!found) assert_true(at(box, 2) == height && at(box, 3) == width);
    }
    assert_true(held > 50 && failed > 20);
}

/* Our own draws: within the bounds, the last place never taken, and the whole picture or its middle where nothing fits. */
static void crops_on_average(void **state) {
    (void)state;
    struct augment_options o = augment_default();
    o.crop_of_tf = true;
    o.min_covered = 0.08;
    double height = 0, top = 0;
    enum { RUNS = 4000, H = 100, W = 140 };
    for (uint64_t i = 0; i < RUNS; i++) {
        struct rng rng = rng_at(2, RNG_TEST, 0, i);
        struct picture_box box;
        crop_draw(&o, &rng, H, W, &box);
        double share = (double)box.height * box.width / (H * W), ratio = (double)box.width / box.height;
        assert_true(share >= 0.079 && ratio > 0.72 && ratio < 1.38);
        assert_true(box.top + box.height < H || box.top == 0);
        assert_true(box.left + box.width < W || box.left == 0);
        height += box.height, top += box.top;
    }
    assert_true(fabs(height / RUNS - 66) < 2); /* uniform from 0.28 sqrt(14000/ratio) to 100 */
    assert_true(fabs(top / RUNS - (100 - 66) / 2.0) < 1.5);
    for (int whole = 0; whole < 2; whole++) {
        struct rng rng = rng_at(2, RNG_TEST, 1, 0);
        struct picture_box box;
        o.centre_whole = whole == 1;
        crop_draw(&o, &rng, 1000, 10, &box);
        assert_int_equal(box.height, whole ? 8 : 1000);
        assert_int_equal(box.top, whole ? 495 : 0);
    }
}

static struct picture formula_picture(int height, int width) {
    struct picture p = {arena_alloc(&arena, (size_t)height * (size_t)width * 3), height, width, 3};
    assert_non_null(p.pixels);
    for (int64_t i = 0; i < (int64_t)height * width * 3; i++)
        p.pixels[i] = (uint8_t)((i * 7919 + i * i % 251 * 31) % 256);
    return p;
}

static void resizes_as_tf(void **state) {
    (void)state;
    struct scratch scratch = {0};
    double worst = 0;
    for (const struct json *one = json_get(golden, "resizes")->child; one; one = one->next) {
        const struct json *from = json_get(one, "from"), *size = json_get(one, "to");
        struct picture source = formula_picture((int)at(from, 0), (int)at(from, 1)), result;
        struct picture_box box = {0, 0, source.height, source.width};
        struct picture_resize to = {(int)at(size, 0), (int)at(size, 1), RESIZE_BOX,
                                    json_boolean(one, "antialias", false)};
        assert_true(resize_filter_by_name(json_string(one, "filter", ""), &to.filter));
        ok(resize_tf(&source, &box, &to, &scratch, &result));
        const struct json *want = json_get(one, "numbers")->child;
        for (int i = 0; i < to.height * to.width * 3; i++, want = want->next) {
            double got = (double)scratch.numbers[i], off = fabs(got - want->number);
            worst = off > worst ? off : worst;
            assert_int_equal(result.pixels[i], (int)fmin(fmax((double)(float)got, 0), 255));
        }
        assert_null(want);
    }
    print_message("largest distance from TF %.2g of 255\n", worst);
    assert_true(worst < 1.5e-4); /* goldens have four decimals */
    struct picture one = formula_picture(4, 4), result;
    struct picture_box outside = {0, 1, 4, 4};
    struct picture_resize to = {2, 2, RESIZE_BILINEAR, false};
    assert_int_equal(resize_tf(&one, &outside, &to, &scratch, &result), SK_EINTERNAL);
    to.filter = RESIZE_BOX;
    assert_int_equal(resize_tf(&one, &(struct picture_box){0, 0, 4, 4}, &to, &scratch, &result), SK_EUSAGE);
    scratch_free(&scratch);
}

/* A part of a picture is what is cut out of it first: nothing outside the box counts. */
static void parts_are_cut_first(void **state) {
    (void)state;
    struct scratch scratch = {0};
    struct picture whole = formula_picture(20, 30), part = formula_picture(9, 11), result;
    struct picture_box box = {4, 7, 9, 11}, all = {0, 0, 9, 11};
    for (int y = 0; y < 9; y++) memcpy(part.pixels + y * 33, whole.pixels + ((4 + y) * 30 + 7) * 3, 33);
    for (int tf = 0; tf < 2; tf++)
        for (int antialias = 0; antialias < 2; antialias++) {
            uint8_t kept[5 * 6 * 3];
            struct picture_resize to = {5, 6, RESIZE_BICUBIC, antialias == 1};
            enum resize_by by = tf ? RESIZE_BY_TF : RESIZE_BY_PILLOW;
            ok(resize_by(by, &whole, &box, &to, &scratch, &result));
            memcpy(kept, result.pixels, sizeof kept);
            ok(resize_by(by, &part, &all, &to, &scratch, &result));
            assert_memory_equal(kept, result.pixels, sizeof kept);
        }
    scratch_free(&scratch);
}

static void middles(void **state) {
    (void)state;
    for (const struct json *row = json_get(golden, "middles")->child; row; row = row->next) {
        struct picture_box box = preprocess_middle((int)at(row, 0), (int)at(row, 1), 0.875);
        assert_true(box.top == at(row, 2) && box.left == at(row, 3));
        assert_true(box.height == at(row, 4) && box.width == at(row, 4));
    }
}

/* Evaluation and training hand TF's numbers on as they are; a flip turns them, an operation on pixels makes bytes of them. */
static void numbers_reach_the_network(void **state) {
    (void)state;
    struct scratch scratch = {0};
    struct picture source = formula_picture(40, 40);
    struct augment_options o = augment_default();
    enum { SIDE = 16, SIZE = SIDE * SIDE * 3 };
    float eval[SIZE], train[SIZE], flipped[SIZE], jittered[SIZE];
    o.preprocess.by = RESIZE_BY_TF;
    o.preprocess.antialias = o.train_antialias = false;
    o.preprocess.resize = o.preprocess.crop_height = o.preprocess.crop_width = SIDE;
    o.preprocess.divisor = 1;
    for (int c = 0; c < 3; c++) o.preprocess.mean[c] = 0, o.preprocess.std[c] = 1;
    struct sample_key key = {1, 0, 0};
    struct pipeline pipeline;
    ok(pipeline_prepare(&pipeline, &o));
    ok(pipeline_eval(&pipeline, &source, &scratch, eval));
    ok(pipeline_train(&pipeline, &key, &source, &scratch, train));
    assert_memory_equal(eval, train, sizeof eval);
    ok(preprocess_apply(&o.preprocess, &source, &scratch, train));
    assert_memory_equal(eval, train, sizeof eval);
    o.flip_probability = 1;
    ok(pipeline_prepare(&pipeline, &o));
    ok(pipeline_train(&pipeline, &key, &source, &scratch, flipped));
    int broken = 0;
    for (int i = 0; i < SIZE; i++) {
        int x = i / 3 % SIDE, mirror = i + (SIDE - 1 - 2 * x) * 3;
        assert_true(flipped[i] == eval[mirror]);
        broken += eval[i] != floorf(eval[i]);
    }
    assert_true(broken > SIZE / 4);
    o.jitter[JITTER_BRIGHTNESS] = 1e-9;
    ok(pipeline_prepare(&pipeline, &o));
    ok(pipeline_train(&pipeline, &key, &source, &scratch, jittered));
    for (int i = 0; i < SIZE; i++) assert_true(jittered[i] == floorf(jittered[i]));
    o.preprocess.crop_share = 0.5; /* the middle 20 pixels alone */
    memset(source.pixels, 0, 40 * 40 * 3);
    for (int y = 10; y < 30; y++) memset(source.pixels + (y * 40 + 10) * 3, 77, 60);
    ok(preprocess_apply(&o.preprocess, &source, &scratch, eval));
    for (int i = 0; i < SIZE; i++) assert_true(eval[i] == 77);
    scratch_free(&scratch);
}

/* What a model file keeps of it; files without the two members are as ever. */
static void kept_in_model_files(void **state) {
    (void)state;
    struct preprocess p = preprocess_default(), back;
    struct json_writer plain = {0}, w = {0};
    struct json *json;
    preprocess_write(&p, &plain, NULL);
    assert_null(strstr(plain.text.data, "resize_by"));
    assert_null(strstr(plain.text.data, "crop_share"));
    p.by = RESIZE_BY_TF;
    p.crop_share = 0.875;
    preprocess_write(&p, &w, NULL);
    ok(json_parse(&arena, w.text.data, w.text.length, "written", &json));
    ok(preprocess_read(json, &back));
    assert_true(back.by == RESIZE_BY_TF && back.crop_share == 0.875);
    ok(json_parse(&arena, plain.text.data, plain.text.length, "plain", &json));
    ok(preprocess_read(json, &back));
    assert_true(back.by == RESIZE_BY_PILLOW && back.crop_share == 0);
    static const char *const bad[][2] = {{"\"tf\"", "\"jax\""}, {"0.875", "\"x\""}, {"0.875", "1.5"}, {"0.875", "-1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *place = strstr(w.text.data, bad[i][0]);
        assert_non_null(place);
        char *text = arena_printf(&arena, "%.*s%s%s", (int)(place - w.text.data), w.text.data, bad[i][1],
                                  place + strlen(bad[i][0]));
        ok(json_parse(&arena, text, strlen(text), "bad", &json));
        assert_int_not_equal(preprocess_read(json, &back), SK_OK);
    }
    text_free(&plain.text);
    text_free(&w.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops_from_tfs_draws),
        cmocka_unit_test(crops_on_average),
        cmocka_unit_test(resizes_as_tf),
        cmocka_unit_test(parts_are_cut_first),
        cmocka_unit_test(middles),
        cmocka_unit_test(numbers_reach_the_network),
        cmocka_unit_test(kept_in_model_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
