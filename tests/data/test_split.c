/* test_split.c — shares of every class, near-duplicates in one part, lists that say it again, each class equally often.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "augment/augment.h"
#include "augment/noise.h"
#include "base/file.h"
#include "data/data.h"
#include "data/epoch_order.h"
#include "data/loader.h"
#include "data/png_write.h"
#include "ok.h"

#define ROOT SCRATCH "/split.tmp"
enum { SIDE = 6 };

static void put(const char *path, const void *bytes, size_t size) {
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(path) - path), path);
    ok(folder_make(folder));
    ok(file_replace(path, bytes, size));
}

/* counts[class] pictures of each class, classes in turns while they last; the first byte of each is its number. */
static void put_idx(const char *folder, const char *part, const int *counts, int classes) {
    static uint8_t images[16 + 256 * SIDE * SIDE], labels[8 + 256];
    struct arena arena = {0};
    int left[16], n = 0, before;
    memcpy(left, counts, (size_t)classes * sizeof *left);
    do {
        before = n;
        for (int c = 0; c < classes; c++)
            if (left[c]-- > 0) labels[8 + n++] = (uint8_t)c;
    } while (n > before);
    const uint8_t image_head[16] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)n, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    const uint8_t label_head[8] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)n};
    memcpy(images, image_head, sizeof image_head);
    memcpy(labels, label_head, sizeof label_head);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < SIDE * SIDE; j++) images[16 + i * SIDE * SIDE + j] = (uint8_t)(i + j);
    put(arena_printf(&arena, "%s/%s-images-idx3-ubyte", folder, part), images, 16 + (size_t)(n * SIDE * SIDE));
    put(arena_printf(&arena, "%s/%s-labels-idx1-ubyte", folder, part), labels, 8 + (size_t)n);
    arena_free(&arena);
}

static struct dataset *open_data(const char *spec, const struct data_options *options) {
    struct dataset *dataset = NULL;
    ok(dataset_open(&dataset, spec, options));
    return dataset;
}

static int count_of(const struct dataset *d, enum data_part part, int class_index) {
    int count = 0;
    for (uint32_t i = 0; i < dataset_count(d, part); i++) count += dataset_label(d, part, i) == class_index;
    return count;
}

static void shares_of_every_class(void **state) {
    (void)state;
    static const int counts[] = {100, 40, 7};
    put_idx(ROOT "/shares", "train", counts, 3);
    struct data_options options = {.share = {0.7, 0.15, 0.15}, .seed = 5};
    struct dataset *d = open_data(ROOT "/shares", &options);
    static const int val[] = {15, 6, 1};
    for (int c = 0; c < 3; c++) {
        assert_int_equal(count_of(d, DATA_VAL, c), val[c]);
        assert_int_equal(count_of(d, DATA_TEST, c), val[c]);
        assert_int_equal(count_of(d, DATA_TRAIN, c), counts[c] - 2 * val[c]);
    }
    bool seen[147] = {false};
    for (int part = 0; part < DATA_PARTS; part++)
        for (uint32_t i = 0; i < dataset_count(d, (enum data_part)part); i++) {
            char name[64];
            int number = atoi(dataset_name(d, (enum data_part)part, i, name, sizeof name) + strlen("train/"));
            assert_true(number >= 0 && number < 147 && !seen[number]);
            seen[number] = true;
        }
    for (int i = 0; i < 147; i++) assert_true(seen[i]);
    assert_true(dataset_was_split(d) && !dataset_same_part(d, DATA_VAL, DATA_TEST));

    /* The lists say it again, in whatever way the data are opened. */
    ok(dataset_write_lists(d, ROOT "/lists"));
    struct dataset *again = open_data(ROOT "/shares", &(struct data_options){.lists = ROOT "/lists", .seed = 99});
    for (int part = 0; part < DATA_PARTS; part++) {
        assert_int_equal(dataset_count(d, (enum data_part)part), dataset_count(again, (enum data_part)part));
        for (uint32_t i = 0; i < dataset_count(d, (enum data_part)part); i++) {
            char a[64], b[64];
            assert_string_equal(dataset_name(d, (enum data_part)part, i, a, sizeof a),
                                dataset_name(again, (enum data_part)part, i, b, sizeof b));
        }
    }
    dataset_free(again);
    dataset_free(d);
    put(ROOT "/lists/val.txt", "train/147\n", 10);
    assert_int_equal(dataset_open(&d, ROOT "/shares", &(struct data_options){.lists = ROOT "/lists"}), SK_EDATA);
    assert_non_null(strstr(sk_error(), "train/147, which is not in"));
}

