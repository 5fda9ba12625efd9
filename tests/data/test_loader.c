/* test_loader.c — the same bytes for 0, 1, 2 and 5 workers; every picture once; seek, end, failures and early ends.
 *
 * Run under the thread sanitizer too. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "data/loader.h"
#include "data/png_write.h"

#define ROOT SCRATCH "/loader.tmp"
enum { COUNT = 103, SIDE = 6 };

static struct dataset *memory; /* COUNT pictures of 6 x 6 as IDX; the first byte is the number */
static struct dataset *files;  /* 2 x 9 PNG files of odd sizes */

static void put(const char *path, const void *bytes, size_t size) {
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(path) - path), path);
    if (folder_make(folder) != SK_OK || file_replace(path, bytes, size) != SK_OK) fail_msg("%s", sk_error());
}

static struct dataset *open_data(const char *spec) {
    struct dataset *dataset = NULL;
    struct data_options options = {.val_fraction = -1};
    if (dataset_open(&dataset, spec, &options) != SK_OK) fail_msg("%s", sk_error());
    return dataset;
}

static int make_data(void **state) {
    (void)state;
    if (file_exists(ROOT) && folder_remove(ROOT) != SK_OK) fail_msg("%s", sk_error());
    uint8_t images[16 + COUNT * SIDE * SIDE] = {0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    uint8_t labels[8 + COUNT] = {0, 0, 8, 1, 0, 0, 0, COUNT};
    for (int i = 0; i < COUNT; i++) {
        labels[8 + i] = (uint8_t)(i % 7);
        for (int j = 0; j < SIDE * SIDE; j++) images[16 + i * SIDE * SIDE + j] = (uint8_t)(i + j);
    }
    put(ROOT "/idx/train-images-idx3-ubyte", images, sizeof images);
    put(ROOT "/idx/train-labels-idx1-ubyte", labels, sizeof labels);
    struct arena arena = {0};
    for (int i = 0; i < 18; i++) {
        struct picture picture = noise(&arena, 20 + i * 3, 41 - i, i % 5 ? 3 : 1, (uint32_t)i, false);
        struct text text = {0};
        char path[512];
        snprintf(path, sizeof path, ROOT "/folder/%s/%02d.png", i % 2 ? "b" : "a", i);
        assert_int_equal(encode_png(&picture, &text), SK_OK);
        put(path, text.data, text.length);
        text_free(&text);
    }
    arena_free(&arena);
    memory = open_data(ROOT "/idx");
    files = open_data(ROOT "/folder");
    return 0;
}

static int drop_data(void **state) {
    (void)state;
    dataset_free(memory);
    dataset_free(files);
    return 0;
}

static struct pipeline small_pipeline(void) {
    struct augment_options o = augment_default();
    o.preprocess.resize = 0;
    o.preprocess.crop_height = o.preprocess.crop_width = SIDE;
    o.preprocess.channels = 1;
    o.preprocess.divisor = 1;
    o.preprocess.mean[0] = 0;
    o.preprocess.std[0] = 1;
    o.random_crop = true;
    o.padding = 2;
    o.flip_probability = 0.5;
    if (policy_from_timm("augmix-m8", &o.policy) != SK_OK) fail_msg("%s", sk_error());
    struct pipeline pipeline;
    if (pipeline_prepare(&pipeline, &o) != SK_OK) fail_msg("%s", sk_error());
    return pipeline;
}

static struct pipeline file_pipeline(void) {
    struct augment_options o = augment_default();
    o.preprocess.resize = 18;
    o.preprocess.crop_height = o.preprocess.crop_width = 16;
    o.random_resized_crop = true;
    o.flip_probability = 0.5;
    if (policy_from_timm("rand-m9-mstd0.5-inc1", &o.policy) != SK_OK) fail_msg("%s", sk_error());
    for (int i = 0; i < JITTER_PARTS; i++) o.jitter[i] = 0.2;
    struct pipeline pipeline;
    if (pipeline_prepare(&pipeline, &o) != SK_OK) fail_msg("%s", sk_error());
    return pipeline;
}

static struct loader *new_loader(const struct loader_options *options) {
    struct loader *loader = NULL;
    if (loader_new(&loader, options) != SK_OK) fail_msg("%s", sk_error());
    return loader;
}

static const struct batch *next(struct loader *loader) {
    const struct batch *batch = NULL;
    if (loader_next(loader, &batch) != SK_OK) fail_msg("%s", sk_error());
    return batch;
}

/* One hash of everything a loader gives until its end. */
static uint64_t digest(const struct loader_options *options, uint64_t pause_every) {
    struct loader *loader = new_loader(options);
    size_t size = (size_t)pipeline_size(options->pipeline) * (size_t)options->batch_size;
    uint64_t h = 1, n = 0;
    for (const struct batch *b; (b = next(loader)); n++) {
        char text[17];
        const void *parts[] = {b->images, b->labels, b->indices, &b->count, &b->epoch, &b->number};
        const size_t sizes[] = {size * 4,
                                4 * (size_t)options->batch_size,
                                4 * (size_t)options->batch_size,
                                sizeof b->count,
                                sizeof b->epoch,
                                sizeof b->number};
        for (int i = 0; i < 6; i++) {
            fnv(parts[i], sizes[i], text);
            h = h * 1000003 + strtoull(text, NULL, 16);
        }
        if (pause_every && n % pause_every == 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_null(next(loader)); /* and stays at the end */
    loader_free(loader);
    return h ^ n;
}

static void workers_change_no_bit(void **state) {
    (void)state;
    static const int workers[] = {0, 1, 2, 5};
    struct pipeline small = small_pipeline(), file = file_pipeline();
    for (int kind = 0; kind < 4; kind++) {
        struct loader_options o = {.dataset = kind < 2 ? memory : files,
                                   .part = DATA_TRAIN,
                                   .batch_size = 10,
                                   .pipeline = kind < 2 ? &small : &file,
                                   .seed = 3,
                                   .train = kind % 2 == 0,
                                   .end = 4};
        uint64_t expected = 0;
        for (int i = 0; i < 4; i++) {
            o.workers = workers[i];
            for (o.prefetch = 0; o.prefetch < 8; o.prefetch += 3) {
                uint64_t h = digest(&o, o.prefetch ? 5 : 0);
                if (i == 0 && o.prefetch == 0) expected = h;
                assert_true(h == expected);
            }
        }
        o.seed = 4;
        assert_true((digest(&o, 0) == expected) == !o.train); /* the seed matters to training alone */
    }
}

static void every_picture_once(void **state) {
    (void)state;
    struct pipeline pipeline = small_pipeline();
    struct scratch scratch = {0};
    for (int train = 0; train < 2; train++) {
        struct loader_options o = {.dataset = memory,
                                   .pipeline = &pipeline,
                                   .batch_size = 16,
                                   .workers = 2,
                                   .seed = 1,
                                   .train = train,
                                   .end = 3};
        struct loader *loader = new_loader(&o);
        assert_int_equal(loader_batches(loader), 7);
        assert_int_equal(loader_pictures(loader), COUNT);
        uint32_t first_order[COUNT] = {0};
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            int seen[COUNT] = {0}, same = 0, total = 0;
            for (int64_t number = 0; number < 7; number++) {
                const struct batch *b = next(loader);
                assert_true(b->epoch == epoch && b->number == number && b->last == (number == 6));
                assert_int_equal(b->count, number == 6 ? COUNT - 96 : 16);
                for (int i = 0; i < b->count; i++, total++) {
                    uint32_t index = b->indices[i];
                    seen[index]++;
                    assert_int_equal(b->labels[i], index % 7);
                    if (!train) {
                        assert_int_equal(index, number * 16 + i);
                        assert_true(b->images[i * SIDE * SIDE + 5] == (float)(index + 5)); /* not augmented */
                    }
                    if (train) { /* the picture's random numbers are addressed by its index in the part */
                        struct picture picture;
                        float input[SIDE * SIDE];
                        struct sample_key key = {.seed = 1, .epoch = epoch, .sample = index};
                        assert_int_equal(dataset_read(memory, DATA_TRAIN, index, NULL, &picture), SK_OK);
                        assert_int_equal(pipeline_train(&pipeline, &key, &picture, &scratch, input), SK_OK);
                        assert_memory_equal(b->images + i * SIDE * SIDE, input, sizeof input);
                    }
                    if (epoch == 0)
                        first_order[total] = index;
                    else
                        same += first_order[total] == index;
                }
                for (int i = b->count * SIDE * SIDE; i < 16 * SIDE * SIDE; i++) assert_true(b->images[i] == 0);
            }
            for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i], 1);
            if (epoch > 0 && train) assert_in_range(same, 0, 10); /* another order every epoch */
        }
        assert_null(next(loader));
        loader_free(loader);
    }
    scratch_free(&scratch);
}

