/* test_index.c — the index: 1.3 million pictures open at once, the cache knows when it is out of date, damage is seen;
 * and the orders of epochs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "augment/noise.h"
#include "base/file.h"
#include "data/epoch_order.h"
#include "data/format.h"
#include "data/index_file.h"
#include "data/png_write.h"

#define ROOT SCRATCH "/index.tmp"
enum { MANY = 1300000, MANY_CLASSES = 1000, SHARD = 8700 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int clean(void **state) {
    (void)state;
    if (file_exists(ROOT)) assert_int_equal(folder_remove(ROOT), SK_OK);
    assert_int_equal(folder_make(ROOT), SK_OK);
    return 0;
}

/* As large as ImageNet's, in shards. */
static void make_many(struct index *index) {
    struct index_build build = {0};
    char name[64];
    for (int c = 0; c < MANY_CLASSES; c++) {
        snprintf(name, sizeof name, "n%08d", c);
        index_class(&build, name);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "train-%06d.tar", i / SHARD);
        if (i % SHARD == 0) index_group(&build, DATA_TRAIN, name);
        snprintf(name, sizeof name, "n%08d_%d.JPEG", i % MANY_CLASSES, i);
        index_add_at(&build, DATA_TRAIN, name, i % MANY_CLASSES, (uint64_t)i * 110000, 100000);
    }
    if (index_finish(&build, "tar:many", "many", index) != SK_OK) fail_msg("%s", sk_error());
}

static void opens_at_once(void **state) {
    clean(state);
    struct index index, again;
    struct index_place place = {ROOT "/cache/many.index", "tar:many", false};
    bool found;
    make_many(&index);
    assert_true(index.bytes.size < (size_t)64 << 20); /* names, labels and places of all */
    index_keep(&place, &index);
    double begin = seconds();
    assert_int_equal(index_load(&place, "", &again, &found), SK_OK);
    double took = seconds() - begin;
    assert_true(found);
    if (took >= 1) fail_msg("1.3 million pictures took %.2f s to open", took);
    print_message("%zu MB, opened in %.3f s\n", again.bytes.size >> 20, took);
    char name[128];
    index_name(&again.part[DATA_TRAIN], 1234567, name, sizeof name);
    assert_string_equal(name, "train-000141.tar/n00000567_1234567.JPEG");
    assert_int_equal(again.part[DATA_TRAIN].label[1234567], 567);
    assert_true(again.part[DATA_TRAIN].offset[1234567] == 1234567ULL * 110000);
    index_free(&index);
    index_free(&again);
}

/* Each place of an order once. */
static void check_permutation(const uint32_t *order, uint32_t count) {
    uint8_t *seen = calloc(count, 1);
    assert_non_null(seen);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(order[i] < count && !seen[order[i]]);
        seen[order[i]] = 1;
    }
    free(seen);
}

static void orders(void **state) {
    (void)state;
    struct dataset *d = calloc(1, sizeof *d);
    struct index index;
    assert_non_null(d);
    make_many(&index);
    assert_int_equal(data_take_index(d, &index), SK_OK);
    d->list[DATA_TRAIN].count = MANY;
    static const struct epoch_order_options kinds[] = {
        {.shuffled = true}, {.shuffled = true, .balanced = true}, {.shuffled = true, .shuffle_buffer = 10000}};
    for (size_t k = 0; k < 3; k++) {
        struct arena arena = {0}, other = {0};
        struct epoch_order order, again;
        struct epoch_order_options options = kinds[k];
        options.dataset = d;
        options.seed = 3;
        assert_int_equal(epoch_order_make(&order, &arena, &options), SK_OK);
        assert_true(arena.bytes <= (size_t)64 << 20);
        epoch_order_fill(&order, 5);
        check_permutation(order.order, MANY); /* balanced, too: classes of one size */
        assert_int_equal(epoch_order_make(&again, &other, &options), SK_OK);
        epoch_order_fill(&again, 4);
        assert_memory_not_equal(order.order, again.order, MANY * sizeof(uint32_t));
        epoch_order_fill(&again, 5);
        assert_memory_equal(order.order, again.order, MANY * sizeof(uint32_t));
        if (options.shuffle_buffer) { /* at any time few shards are read from, and the order is no shard's own */
            uint64_t in_order = 0;
            for (uint32_t i = 0; i + 1 < MANY; i++) in_order += order.order[i + 1] == order.order[i] + 1;
            assert_true(in_order < MANY / 1000);
            bool seen[MANY / SHARD + 1] = {false};
            for (uint32_t i = 0; i < SHARD; i++) seen[order.order[i] / SHARD] = true;
            int shards = 0;
            for (int s = 0; s <= MANY / SHARD; s++) shards += seen[s];
            assert_in_range(shards, 2, 4);
            uint32_t least = MANY, most = 0; /* an epoch begins with any shard */
            for (uint64_t e = 0; e < 6; e++) {
                epoch_order_fill(&again, e);
                uint32_t first = again.order[0] / SHARD;
                least = first < least ? first : least, most = first > most ? first : most;
            }
            assert_true(most - least > MANY / SHARD / 4);
        }
        arena_free(&arena);
        arena_free(&other);
    }
    dataset_free(d);
}

