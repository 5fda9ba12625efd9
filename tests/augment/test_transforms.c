/* test_transforms.c — torch's random resized crop from torch's draws, exact crops and flips, and randomness by address.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "augment/random_resized_crop.h"

/* torch.manual_seed(0) on a picture of 375 x 500: first try, and the fallback on thin pictures. */
static void crop_equals_torchvision(void **state) {
    (void)state;
    struct picture_box box = {0};
    assert_true(crop_try(375, 500, 0.53655606508255, 0.15432526171207428, &box));
    assert_int_equal(box.height, 294);
    assert_int_equal(box.width, 343);
    assert_false(crop_try(1000, 10, 0.5, 0.0, &box));
    crop_fallback(1000, 10, 3.0 / 4, 4.0 / 3, &box);
    assert_true(box.top == 493 && box.left == 0 && box.height == 13 && box.width == 10);
    crop_fallback(10, 1000, 3.0 / 4, 4.0 / 3, &box);
    assert_true(box.top == 0 && box.left == 493 && box.height == 10 && box.width == 13);
    crop_fallback(30, 31, 3.0 / 4, 4.0 / 3, &box);
    assert_true(box.top == 0 && box.left == 0 && box.height == 30 && box.width == 31);
}

static struct augment_options small(int side, int channels) {
    struct augment_options o = augment_default();
    o.preprocess.resize = 0;
    o.preprocess.crop_height = o.preprocess.crop_width = side;
    o.preprocess.channels = channels;
    o.preprocess.divisor = 1;
    for (int c = 0; c < 3; c++) o.preprocess.mean[c] = 0, o.preprocess.std[c] = 1; /* numbers are the bytes */
    return o;
}

static void prepare(struct pipeline *pipeline, const struct augment_options *options) {
    if (pipeline_prepare(pipeline, options) != SK_OK) fail_msg("%s", sk_error());
}

static void run(const struct pipeline *pipeline, uint64_t epoch, uint64_t sample, const struct picture *picture,
                struct scratch *scratch, float *input) {
    struct sample_key key = {.seed = 7, .epoch = epoch, .sample = sample};
    if (pipeline_train(pipeline, &key, picture, scratch, input) != SK_OK) fail_msg("%s", sk_error());
}

/* Where does `input` come from? The offset of the crop in a picture whose bytes are its positions + 1. */
enum { SIDE = 8, PAD = 3 };

static int expected_byte(int y, int x, enum pad_mode mode) {
    if (mode == PAD_REFLECT) {
        y = y < 0 ? -y : y >= SIDE ? 2 * (SIDE - 1) - y : y;
        x = x < 0 ? -x : x >= SIDE ? 2 * (SIDE - 1) - x : x;
    }
    return y < 0 || x < 0 || y >= SIDE || x >= SIDE ? 0 : y * SIDE + x + 1;
}

static bool is_crop(const float *input, int top, int left, bool flipped, enum pad_mode mode) {
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int column = flipped ? SIDE - 1 - x : x;
            if ((int)input[y * SIDE + x] != expected_byte(top + y, left + column, mode)) return false;
        }
    }
    return true;
}