static void drop_last(void **state) {
    (void)state;
    struct pipeline pipeline = small_pipeline();
    struct loader_options o = {
        .dataset = memory, .pipeline = &pipeline, .batch_size = 50, .train = true, .drop_last = true, .end = 2};
    struct loader *loader = new_loader(&o);
    assert_int_equal(loader_batches(loader), 2);
    assert_int_equal(loader_pictures(loader), 100);
    int batches = 0;
    for (const struct batch *b; (b = next(loader)); batches++) {
        assert_int_equal(b->count, 50);
        assert_int_equal(b->last, batches % 2);
    }
    assert_int_equal(batches, 4);
    loader_free(loader);
    o.batch_size = COUNT + 1;
    assert_int_equal(loader_new(&loader, &o), SK_EDATA);
    assert_non_null(strstr(sk_error(), "less than one batch"));
}

/* Starting or seeking in the middle gives what comes there anyway. */
static void resume_and_seek(void **state) {
    (void)state;
    struct pipeline pipeline = small_pipeline();
    enum { BATCHES = 14, BYTES = 16 * SIDE * SIDE * 4 };
    for (int workers = 0; workers < 3; workers += 2) {
        struct loader_options o = {.dataset = memory,
                                   .pipeline = &pipeline,
                                   .batch_size = 16,
                                   .workers = workers,
                                   .seed = 9,
                                   .train = true,
                                   .end = 2};
        static float all[BATCHES][BYTES / 4];
        struct loader *loader = new_loader(&o);
        for (int i = 0; i < BATCHES; i++) memcpy(all[i], next(loader)->images, BYTES);
        for (int i = BATCHES; i >= 0; i--) {
            assert_int_equal(loader_seek(loader, (uint64_t)i / 7, i % 7, 2), SK_OK);
            const struct batch *b = next(loader);
            if (i == BATCHES)
                assert_null(b);
            else
                assert_memory_equal(b->images, all[i], BYTES);
        }
        assert_int_equal(loader_seek(loader, 0, 7, 2), SK_OK); /* after the last batch: the next epoch */
        assert_memory_equal(next(loader)->images, all[7], BYTES);
        assert_int_equal(loader_seek(loader, 0, 8, 2), SK_EUSAGE);
        loader_free(loader);
        o.epoch = 1;
        o.batch = 3;
        loader = new_loader(&o);
        assert_memory_equal(next(loader)->images, all[10], BYTES);
        loader_free(loader);
    }
}