/* An epoch that is longer than a pass, and one that is shorter. */
static void check_stream(struct dataset *d, uint32_t length, enum order_stream stream, uint32_t room) {
    enum { EPOCHS = 4 };
    struct arena arena = {0};
    struct epoch_order order, again, read;
    struct epoch_order_options options = {
        .dataset = d, .shuffled = true, .shuffle_buffer = room, .seed = 3, .stream = stream, .length = length};
    uint64_t all = (uint64_t)length * EPOCHS;
    uint32_t *stretch = arena_array(&arena, all, sizeof *stretch);
    assert_int_equal(epoch_order_make(&order, &arena, &options), SK_OK);
    assert_int_equal(order.count, length);
    for (int e = 0; e < EPOCHS; e++) {
        epoch_order_fill(&order, (uint64_t)e);
        memcpy(stretch + (size_t)e * length, order.order, length * sizeof *stretch);
    }
    /* from any epoch on, and back again: the same */
    assert_int_equal(epoch_order_make(&again, &arena, &options), SK_OK);
    for (int e = EPOCHS - 1; e >= 0; e -= 2) {
        epoch_order_fill(&again, (uint64_t)e);
        assert_memory_equal(again.order, stretch + (size_t)e * length, length * sizeof *stretch);
    }
    if (stream == ORDER_REPEAT)
        for (uint64_t at = 0; at + MANY <= all; at += MANY) check_permutation(stretch + at, MANY);
    if (stream == ORDER_REPEAT_FIRST) {
        /* A buffer of one gives what is read. Of that, each comes out once, none earlier than the buffer can reach. */
        uint32_t *where = arena_array(&arena, (size_t)MANY * 8, sizeof *where),
                 *seen = arena_array(&arena, MANY, sizeof *seen);
        uint64_t early = 0;
        options.shuffle_buffer = 1, options.length = MANY;
        assert_int_equal(epoch_order_make(&read, &arena, &options), SK_OK);
        for (uint32_t pass = 0; pass < 8; pass++) {
            epoch_order_fill(&read, pass);
            check_permutation(read.order, MANY);
            for (uint32_t i = 0; i < MANY; i++) where[read.order[i] * 8 + pass] = pass * MANY + i;
        }
        for (uint64_t p = 0; p < all; p++) {
            uint32_t *times = &seen[stretch[p]];
            assert_true(*times < 8 && where[stretch[p] * 8 + *times] <= p + room);
            early += where[stretch[p] * 8 + (*times)++] > p;
        }
        assert_true(early > all / 8); /* it does mix */
    }
    arena_free(&arena);
}

static void streams(void **state) {
    (void)state;
    struct dataset *d = calloc(1, sizeof *d);
    struct index index;
    assert_non_null(d);
    make_many(&index);
    assert_int_equal(data_take_index(d, &index), SK_OK);
    d->list[DATA_TRAIN].count = MANY;
    check_stream(d, MANY + MANY / 5, ORDER_REPEAT, 0);
    check_stream(d, MANY - MANY / 7, ORDER_REPEAT, 10000);
    check_stream(d, MANY + MANY / 5, ORDER_REPEAT_FIRST, 10000);
    check_stream(d, MANY / 3, ORDER_REPEAT_FIRST, 40000);
    struct arena arena = {0};
    struct epoch_order order;
    struct epoch_order_options none = {.dataset = d, .shuffled = true, .stream = ORDER_REPEAT_FIRST, .length = 8};
    assert_int_equal(epoch_order_make(&order, &arena, &none), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "shuffle buffer"));
    none.stream = ORDER_REPEAT, none.balanced = true;
    assert_int_equal(epoch_order_make(&order, &arena, &none), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "balanced"));
    arena_free(&arena);
    dataset_free(d);
}