/* Every input must be exactly one crop; all 49 places and both directions must occur, about equally often. */
static void crops_and_flips(void **state) {
    const enum pad_mode mode = *state ? PAD_REFLECT : PAD_ZERO;
    struct scratch scratch = {0};
    uint8_t pixels[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) pixels[i] = (uint8_t)(i + 1);
    struct picture picture = {pixels, SIDE, SIDE, 1};
    struct augment_options o = small(SIDE, 1);
    o.random_crop = true;
    o.padding = PAD;
    o.pad_mode = mode;
    o.flip_probability = 0.25;
    struct pipeline pipeline;
    prepare(&pipeline, &o);
    enum { PLACES = (2 * PAD + 1) * (2 * PAD + 1), RUNS = 9800 };
    int seen[PLACES] = {0}, flips = 0;
    float input[SIDE * SIDE];
    for (int i = 0; i < RUNS; i++) {
        run(&pipeline, 3, (uint64_t)i, &picture, &scratch, input);
        int found = 0;
        for (int place = 0; place < 2 * PLACES; place++) {
            int at = place / 2, top = at / (2 * PAD + 1) - PAD, left = at % (2 * PAD + 1) - PAD;
            if (!is_crop(input, top, left, place % 2 != 0, mode)) continue;
            found++;
            seen[at]++;
            flips += place % 2;
        }
        assert_int_equal(found, 1);
    }
    for (int place = 0; place < PLACES; place++) assert_in_range(seen[place], 130, 270); /* 200 expected */
    assert_in_range(flips, 2250, 2650);                                                  /* 2450 expected */
    for (int i = 0; i < SIDE * SIDE; i++) assert_int_equal(pixels[i], i + 1);            /* never written */
    scratch_free(&scratch);
}

/* The same address gives the same bits whatever came before; switching the crop off leaves the flips as they were. */
static void randomness_by_address(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch one = {0}, other = {0};
    struct picture picture = noise(&arena, 40, 50, 3, 1, false);
    struct augment_options o = small(16, 3);
    o.random_resized_crop = true;
    o.flip_probability = 0.5;
    struct pipeline both, flip_only;
    prepare(&both, &o);
    o.random_resized_crop = false;
    prepare(&flip_only, &o);
    float a[768], b[768], unflipped[768];
    assert_int_equal(pipeline_size(&both), 768);
    run(&both, 1, 5, &picture, &one, a);
    run(&both, 1, 6, &picture, &one, b);
    assert_memory_not_equal(a, b, sizeof a);
    run(&both, 2, 5, &picture, &one, b);
    assert_memory_not_equal(a, b, sizeof a);
    run(&both, 1, 5, &picture, &other, b);
    assert_memory_equal(a, b, sizeof a);

    /* A picture that is its own mirror image apart from one half tells whether it was flipped. */
    struct picture halves = noise(&arena, 16, 16, 3, 1, false);
    for (int i = 0; i < 768; i++) halves.pixels[i] = i / 3 % 16 < 8 ? 10 : 200;
    if (pipeline_eval(&flip_only, &halves, &one, unflipped) != SK_OK) fail_msg("%s", sk_error());
    int flips = 0;
    for (uint64_t sample = 0; sample < 64; sample++) {
        run(&both, 9, sample, &halves, &one, a);
        run(&flip_only, 9, sample, &halves, &one, b);
        bool crop_flipped = a[0] > a[45], flipped = memcmp(b, unflipped, sizeof b) != 0;
        if (a[0] != a[45]) assert_int_equal(crop_flipped, flipped);
        flips += flipped;
    }
    assert_in_range(flips, 18, 46);
    scratch_free(&one);
    scratch_free(&other);
    arena_free(&arena);
}

/* Each picture is that of one of the two filters, about as often; the box is the one that is drawn without. */
static void filter_by_picture(void **state) {
    struct arena arena = {0};
    struct scratch scratch = {0};
    struct picture picture = noise(&arena, 60, 80, 3, 1, false);
    struct augment_options o = small(16, 3);
    struct pipeline linear, cubic, any;
    float a[768], b[768], c[768];
    int cubics = 0;
    (void)state;
    o.random_resized_crop = true;
    prepare(&linear, &o);
    o.train_filter = RESIZE_BICUBIC;
    prepare(&cubic, &o);
    o.train_filter = RESIZE_BILINEAR;
    o.random_filter = true;
    prepare(&any, &o);
    for (uint64_t sample = 0; sample < 200; sample++) {
        run(&linear, 2, sample, &picture, &scratch, a);
        run(&cubic, 2, sample, &picture, &scratch, b);
        run(&any, 2, sample, &picture, &scratch, c);
        assert_memory_not_equal(a, b, sizeof a);
        bool is_cubic = memcmp(b, c, sizeof b) == 0;
        assert_true(is_cubic || memcmp(a, c, sizeof a) == 0);
        cubics += is_cubic;
    }
    assert_in_range(cubics, 72, 128);
    scratch_free(&scratch);
    arena_free(&arena);
}