/* Leave at any moment, with full rings, workers at work, or nothing taken. */
/* timm's prefetcher: what is mixed are bytes, and what comes of it are bytes, normalised; boxes that are cut out have the bits
 * of mixing normalised numbers; workers change nothing. */
static void bytes_are_mixed(void **state) {
    (void)state;
    struct pipeline pipeline = file_pipeline();
    struct mix_options mix = {.of = MIX_OF_TIMM, .mode = MIX_ELEMENT, .mixup = 0.8, .probability = 1, .rounded = true};
    struct loader_options o = {.dataset = files,
                               .pipeline = &pipeline,
                               .part = DATA_TRAIN,
                               .batch_size = 4,
                               .seed = 5,
                               .train = true,
                               .drop_last = true,
                               .mix = &mix,
                               .end = 1};
    struct loader *loader = new_loader(&o);
    const struct normalise_table *table = &pipeline.table;
    int64_t size = pipeline_size(&pipeline), mixed = 0;
    const struct batch *b = next(loader);
    for (int64_t j = 0; j < size * b->count; j++) {
        int found = 0;
        for (int v = 0; v < 256; v++) found += table->value[j % 3 * 256 + v] == b->images[j];
        assert_int_equal(found, 1);
    }
    for (int i = 0; i < b->count; i++) mixed += b->mix[i].kind == MIX_UP;
    assert_true(mixed > 0);
    loader_free(loader);
    uint64_t alone = digest(&o, 0);
    o.workers = 2;
    assert_true(digest(&o, 0) == alone);
    mix.mixup = 0, mix.cutmix = 1;
    uint64_t bytes = digest(&o, 0);
    mix.rounded = false;
    assert_true(digest(&o, 0) == bytes);
    mix.cutmix = 0, mix.mixup = 0.8;
    assert_true(digest(&o, 0) != alone);
}