static void refuses(void **state) {
    (void)state;
    struct dataset *d;
    struct arena arena = {0};
    struct epoch_order order;
    struct data_options options = {.val_fraction = -1, .index_cache = "off"};
    assert_int_equal(dataset_open(&d, FIXTURES "/data/shards/tfds", &options), SK_OK);
    struct epoch_order_options both = {.dataset = d, .shuffled = true, .balanced = true, .shuffle_buffer = 9};
    assert_int_equal(epoch_order_make(&order, &arena, &both), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "balanced"));
    dataset_free(d);
    assert_int_equal(dataset_open(&d, FIXTURES "/data/shards/imagenet_flat", &options), SK_OK);
    struct epoch_order_options folder = {.dataset = d, .shuffled = true, .shuffle_buffer = 9};
    assert_int_equal(epoch_order_make(&order, &arena, &folder), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "shuffle_buffer"));
    dataset_free(d);
    arena_free(&arena);
}

/* ---- the cache ---- */

static void put_picture(const char *path, uint32_t seed) {
    struct arena arena = {0};
    struct text text = {0};
    char folder[512];
    struct picture picture = noise(&arena, 9, 9, 3, seed, false);
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(path) - path), path);
    assert_int_equal(folder_make(folder), SK_OK);
    assert_int_equal(encode_png(&picture, &text), SK_OK);
    assert_int_equal(file_replace(path, text.data, text.length), SK_OK);
    text_free(&text);
    arena_free(&arena);
}

