/* test_stats.c — statistics of pictures equal sums in double over the same pixels, by any number of threads.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/noise.h"
#include "data/png_write.h"
#include "data/data_stats.h"

enum { PICTURES = 12 };

static const char folder[] = SCRATCH "/stats_pictures";

/* Sizes and channels differ; picture 3 is grey. */
static struct picture picture_of(struct arena *arena, int i) {
    return noise(arena, 20 + i, 30 - 2 * i, i == 3 ? 1 : 3, (uint32_t)i, false);
}

static void write_pictures(struct arena *arena) {
    assert_int_equal(folder_remove(folder), SK_OK);
    for (int i = 0; i < PICTURES; i++) {
        struct picture picture = picture_of(arena, i);
        struct text png = {0};
        const char *class = i < 8 ? "many" : "few";
        assert_int_equal(folder_make(arena_printf(arena, "%s/%s", folder, class)), SK_OK);
        assert_int_equal(encode_png(&picture, &png), SK_OK);
        assert_int_equal(file_replace(arena_printf(arena, "%s/%s/%02d.png", folder, class, i), png.data, png.length),
                         SK_OK);
        text_free(&png);
    }
}

static struct data_stats stats_by(struct arena *arena, int threads, const struct preprocess *preprocess) {
    struct dataset *dataset;
    struct data_stats stats;
    struct stats_options options = {.part = DATA_TRAIN, .preprocess = preprocess};
    assert_int_equal(dataset_open(&dataset, folder, &(struct data_options){.val_fraction = -1}), SK_OK);
    assert_int_equal(team_new(&options.team, threads), SK_OK);
    if (data_stats(arena, dataset, &options, &stats) != SK_OK) fail_msg("%s", sk_error());
    team_free(options.team);
    dataset_free(dataset);
    return stats;
}

static void equal_sums_in_double(void **state) {
    (void)state;
    struct arena arena = {0};
    double sum[3] = {0}, squares[3] = {0}, pixels = 0;
    write_pictures(&arena);
    for (int i = 0; i < PICTURES; i++) {
        struct picture picture = picture_of(&arena, i);
        for (int k = 0; k < picture.height * picture.width; k++)
            for (int c = 0; c < 3; c++) {
                double value = picture.pixels[k * picture.channels + (picture.channels == 1 ? 0 : c)] / 255.0;
                sum[c] += value, squares[c] += value * value;
            }
        pixels += picture.height * picture.width;
    }
    struct data_stats stats = stats_by(&arena, 1, NULL);
    assert_true((double)stats.whole.pixels == pixels);
    assert_int_equal(stats.seen.pixels, 0);
    for (int c = 0; c < 3; c++) {
        double mean = sum[c] / pixels;
        assert_true(fabs(sums_mean(&stats.whole, c) - mean) < 1e-12);
        assert_true(fabs(sums_deviation(&stats.whole, c) - sqrt(squares[c] / pixels - mean * mean)) < 1e-12);
    }
    assert_int_equal(stats.pictures, PICTURES);
    assert_int_equal(stats.grey, 1);
    assert_int_equal(stats.channels, 3);
    assert_int_equal(stats.class_counts[0], 4); /* "few" comes before "many" */
    assert_int_equal(stats.class_counts[1], 8);
    assert_int_equal(stats.height.least, 20);
    assert_int_equal(stats.height.median, 26);
    assert_int_equal(stats.height.most, 31);
    assert_int_equal(stats.width.least, 8);
    assert_int_equal(stats.width.most, 30);
    assert_int_equal(stats.format_count, 1);
    assert_string_equal(stats.formats[0].name, "PNG");
    assert_int_equal(stats.formats[0].count, PICTURES);
    uint32_t by_aspect[STATS_ASPECTS] = {0};
    for (int i = 0; i < PICTURES; i++) {
        double aspect = (30.0 - 2 * i) / (20 + i);
        int k = 0;
        while (aspect > stats_aspect_edge(k)) k++;
        by_aspect[k]++;
    }
    assert_memory_equal(by_aspect, stats.aspects, sizeof by_aspect);
    assert_true(by_aspect[0] > 0 && by_aspect[3] > 0 && by_aspect[6] == 0);
    arena_free(&arena);
}

/* As a network sees them: the very pixels of preprocess_geometry; and no thread changes a digit. */
static void equal_what_preprocessing_gives(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    struct preprocess preprocess = preprocess_default();
    preprocess.resize = 16;
    preprocess.crop_height = 14, preprocess.crop_width = 12;
    write_pictures(&arena);
    uint64_t sum = 0;
    for (int i = 0; i < PICTURES; i++) {
        struct picture picture = picture_of(&arena, i), seen;
        assert_int_equal(preprocess_geometry(&preprocess, &picture, &scratch, &seen), SK_OK);
        for (int k = 0; k < 14 * 12; k++) sum += seen.pixels[3 * k + 1];
    }
    struct data_stats one = stats_by(&arena, 1, &preprocess), three = stats_by(&arena, 3, &preprocess);
    assert_int_equal(one.seen.pixels, PICTURES * 14 * 12);
    assert_int_equal(one.seen.sum[1], sum);
    assert_memory_equal(&one.seen, &three.seen, sizeof one.seen);
    assert_memory_equal(&one.whole, &three.whole, sizeof one.whole);
    scratch_free(&scratch);
    arena_free(&arena);
}

static void broken_picture_is_named(void **state) {
    (void)state;
    struct arena arena = {0};
    struct dataset *dataset;
    struct data_stats stats;
    struct stats_options options = {.part = DATA_TRAIN};
    write_pictures(&arena);
    assert_int_equal(file_replace(SCRATCH "/stats_pictures/few/broken.png", "x", 1), SK_OK);
    assert_int_equal(dataset_open(&dataset, folder, &(struct data_options){.val_fraction = -1}), SK_OK);
    assert_int_equal(team_new(&options.team, 2), SK_OK);
    assert_int_equal(data_stats(&arena, dataset, &options, &stats), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "few/broken.png"));
    assert_non_null(strstr(sk_error(), "siskin data check"));
    team_free(options.team);
    dataset_free(dataset);
    arena_free(&arena);
    assert_int_equal(folder_remove(folder), SK_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sums_in_double),
        cmocka_unit_test(equal_what_preprocessing_gives),
        cmocka_unit_test(broken_picture_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