static void early_ends(void **state) {
    (void)state;
    struct pipeline pipeline = file_pipeline();
    for (int i = 0; i < 60; i++) {
        struct loader_options o = {.dataset = files,
                                   .pipeline = &pipeline,
                                   .batch_size = 1 + i % 5,
                                   .workers = i % 4,
                                   .prefetch = i % 3,
                                   .train = true};
        struct loader *loader = new_loader(&o);
        for (int taken = 0; taken < i % 6; taken++) assert_non_null(next(loader));
        if (i % 3 == 0) nanosleep(&(struct timespec){.tv_nsec = 300000L * (i % 7)}, NULL);
        if (i % 5 == 0) assert_int_equal(loader_seek(loader, 3, 1, 4), SK_OK);
        assert_true(loader_waited(loader) >= 0);
        loader_free(loader);
    }
    loader_free(NULL);
}

/* One broken file: its sentence with its name, whatever the number of workers; then a seek past it goes on. */
static void failures_are_handed_over(void **state) {
    (void)state;
    const char *path = ROOT "/folder/b/11.png";
    struct file_bytes bytes;
    assert_int_equal(file_map(path, &bytes), SK_OK);
    uint8_t copy[8192];
    size_t size = bytes.size;
    assert_in_range(size, 100, sizeof copy);
    memcpy(copy, bytes.data, size);
    file_unmap(&bytes);
    put(path, copy, size / 2);
    struct pipeline pipeline = file_pipeline();
    for (int workers = 0; workers < 4; workers++) {
        struct loader_options o = {
            .dataset = files, .pipeline = &pipeline, .batch_size = 4, .workers = workers, .end = 1};
        struct loader *loader = new_loader(&o);
        const struct batch *batch;
        sk_status status;
        int good = 0;
        while ((status = loader_next(loader, &batch)) == SK_OK && batch) good++;
        assert_int_equal(status, SK_EFORMAT);
        assert_null(batch);
        assert_int_equal(good, 3); /* picture 14 is in batch 3 */
        if (!strstr(sk_error(), path)) fail_msg("%s", sk_error());
        assert_int_equal(loader_next(loader, &batch), SK_OK);
        assert_null(batch);
        assert_int_equal(loader_seek(loader, 0, 4, 1), SK_OK);
        assert_int_equal(next(loader)->count, 2);
        assert_int_equal(loader_damaged(loader), 0);
        loader_free(loader);
    }
    put(path, copy, size);
}

static void refuses(void **state) {
    (void)state;
    struct pipeline pipeline = small_pipeline();
    const struct loader_options sound = {.dataset = memory, .pipeline = &pipeline, .batch_size = 4};
    struct loader *loader;
    struct loader_options o = sound;
    o.part = DATA_VAL;
    assert_int_equal(loader_new(&loader, &o), SK_EDATA);
    assert_null(loader);
    o = sound;
    o.batch_size = 0;
    assert_int_equal(loader_new(&loader, &o), SK_EUSAGE);
    o = sound;
    o.workers = -1;
    assert_int_equal(loader_new(&loader, &o), SK_EUSAGE);
    o = sound;
    o.batch = 27;
    assert_int_equal(loader_new(&loader, &o), SK_EUSAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_change_no_bit),
        cmocka_unit_test(every_picture_once),
        cmocka_unit_test(drop_last),
        cmocka_unit_test(resume_and_seek),
        cmocka_unit_test(bytes_are_mixed),
        cmocka_unit_test(early_ends),
        cmocka_unit_test(failures_are_handed_over),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, make_data, drop_data);
}