/* As if it had been made an hour ago. */
static void age(const char *path, int minutes) {
    struct timespec times[2] = {{.tv_sec = time(NULL) - 60 * minutes}, {.tv_sec = time(NULL) - 60 * minutes}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static uint32_t count_of(const char *spec, const char *cache) {
    struct dataset *d;
    struct data_options options = {.val_fraction = -1, .index_cache = cache};
    if (dataset_open(&d, spec, &options) != SK_OK) fail_msg("%s", sk_error());
    uint32_t count = dataset_count(d, DATA_TRAIN);
    dataset_free(d);
    return count;
}

static size_t cached(const char *folder, char *path, size_t size) {
    struct arena arena = {0};
    char **names;
    size_t count = 0;
    if (file_exists(folder)) assert_int_equal(folder_list(&arena, folder, LIST_FILES, &names, &count), SK_OK);
    if (count) snprintf(path, size, "%s/%s", folder, names[0]);
    arena_free(&arena);
    return count;
}

static void follows_folders(void **state) {
    clean(state);
    char path[512];
    const char *data = "folder:" ROOT "/data", *cache = ROOT "/cache";
    put_picture(ROOT "/data/a/1.png", 1);
    put_picture(ROOT "/data/b/1.png", 2);
    assert_int_equal(count_of(data, cache), 2);
    assert_int_equal(cached(cache, path, sizeof path), 0); /* too young to be believed */
    age(ROOT "/data", 60), age(ROOT "/data/a", 60), age(ROOT "/data/b", 60);
    assert_int_equal(count_of(data, cache), 2);
    assert_int_equal(cached(cache, path, sizeof path), 1);
    put_picture(ROOT "/data/b/2.png", 3);
    age(ROOT "/data/b", 60); /* unnoticed: nobody turns the clock back, and so we see that the cache was read */
    assert_int_equal(count_of(data, cache), 2);
    age(ROOT "/data/b", 30);
    assert_int_equal(count_of(data, cache), 3);
    put_picture(ROOT "/data/c/1.png", 4);
    age(ROOT "/data", 20), age(ROOT "/data/c", 20);
    assert_int_equal(count_of(data, cache), 4);
    assert_int_equal(count_of(data, "off"), 4);
}

static void follows_shards(void **state) {
    clean(state);
    char path[512];
    struct file_bytes bytes;
    const char *from = FIXTURES "/data/shards/tar_cls/train-000000.tar", *data = ROOT "/shards", *cache = ROOT "/cache";
    assert_int_equal(file_map(from, &bytes), SK_OK);
    assert_int_equal(folder_make(data), SK_OK);
    assert_int_equal(file_replace(ROOT "/shards/0.tar", bytes.data, bytes.size), SK_OK);
    age(ROOT "/shards/0.tar", 60);
    assert_int_equal(count_of(data, cache), 7);
    assert_int_equal(cached(cache, path, sizeof path), 1);
    assert_int_equal(count_of(data, cache), 7);
    assert_int_equal(file_replace(ROOT "/shards/1.tar", bytes.data, bytes.size), SK_OK);
    assert_int_equal(count_of(data, cache), 14);
    file_unmap(&bytes);
    assert_int_equal(file_replace(ROOT "/shards/classes.txt", "p\nq\nr\ns\n", 8), SK_OK);
    struct dataset *d;
    struct data_options options = {.val_fraction = -1, .index_cache = cache};
    assert_int_equal(dataset_open(&d, data, &options), SK_OK);
    assert_string_equal(dataset_class_name(d, 2), "r");
    dataset_free(d);
    assert_int_equal(file_replace(ROOT "/shards/classes.txt", "p\nq\nr\n", 6), SK_OK);
    assert_int_equal(dataset_open(&d, data, &options), SK_EDATA);
    assert_non_null(strstr(sk_error(), "classes.txt"));
}

/* A label that no class has is refused, and so is a negative one; the last class's is not. */
static void labels_have_classes(void **state) {
    (void)state;
    for (int32_t label = -1; label <= 2; label++) {
        struct index index;
        struct index_build build = {0};
        index_class(&build, "a");
        index_class(&build, "b");
        index_group(&build, DATA_TRAIN, "g");
        index_add(&build, DATA_TRAIN, "x.jpg", label);
        bool good = label == 0 || label == 1;
        assert_int_equal(index_finish(&build, "k", "test", &index), good ? SK_OK : SK_EFORMAT);
        if (good) index_free(&index);
    }
}

/* A damaged cache is no index; nor is any part of one. */
static void sees_damage(void **state) {
    clean(state);
    struct index index, again;
    struct index_build build = {0};
    index_class(&build, "a");
    index_class(&build, "b");
    index_group(&build, DATA_VAL, "g");
    for (int i = 0; i < 5; i++) index_add(&build, DATA_VAL, "x.jpg", i % 2);
    assert_int_equal(index_finish(&build, "k", "test", &index), SK_OK);
    size_t size = index.bytes.size;
    uint64_t *copy = malloc(size);
    assert_non_null(copy);
    for (size_t cut = 0; cut < size; cut++) {
        memcpy(copy, index.bytes.data, size);
        assert_int_equal(index_parse((uint8_t *)copy, cut, "cut", &again), SK_EFORMAT);
    }
    for (size_t at = 0; at < size * 8; at++) {
        memcpy(copy, index.bytes.data, size);
        ((uint8_t *)copy)[at / 8] ^= (uint8_t)(1 << at % 8);
        bool spare = at / 8 >= 32 && at / 8 < INDEX_HEAD;
        bool key = at / 8 >= 28 && at / 8 < 32; /* not summed: it says whose index this is, and is asked for */
        sk_status status = index_parse((uint8_t *)copy, size, "bit", &again);
        if (status != SK_EFORMAT && !spare && !key) fail_msg("bit %zu is not seen", at);
        if (status != SK_EFORMAT) continue;
        index_seal((uint8_t *)copy, size); /* with the right sum: never a crash */
        index_parse((uint8_t *)copy, size, "bit", &again);
    }
    free(copy);
    index_free(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_at_once),
        cmocka_unit_test(orders),
        cmocka_unit_test(streams),
        cmocka_unit_test(refuses),
        cmocka_unit_test(follows_folders),
        cmocka_unit_test(follows_shards),
        cmocka_unit_test(labels_have_classes),
        cmocka_unit_test(sees_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
