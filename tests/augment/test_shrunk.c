/* test_shrunk.c — crops of pictures that their decoder has shrunk: where they lie, and how far fast decoding is from exact.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "augment/augment.h"
#include "augment/resize.h"
#include "base/rng.h"
#include "data/decode.h"
#include "ok.h"

enum { SIDE = 256, TO = 24, EDGE = 4 };

/* Light rises by one a row, or falls by one a column, so that a shift of a pixel shows as a level. */
static int slope(bool down, int y, int x) {
    return down ? y : SIDE - 1 - x;
}

/* What a decoder gives that shrinks: means of squares, from (top,left) on. */
static void shrunk(bool slopes_down, int shrink, int top, int left, struct picture *picture) {
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) {
            int sum = 0;
            for (int i = 0; i < shrink * shrink; i++)
                sum += slope(slopes_down, top + y * shrink + i / shrink, left + x * shrink + i % shrink);
            picture->pixels[y * picture->width + x] = (uint8_t)((sum + shrink * shrink / 2) / (shrink * shrink));
        }
}

static void parts_lie_where_they_should(void **state) {
    (void)state;
    static uint8_t whole_pixels[SIDE * SIDE], part_pixels[SIDE * SIDE];
    struct picture whole = {whole_pixels, SIDE, SIDE, 1}, want, got;
    struct scratch exact = {0}, fast = {0};
    struct rng rng = rng_at(21, RNG_TEST, 0, 0);
    for (int i = 0; i < 600; i++) {
        int shrink = 2 << i % 3;
        bool slopes_down = i / 6 % 2;
        shrunk(slopes_down, 1, 0, 0, &whole);
        enum resize_filter filter = i % 2 ? RESIZE_BILINEAR : RESIZE_BICUBIC;
        struct picture_box box = {.height = TO * shrink + (int)rng_below(&rng, (uint64_t)(SIDE - TO * shrink + 1)),
                                  .width = TO * shrink + (int)rng_below(&rng, (uint64_t)(SIDE - TO * shrink + 1))};
        box.top = (int)rng_below(&rng, (uint64_t)(SIDE - box.height + 1));
        box.left = (int)rng_below(&rng, (uint64_t)(SIDE - box.width + 1));
        struct picture_part part = {SIDE, SIDE, box.top / shrink * shrink, box.left / shrink * shrink, shrink};
        struct picture small = {part_pixels, (box.top + box.height - part.top + shrink - 1) / shrink,
                                (box.left + box.width - part.left + shrink - 1) / shrink, 1};
        shrunk(slopes_down, shrink, part.top, part.left, &small);
        fast.part = part;
        ok(resize_part(&whole, &box, TO, TO, filter, &exact, &want));
        ok(resize_part(&small, &box, TO, TO, filter, &fast, &got));
        for (int p = 0; p < TO * TO; p++) {
            /* Pixels that the box cuts through are whole ones of the shrunk picture. */
            int across = p % TO, down = p / TO;
            bool edge = across < EDGE || across >= TO - EDGE || down < EDGE || down >= TO - EDGE;
            if (abs(got.pixels[p] - want.pixels[p]) > (edge ? shrink : 1 + shrink / 8))
                fail_msg("shrunk by %d, box %dx%d at %d,%d: pixel %d is %d, expected %d", shrink, box.height, box.width,
                         box.top, box.left, p, got.pixels[p], want.pixels[p]);
        }
    }
    scratch_free(&exact);
    scratch_free(&fast);
}

/* Soft shapes and fine grain in colour, quality 90, 4:2:0. */
static size_t scene(struct rng *rng, int height, int width, unsigned char **bytes) {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    uint8_t *row = block_new((size_t)width * 3);
    *bytes = NULL;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, bytes, &size);
    info.image_height = (JDIMENSION)height;
    info.image_width = (JDIMENSION)width;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 90, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < 3 * width; x++) {
            int c = x % 3, light = (x / 3 * (2 + c) + y * (4 - c)) % 510;
            light = (light < 255 ? light : 509 - light) * 3 / 4 + 24 + (int)rng_below(rng, 16);
            row[x] = (uint8_t)light;
        }
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    block_free(row);
    return size;
}

static void read_one(struct pipeline *pipeline, const unsigned char *bytes, size_t size, uint32_t sample, bool fast,
                     struct scratch *scratch, float *input) {
    struct sample_key key = {.seed = 5, .sample = sample};
    struct decode_options options = {.exif = EXIF_APPLY};
    struct pipeline_wish wish;
    struct picture picture;
    pipeline->options.fast_decode = fast;
    pipeline_wish(&wish, pipeline, &key);
    scratch->wish = &wish.wish;
    ok(decode_picture(bytes, size, "scene", &options, scratch, &picture));
    scratch->wish = NULL;
    ok(pipeline_train(pipeline, &key, &picture, scratch, input));
}

/* The mean difference in levels of 0 … 255, with crops brought to `to` pixels; *shrunk: how many were shrunk. */
static double difference(const unsigned char *bytes, size_t size, int to, int crops, int *shrunk_crops) {
    struct augment_options options = augment_default();
    struct pipeline pipeline;
    struct scratch scratch = {0};
    int64_t count = (int64_t)to * to * 3;
    float *exact = block_new((size_t)count * sizeof *exact), *fast = block_new((size_t)count * sizeof *fast);
    double sum = 0;
    options.random_resized_crop = true;
    options.preprocess.crop_height = options.preprocess.crop_width = to;
    options.preprocess.divisor = 1;
    for (int c = 0; c < 3; c++) options.preprocess.mean[c] = 0, options.preprocess.std[c] = 1;
    ok(pipeline_prepare(&pipeline, &options));
    for (int i = 0; i < crops; i++) {
        read_one(&pipeline, bytes, size, (uint32_t)i, false, &scratch, exact);
        assert_true(scratch.part.shrink <= 1);
        read_one(&pipeline, bytes, size, (uint32_t)i, true, &scratch, fast);
        bool is = scratch.part.shrink > 1;
        *shrunk_crops += is;
        for (int64_t p = 0; p < count; p++) {
            double apart = (double)exact[p] - (double)fast[p];
            sum += apart < 0 ? -apart : apart;
            if (!is) assert_true(apart == 0); /* unshrunk, fast decoding has all the bits */
        }
    }
    block_free(exact);
    block_free(fast);
    scratch_free(&scratch);
    return sum / (double)count / crops;
}

static void fast_is_near(void **state) {
    (void)state;
    static const struct {
        int to;
        bool shrinks;
        double most;
    } cases[] = {{224, false, 0}, {112, true, 1}, {56, true, 1.5}, {28, true, 2}};
    struct rng rng = rng_at(22, RNG_TEST, 0, 0);
    unsigned char *bytes;
    size_t size = scene(&rng, 375, 500, &bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int shrunk_crops = 0;
        double mean = difference(bytes, size, cases[i].to, 40, &shrunk_crops);
        if (getenv("SHOW")) printf("%d: %d shrunk, %.3f\n", cases[i].to, shrunk_crops, mean);
        assert_int_equal(shrunk_crops > 0, cases[i].shrinks);
        if (mean > cases[i].most) fail_msg("to %d: %.3f levels apart on average", cases[i].to, mean);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_lie_where_they_should),
        cmocka_unit_test(fast_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