/* A random resized crop of one colour stays that colour; of a large picture it has the input's size. */
static void resized_crop_shapes(void **state) {
    (void)state;
    static const int shapes[][2] = {{40, 50}, {1, 1}, {1000, 3}, {3, 1000}, {16, 16}};
    struct scratch scratch = {0};
    struct augment_options o = small(16, 3);
    o.random_resized_crop = true;
    struct pipeline pipeline;
    prepare(&pipeline, &o);
    static uint8_t pixels[3 * 3000];
    memset(pixels, 77, sizeof pixels);
    float input[768];
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct picture picture = {pixels, shapes[i][0], shapes[i][1], 3};
        for (uint64_t sample = 0; sample < 50; sample++) {
            memset(input, 0, sizeof input);
            run(&pipeline, 0, sample, &picture, &scratch, input);
            for (int j = 0; j < 768; j++) assert_true(input[j] == 77);
        }
    }
    scratch_free(&scratch);
}

/* Grey pictures for an RGB network and the reverse; without any randomness training equals evaluation. */
static void colours_and_eval(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    for (int channels = 1; channels <= 3; channels += 2) {
        struct picture grey = noise(&arena, 33, 20, 1, 3, false), rgb = noise(&arena, 33, 20, 3, 3, false);
        struct augment_options o = small(16, channels);
        o.preprocess.resize = 18;
        struct pipeline pipeline;
        prepare(&pipeline, &o);
        float train[768], eval[768];
        const struct picture *pictures[] = {&grey, &rgb};
        for (int i = 0; i < 2; i++) {
            run(&pipeline, 0, 0, pictures[i], &scratch, train);
            assert_int_equal(pipeline_eval(&pipeline, pictures[i], &scratch, eval), SK_OK);
            assert_memory_equal(train, eval, (size_t)(256 * channels) * sizeof(float));
        }
    }
    scratch_free(&scratch);
    arena_free(&arena);
}

static void refuses(void **state) {
    (void)state;
    struct pipeline pipeline;
    struct augment_options o = small(16, 3);
    prepare(&pipeline, &o);
    o.flip_probability = 1.5;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);
    o = small(16, 3);
    o.flip_probability = NAN;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);
    o = small(16, 3);
    o.random_resized_crop = o.random_crop = true;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);
    o.random_crop = false;
    o.scale_min = 0;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);
    o.scale_min = 0.5;
    o.ratio_max = 0.1;
    assert_int_equal(pipeline_prepare(&pipeline, &o), SK_EUSAGE);

    struct scratch scratch = {0};
    uint8_t pixels[27] = {0};
    struct picture tiny = {pixels, 3, 3, 3};
    float input[768];
    o = small(16, 3);
    o.random_crop = true;
    o.padding = 6;
    prepare(&pipeline, &o);
    struct sample_key key = {0};
    assert_int_equal(pipeline_train(&pipeline, &key, &tiny, &scratch, input), SK_EDATA);
    assert_non_null(strstr(sk_error(), "smaller than the crop of 16x16"));
    scratch_free(&scratch);
}

int main(void) {
    static int reflect = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crop_equals_torchvision),
        cmocka_unit_test(crops_and_flips),
        {"crops_and_flips_reflect", crops_and_flips, NULL, NULL, &reflect},
        cmocka_unit_test(randomness_by_address),
        cmocka_unit_test(filter_by_picture),
        cmocka_unit_test(resized_crop_shapes),
        cmocka_unit_test(colours_and_eval),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