static void what_the_source_has_stays(void **state) {
    (void)state;
    static const int counts[] = {40, 40}, few[] = {5, 5};
    put_idx(ROOT "/own", "train", counts, 2);
    put_idx(ROOT "/own", "t10k", few, 2);
    struct data_options options = {.share = {0.6, 0.2, 0.2}};
    struct dataset *d = open_data(ROOT "/own", &options);
    assert_int_equal(dataset_count(d, DATA_TEST), 10);
    assert_int_equal(dataset_count(d, DATA_VAL), 20); /* 0.2 of 0.8 */
    assert_int_equal(dataset_count(d, DATA_TRAIN), 60);
    dataset_free(d);
    options = (struct data_options){.val_fraction = -1, .per_class = 12, .seed = 3};
    d = open_data(ROOT "/own", &options);
    assert_int_equal(count_of(d, DATA_TRAIN, 0), 12);
    assert_int_equal(count_of(d, DATA_TRAIN, 1), 12);
    assert_int_equal(dataset_count(d, DATA_VAL), 0);
    assert_int_equal(dataset_count(d, DATA_TEST), 10);
    dataset_free(d);
}

/* Every picture of train is validated in exactly one fold, and trained on in all others; test stays test. */
static void folds_are_the_whole(void **state) {
    (void)state;
    enum { FOLDS = 4, ALL = 40 + 7 };
    static const int counts[] = {40, 7}, few[] = {5, 5};
    int validated[ALL] = {0};
    put_idx(ROOT "/folds", "train", counts, 2);
    put_idx(ROOT "/folds", "t10k", few, 2);
    for (int fold = 1; fold <= FOLDS; fold++) {
        struct data_options options = {.fold = fold, .folds = FOLDS, .seed = 5};
        struct dataset *d = open_data(ROOT "/folds", &options);
        char name[64];
        assert_int_equal(dataset_count(d, DATA_TEST), 10);
        assert_false(dataset_same_part(d, DATA_VAL, DATA_TEST));
        assert_int_equal(dataset_count(d, DATA_TRAIN) + dataset_count(d, DATA_VAL), ALL);
        assert_int_equal(count_of(d, DATA_VAL, 0), 10);
        assert_in_range(count_of(d, DATA_VAL, 1), 1, 2);
        for (uint32_t i = 0; i < dataset_count(d, DATA_VAL); i++)
            validated[atoi(dataset_name(d, DATA_VAL, i, name, sizeof name) + strlen("train/"))]++;
        dataset_free(d);
    }
    for (int i = 0; i < ALL; i++) assert_int_equal(validated[i], 1);
}

static void too_few(void **state) {
    (void)state;
    static const int counts[] = {30, 2, 30, 1};
    put_idx(ROOT "/few", "train", counts, 4);
    struct dataset *d;
    struct data_options options = {.share = {0.7, 0.15, 0.15}};
    assert_int_equal(dataset_open(&d, ROOT "/few", &options), SK_EDATA);
    assert_non_null(strstr(sk_error(), "class \"1\" has 2 pictures, class \"3\" has 1 picture; at least 3 are needed"));
}

/* ---- pictures that look alike ---- */

enum { KINDS = 12, COPIES = 4 };

/* KINDS different pictures a class, each saved COPIES times under other names: brighter each time. */
static void put_twins(const char *folder) {
    struct arena arena = {0};
    for (int c = 0; c < 2; c++)
        for (int kind = 0; kind < KINDS; kind++)
            for (int copy = 0; copy < COPIES; copy++) {
                struct picture coarse = noise(&arena, 9, 8, 1, (uint32_t)(100 * c + kind), false);
                struct picture picture = noise(&arena, 72, 64, 1, 1, false);
                for (int y = 0; y < picture.height; y++)
                    for (int x = 0; x < picture.width; x++) {
                        int grey = coarse.pixels[y * coarse.height / picture.height * coarse.width +
                                                 x * coarse.width / picture.width];
                        picture.pixels[y * picture.width + x] = (uint8_t)(grey * 3 / 4 + 12 * copy);
                    }
                struct text text = {0};
                ok(encode_png(&picture, &text));
                put(arena_printf(&arena, "%s/%s/%02d-%d.png", folder, c ? "b" : "a", 7 * kind % KINDS, copy), text.data,
                    text.length);
                text_free(&text);
            }
    arena_free(&arena);
}

static void twins_stay_together(void **state) {
    (void)state;
    put_twins(ROOT "/twins");
    for (int together = 0; together < 2; together++) {
        struct data_options options = {.share = {0.5, 0.25, 0.25}, .near_duplicates = together, .seed = 11};
        struct dataset *d = open_data(ROOT "/twins", &options);
        int part_of[2][KINDS], torn = 0;
        memset(part_of, -1, sizeof part_of);
        for (int part = 0; part < DATA_PARTS; part++)
            for (uint32_t i = 0; i < dataset_count(d, (enum data_part)part); i++) {
                char name[64];
                dataset_name(d, (enum data_part)part, i, name, sizeof name);
                int *known = &part_of[name[0] == 'b'][atoi(name + 2)];
                torn += *known >= 0 && *known != part;
                *known = part;
            }
        if (together) {
            assert_int_equal(torn, 0);
            assert_int_equal(dataset_near_duplicates(d), 2 * KINDS * (COPIES - 1));
        } else {
            assert_true(torn > 10);
        }
        assert_int_equal(dataset_count(d, DATA_VAL), 24);
        assert_int_equal(dataset_count(d, DATA_TEST), 24);
        dataset_free(d);
    }
}

