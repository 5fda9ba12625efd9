/* test_skip.c — corrupt pictures: who takes their place is the same whoever reads, and evaluations leave them out.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "base/file.h"
#include "data/loader.h"
#include "data/png_write.h"
#include "data/skip.h"

#define ROOT SCRATCH "/skip.tmp"
enum { PER_CLASS = 9, CLASSES = 2, COUNT = PER_CLASS * CLASSES, BATCH = 5 };

static bool is_bad(int i) {
    return i == 3 || i == 4 || i == PER_CLASS - 1 || i == PER_CLASS + 2;
}

static void put(const char *path, const void *bytes, size_t size) {
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(path) - path), path);
    if (folder_make(folder) != SK_OK || file_replace(path, bytes, size) != SK_OK) fail_msg("%s", sk_error());
}

/* Picture i is cut short where it is bad; class b where `all_bad`: every one. */
static void make_data(bool all_bad) {
    struct arena arena = {0};
    if (file_exists(ROOT)) assert_int_equal(folder_remove(ROOT), SK_OK);
    for (int i = 0; i < COUNT; i++) {
        struct picture picture = noise(&arena, 20, 20, 3, (uint32_t)i + 1, false);
        struct text text = {0};
        char path[512];
        snprintf(path, sizeof path, ROOT "/%c/%02d.png", i < PER_CLASS ? 'a' : 'b', i);
        assert_int_equal(encode_png(&picture, &text), SK_OK);
        put(path, text.data, is_bad(i) || (all_bad && i >= PER_CLASS) ? text.length / 2 : text.length);
        text_free(&text);
    }
    arena_free(&arena);
}

/* One epoch, flat. */
struct epoch {
    float images[COUNT + BATCH][8 * 8 * 3];
    uint32_t indices[COUNT + BATCH], skipped[COUNT + BATCH];
    int32_t labels[COUNT + BATCH];
    int count, skipped_count;
};

static sk_status run(struct epoch *e, int workers, bool train, bool skip) {
    struct augment_options o = augment_default();
    o.preprocess.crop_height = o.preprocess.crop_width = 8;
    o.random_resized_crop = true;
    struct pipeline pipeline;
    TRY(pipeline_prepare(&pipeline, &o));
    struct dataset *dataset;
    struct data_options options = {.val_fraction = -1};
    TRY(dataset_open(&dataset, "folder:" ROOT, &options));
    struct loader_options how = {.dataset = dataset,
                                 .pipeline = &pipeline,
                                 .batch_size = BATCH,
                                 .workers = workers,
                                 .train = train,
                                 .skip_corrupt = skip,
                                 .seed = 7,
                                 .end = 1};
    struct loader *loader;
    memset(e, 0, sizeof *e);
    assert_int_equal(loader_new(&loader, &how), SK_OK);
    const struct batch *batch;
    sk_status status;
    while ((status = loader_next(loader, &batch)) == SK_OK && batch) {
        for (int i = 0; i < batch->count; i++, e->count++) {
            memcpy(e->images[e->count], batch->images + (size_t)i * 192, 192 * sizeof(float));
            e->indices[e->count] = batch->indices[i];
            e->labels[e->count] = batch->labels[i];
            assert_int_equal(batch->labels[i], dataset_label(dataset, DATA_TRAIN, batch->indices[i]));
        }
        for (int i = batch->count * 192; i < BATCH * 192; i++) assert_true(batch->images[i] == 0);
        for (int i = 0; i < batch->skipped_count; i++) {
            assert_non_null(strstr(batch->skipped[i].sentence, ".png"));
            e->skipped[e->skipped_count++] = batch->skipped[i].index;
        }
    }
    loader_free(loader);
    dataset_free(dataset);
    return status;
}

static struct epoch first, other;

static void trains_on(void **state) {
    (void)state;
    make_data(false);
    assert_int_equal(run(&first, 0, true, true), SK_OK);
    assert_int_equal(first.count, COUNT);
    assert_int_equal(first.skipped_count, 4);
    int of_class[2] = {0};
    for (int i = 0; i < COUNT; i++) {
        assert_false(is_bad((int)first.indices[i]));
        of_class[first.labels[i]]++;
    }
    assert_true(of_class[0] == PER_CLASS && of_class[1] == PER_CLASS); /* others of the same class */
    int fives = 0, zeros = 0;
    for (int i = 0; i < COUNT; i++) fives += first.indices[i] == 5, zeros += first.indices[i] == 0;
    assert_int_equal(fives, 3); /* itself, and for 3 and 4 */
    assert_int_equal(zeros, 2); /* itself, and for the class's last */
    for (int workers = 1; workers < 4; workers++) {
        assert_int_equal(run(&other, workers, true, true), SK_OK);
        assert_memory_equal(&first, &other, sizeof first);
    }
    assert_int_equal(run(&other, 2, true, false), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), ".png"));
}

static void evaluates(void **state) {
    (void)state;
    make_data(false);
    assert_int_equal(run(&first, 0, false, true), SK_OK);
    assert_int_equal(first.count, COUNT - 4);
    assert_int_equal(first.skipped_count, 4);
    for (int i = 0, at = 0; i < COUNT; i++)
        if (!is_bad(i)) assert_int_equal(first.indices[at++], i);
    for (int workers = 1; workers < 4; workers++) {
        assert_int_equal(run(&other, workers, false, true), SK_OK);
        assert_memory_equal(&first, &other, sizeof first);
    }
    assert_int_equal(run(&other, 2, false, false), SK_EFORMAT);
}

static void gives_up(void **state) {
    (void)state;
    make_data(true);
    assert_int_equal(run(&first, 2, true, true), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "no other picture of class \"b\""));
    assert_int_equal(run(&first, 2, false, true), SK_OK); /* a batch of none among them */
    assert_int_equal(first.count, PER_CLASS - 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_on),
        cmocka_unit_test(evaluates),
        cmocka_unit_test(gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
