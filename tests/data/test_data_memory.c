/* test_data_memory.c — every allocation fails once: opening, decoding, augmenting and loading end in SK_EMEMORY.
 *
 * fails allocations. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "data/check.h"
#include "data/data_stats.h"
#include "data/decode.h"
#include "data/loader.h"
#include "data/png_write.h"
#include "shim/failing.h"

#define ROOT SCRATCH "/data_memory.tmp"

static void put(const char *path, const void *bytes, size_t size) {
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(path) - path), path);
    if (folder_make(folder) != SK_OK || file_replace(path, bytes, size) != SK_OK) fail_msg("%s", sk_error());
}

static int make_data(void **state) {
    (void)state;
    static const uint8_t images[16 + 12] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2};
    static const uint8_t labels[8 + 2] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    put(ROOT "/idx/train-images-idx3-ubyte", images, sizeof images);
    put(ROOT "/idx/train-labels-idx1-ubyte", labels, sizeof labels);
    struct arena arena = {0};
    for (int i = 0; i < 6; i++) {
        struct picture picture = noise(&arena, 9 + i, 12, 3, (uint32_t)i, false);
        struct text text = {0};
        char path[512];
        snprintf(path, sizeof path, ROOT "/folder/%s/%d.png", i % 2 ? "b" : "a", i);
        assert_int_equal(encode_png(&picture, &text), SK_OK);
        put(path, text.data, text.length);
        text_free(&text);
    }
    arena_free(&arena);
    return 0;
}

/* Run `work` with the 1st, 2nd, … allocation failing until none is left to fail. */
static void each_allocation(sk_status (*work)(void), long at_least) {
    for (long n = 1;; n++) {
        status_clear();
        fail_allocation(n);
        sk_status status = work();
        bool failed = allocation_failed();
        fail_allocation(0);
        if (!failed) {
            if (status != SK_OK) fail_msg("%s", sk_error());
            assert_true(n > at_least);
            return;
        }
        if (status != SK_EMEMORY) fail_msg("allocation %ld: status %d, \"%s\"", n, (int)status, sk_error());
        assert_true(sk_error()[0] != 0);
    }
}

static sk_status open_idx(void) {
    struct dataset *dataset;
    struct data_options options = {.val_fraction = -1};
    sk_status status = dataset_open(&dataset, "idx:" ROOT "/idx", &options);
    if (status == SK_OK)
        dataset_free(dataset);
    else
        assert_null(dataset);
    return status;
}

static sk_status open_folder(void) {
    struct dataset *dataset;
    struct data_options options = {.share = {0.5, 0.25, 0.25}, .near_duplicates = true};
    sk_status status = dataset_open(&dataset, "folder:" ROOT "/folder", &options);
    if (status == SK_OK) dataset_free(dataset);
    return status;
}

static sk_status decode_all(void) {
    static const char *const names[] = {"turned6.jpg", "cmyk.jpg", "grey16.png", "turned6.webp"};
    struct scratch scratch = {0};
    sk_status status = SK_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == SK_OK; i++) {
        char path[512];
        snprintf(path, sizeof path, FIXTURES "/data/pictures/%s", names[i]);
        struct file_bytes bytes;
        struct picture picture;
        struct decode_options options = {.exif = EXIF_APPLY};
        status = file_map(path, &bytes);
        if (status == SK_OK) status = decode_picture(bytes.data, bytes.size, path, &options, &scratch, &picture);
        file_unmap(&bytes);
    }
    scratch_free(&scratch);
    return status;
}

static int workers;

static sk_status load(void) {
    struct augment_options o = augment_default();
    o.preprocess.crop_height = o.preprocess.crop_width = 8;
    o.random_resized_crop = true;
    o.flip_probability = 1;
    struct pipeline pipeline;
    TRY(pipeline_prepare(&pipeline, &o));
    struct dataset *dataset;
    struct data_options options = {.val_fraction = -1};
    TRY(dataset_open(&dataset, "folder:" ROOT "/folder", &options));
    struct loader_options how = {
        .dataset = dataset, .pipeline = &pipeline, .batch_size = 2, .workers = workers, .train = true, .end = 1};
    struct loader *loader;
    sk_status status = loader_new(&loader, &how);
    const struct batch *batch = NULL;
    if (status == SK_OK) {
        do status = loader_next(loader, &batch);
        while (status == SK_OK && batch);
        loader_free(loader);
    }
    dataset_free(dataset);
    return status;
}

/* Twins, a format that is not read and a hidden file give the checks something to say. */
static sk_status check(void) {
    struct check check = {0};
    struct check_options options = {0};
    TRY(team_new(&options.team, 1));
    sk_status status = check_run(&check, "folder:" ROOT "/faults", &options);
    if (status == SK_OK) assert_int_equal(check.finding_count, 10);
    check_free(&check);
    team_free(options.team);
    return status;
}

static sk_status statistics(void) {
    struct dataset *dataset;
    struct data_options options = {.val_fraction = -1};
    struct stats_options how = {0};
    struct arena arena = {0};
    struct data_stats stats;
    TRY(dataset_open(&dataset, "folder:" ROOT "/folder", &options));
    sk_status status = team_new(&how.team, 1);
    if (status == SK_OK) status = data_stats(&arena, dataset, &how, &stats);
    team_free(how.team);
    arena_free(&arena);
    dataset_free(dataset);
    return status;
}

static void checking(void **state) {
    (void)state;
    struct arena arena = {0};
    for (int i = 0; i < 4; i++) {
        struct picture picture = noise(&arena, 40, 40, 3, (uint32_t)i / 2, false);
        struct text png = {0};
        assert_int_equal(encode_png(&picture, &png), SK_OK);
        put(arena_printf(&arena, ROOT "/faults/train/%s/%d.png", i % 3 ? "a" : "b", i), png.data, png.length);
        put(arena_printf(&arena, ROOT "/faults/val/a/%d.png", i), png.data, png.length - (i > 0 ? 30 : 0));
        text_free(&png);
    }
    put(ROOT "/faults/train/a/moving.gif", "GIF89a", 6);
    put(ROOT "/faults/train/a/.hidden", "", 0);
    arena_free(&arena);
    each_allocation(check, 6);
    each_allocation(statistics, 4);
}

static void opening(void **state) {
    (void)state;
    each_allocation(open_idx, 2);
    each_allocation(open_folder, 1);
}

static void decoding(void **state) {
    (void)state;
    each_allocation(decode_all, 3);
}

static void loading(void **state) {
    (void)state;
    for (workers = 0; workers <= 2; workers += 2) each_allocation(load, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(decoding),
        cmocka_unit_test(loading),
        cmocka_unit_test(checking),
    };
    return cmocka_run_group_tests(tests, make_data, NULL);
}