/* ---- balanced sampling ---- */

static struct loader *balanced(const struct dataset *d, struct pipeline *pipeline, int workers, int64_t batch) {
    struct loader *loader;
    struct augment_options augment = augment_default();
    augment.preprocess.resize = 0;
    augment.preprocess.crop_height = augment.preprocess.crop_width = SIDE, augment.preprocess.channels = 1;
    augment.random_crop = true, augment.padding = 2;
    ok(pipeline_prepare(pipeline, &augment));
    struct loader_options options = {.dataset = d,
                                     .pipeline = pipeline,
                                     .part = DATA_TRAIN,
                                     .batch_size = 8,
                                     .workers = workers,
                                     .seed = 4,
                                     .train = true,
                                     .balanced = true,
                                     .batch = batch,
                                     .end = 3};
    ok(loader_new(&loader, &options));
    return loader;
}

/* Before all is shuffled: class 2 has four pictures, its turns hold each of them once, in another order most times. */
static void turns_of_a_class(const struct dataset *d) {
    struct epoch_order order;
    struct arena arena = {0};
    uint32_t before[4], turn[4];
    int of_turn = 0, others = 0, turns = 0;
    ok(epoch_order_make(&order, &arena,
                        &(struct epoch_order_options){.dataset = d, .part = DATA_TRAIN, .seed = 4, .balanced = true}));
    epoch_order_fill(&order, 0);
    for (int i = 0; i < 114; i++) {
        if (dataset_label(d, DATA_TRAIN, order.order[i]) != 2) continue;
        turn[of_turn++] = order.order[i];
        for (int j = 0; j + 1 < of_turn; j++) assert_true(turn[j] != order.order[i]);
        if (of_turn < 4) continue;
        others += turns > 0 && memcmp(turn, before, sizeof turn) != 0;
        memcpy(before, turn, sizeof before);
        of_turn = 0, turns++;
    }
    assert_int_equal(turns, 9);
    assert_true(others >= 4);
    arena_free(&arena);
}

static void each_class_equally_often(void **state) {
    (void)state;
    static const int counts[] = {90, 20, 4};
    put_idx(ROOT "/skewed", "train", counts, 3);
    struct dataset *d = open_data(ROOT "/skewed", &(struct data_options){.val_fraction = -1});
    struct pipeline pipeline;
    struct loader *loader = balanced(d, &pipeline, 0, 0);
    uint32_t order[2][114];
    int repeated = 0;
    for (int epoch = 0; epoch < 2; epoch++) {
        int of_class[3] = {0}, of_picture[114] = {0}, at = 0;
        float first[114][SIDE * SIDE];
        const struct batch *batch;
        do {
            ok(loader_next(loader, &batch));
            for (int i = 0; i < batch->count; i++, at++) {
                uint32_t index = order[epoch][at] = batch->indices[i];
                const float *input = batch->images + i * SIDE * SIDE;
                of_class[batch->labels[i]]++;
                if (of_picture[index]++ == 0)
                    memcpy(first[index], input, sizeof first[index]);
                else
                    repeated += memcmp(first[index], input, sizeof first[index]) != 0; /* crops of its own */
            }
        } while (!batch->last);
        assert_int_equal(at, 114);
        for (int c = 0; c < 3; c++) assert_int_equal(of_class[c], 38);
        for (int c = 0; c < 3; c++) { /* within a class, every picture as often as any other, give or take one */
            int least = 1000, most = 0;
            for (uint32_t i = 0; i < 114; i++) {
                if (dataset_label(d, DATA_TRAIN, i) != c) continue;
                least = of_picture[i] < least ? of_picture[i] : least;
                most = of_picture[i] > most ? of_picture[i] : most;
            }
            assert_true(most - least <= 1);
        }
    }
    turns_of_a_class(d);
    assert_true(repeated > 60);
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    loader_free(loader);

    /* Begun in the middle, and by workers: the same. */
    loader = balanced(d, &pipeline, 2, 5);
    const struct batch *batch;
    ok(loader_next(loader, &batch));
    assert_memory_equal(batch->indices, order[0] + 40, 8 * sizeof *batch->indices);
    loader_free(loader);
    dataset_free(d);
}

static int clean(void **state) {
    (void)state;
    if (file_exists(ROOT)) ok(folder_remove(ROOT));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_every_class), cmocka_unit_test(what_the_source_has_stays),
        cmocka_unit_test(folds_are_the_whole),   cmocka_unit_test(too_few),
        cmocka_unit_test(twins_stay_together),   cmocka_unit_test(each_class_equally_often),
    };
    return cmocka_run_group_tests(tests, clean, clean);
}
