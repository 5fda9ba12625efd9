/* test_shards.c — tar, TFRecord and ImageNet's archives: every picture as other libraries read it, and what is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "base/sha256.h"
#include "data/data.h"
#include "data/shards.h"
#include "data/tar_walk.h"

#define SHARDS FIXTURES "/data/shards"
#define ROOT   SCRATCH "/shards.tmp"
#define NESTED SCRATCH "/nested.tmp"

static struct dataset *open_data(const char *spec) {
    struct dataset *dataset = NULL;
    struct data_options options = {.val_fraction = 0, .index_cache = "off"};
    if (dataset_open(&dataset, spec, &options) != SK_OK) fail_msg("%s: %s", spec, sk_error());
    return dataset;
}

static void digest(const struct encoded *encoded, char text[SHA256_TEXT]) {
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, encoded->bytes, encoded->size);
    sha256_end(&hash, text);
}

/* All that expected.txt says, and nothing else. */
static void compare(const struct dataset *d, const char *folder) {
    char path[512], name[4096], found[SHA256_TEXT];
    struct arena arena = {0};
    struct scratch scratch = {0};
    uint8_t *text;
    size_t size;
    uint32_t at[DATA_PARTS] = {0};
    snprintf(path, sizeof path, "%s/expected.txt", folder);
    assert_int_equal(file_read(&arena, path, 1 << 20, &text, &size), SK_OK);
    char *saved, *line = strtok_r((char *)text, "\n", &saved);
    char *word_state, *word = strtok_r(line, " ", &word_state);
    assert_string_equal(word, "classes");
    for (int c = 0; (word = strtok_r(NULL, " ", &word_state)); c++) {
        if (strlen(word) == 4 && strcmp(word, "0123") == 0) break; /* numbers */
        assert_string_equal(dataset_class_name(d, c), word);
    }
    while ((line = strtok_r(NULL, "\n", &saved))) {
        char *state, *words[4];
        for (int i = 0; i < 4; i++) words[i] = strtok_r(i ? NULL : line, " ", &state);
        enum data_part part = strcmp(words[0], "train") == 0 ? DATA_TRAIN : DATA_VAL;
        uint32_t i = at[part]++;
        struct encoded encoded;
        struct picture picture;
        assert_true(i < dataset_count(d, part));
        assert_string_equal(dataset_name(d, part, i, name, sizeof name), words[1]);
        assert_int_equal(dataset_label(d, part, i), atoi(words[2]));
        if (dataset_fetch(d, part, i, &scratch, &encoded) != SK_OK) fail_msg("%s", sk_error());
        digest(&encoded, found);
        assert_string_equal(found, words[3]);
        if (dataset_read(d, part, i, &scratch, &picture) != SK_OK) fail_msg("%s", sk_error());
        assert_true(picture.width == 12 && picture.height == 10 && picture.channels == 3);
    }
    for (int part = 0; part < DATA_TEST; part++)
        if (at[part]) assert_int_equal(at[part], dataset_count(d, (enum data_part)part));
    scratch_free(&scratch);
    arena_free(&arena);
}

static void as_others_read(void **state) {
    (void)state;
    static const struct {
        const char *folder, *format;
        int classes;
    } cases[] = {{"tar_cls", "tar", 4},           {"tar_json", "tar", 3},     {"tar_folders", "tar", 3},
                 {"tfds", "tfrecord", 4},         {"classic", "tfrecord", 4}, {"imagenet_tar", "imagenet", 4},
                 {"imagenet_flat", "imagenet", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512], spec[600];
        snprintf(path, sizeof path, SHARDS "/%s", cases[i].folder);
        for (int named = 0; named < 2; named++) { /* by content, and by name */
            snprintf(spec, sizeof spec, "%s%s%s", named ? cases[i].format : "", named ? ":" : "", path);
            struct dataset *d = open_data(spec);
            assert_string_equal(dataset_format(d), cases[i].format);
            assert_int_equal(dataset_classes(d), cases[i].classes);
            assert_true(dataset_is_sharded(d) == (strcmp(cases[i].folder, "imagenet_flat") != 0));
            if (strcmp(cases[i].folder, "tar_folders") != 0) compare(d, path);
            dataset_free(d);
        }
    }
    struct dataset *d = NULL;
    struct data_options options = {.val_fraction = -1, .index_cache = "off"};
    assert_int_equal(dataset_open(&d, SHARDS "/tar_folders", &options), SK_OK);
    compare(d, SHARDS "/tar_folders");
    dataset_free(d);
}

static void patterns(void **state) {
    (void)state;
    struct arena arena = {0};
    char **paths;
    size_t count;
    assert_int_equal(shards_expand(&arena, "a/{x,yy}-{08..10}.tar::b.tar", &paths, &count), SK_OK);
    static const char *const expected[] = {"a/x-08.tar",  "a/x-09.tar",  "a/x-10.tar", "a/yy-08.tar",
                                           "a/yy-09.tar", "a/yy-10.tar", "b.tar"};
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++) assert_string_equal(paths[i], expected[i]);
    assert_int_equal(shards_expand(&arena, "a{1..", &paths, &count), SK_EUSAGE);
    assert_int_equal(shards_expand(&arena, "a{5..1}", &paths, &count), SK_EUSAGE);
    assert_int_equal(shards_expand(&arena, "a{0..999999999}", &paths, &count), SK_EUSAGE);
    assert_int_equal(shards_expand(&arena, "{0..999}{0..999}{0..9}", &paths, &count), SK_EUSAGE);
    arena_free(&arena);

    assert_int_equal(shards_part("imagenet2012-validation.tfrecord-00000-of-00064"), DATA_VAL);
    assert_int_equal(shards_part("ILSVRC2012_img_train.tar"), DATA_TRAIN);
    assert_int_equal(shards_part("x_test3.tar"), DATA_TEST);
    assert_int_equal(shards_part("contest.tar"), DATA_TRAIN);

    struct dataset *d = open_data(SHARDS "/tar_cls/{train-00000{0..1},val-000000}.tar");
    assert_int_equal(dataset_count(d, DATA_TRAIN), 12);
    assert_int_equal(dataset_count(d, DATA_VAL), 4);
    assert_true(dataset_shard(d, DATA_TRAIN, 6) == 0 && dataset_shard(d, DATA_TRAIN, 7) == 1);
    dataset_free(d);
    struct dataset *none = NULL;
    assert_int_equal(dataset_open(&none, "tar:" SHARDS "/tar_cls/train-{000000..000002}.tar", NULL), SK_EIO);
    assert_non_null(strstr(sk_error(), "train-000002.tar"));
}

/* A class is the last folder of a name, wherever that lies. */
static void nested_folders(void **state) {
    (void)state;
    static const char *const names[] = {"set/a/cat/1.png", "set/a/dog/2.png", "set/b/cat/3.png", "./owl/4.png"};
    static const char *const classes[] = {"cat", "dog", "owl"};
    static const int labels[] = {0, 1, 0, 2};
    static uint8_t archive[5 * 2 * TAR_BLOCK];
    char name[4096];
    for (int i = 0; i < 4; i++) {
        assert_true(tar_header(archive + i * 2 * TAR_BLOCK, names[i], 3));
        memcpy(archive + (i * 2 + 1) * TAR_BLOCK, "png", 3);
    }
    assert_int_equal(folder_make(NESTED), SK_OK);
    assert_int_equal(file_replace(NESTED "/nested.tar", archive, sizeof archive), SK_OK);
    struct data_options options = {.val_fraction = -1, .index_cache = "off"};
    struct dataset *d = NULL;
    if (dataset_open(&d, NESTED "/nested.tar", &options) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(dataset_classes(d), 3);
    for (int c = 0; c < 3; c++) assert_string_equal(dataset_class_name(d, c), classes[c]);
    assert_int_equal(dataset_count(d, DATA_TRAIN), 4);
    for (uint32_t i = 0; i < 4; i++) {
        dataset_name(d, DATA_TRAIN, i, name, sizeof name); /* below the archive's own path */
        const char *expected = names[i] + (i == 3 ? 2 : 0), *inside = name + strlen(NESTED "/nested.tar/");
        assert_true(strlen(name) > strlen(NESTED "/nested.tar/"));
        assert_string_equal(inside, expected);
        assert_int_equal(dataset_label(d, DATA_TRAIN, i), labels[i]);
    }
    dataset_free(d);
}

/* ---- shards that change after they were listed ---- */

static void put32(uint8_t *to, uint32_t x) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(x >> 8 * i);
}

static void copy_shards(struct arena *arena, const char *from, const char *const names[], size_t count) {
    char path[512];
    uint8_t *bytes;
    size_t size;
    assert_int_equal(folder_make(ROOT), SK_OK);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", from, names[i]);
        assert_int_equal(file_read(arena, path, 1 << 20, &bytes, &size), SK_OK);
        snprintf(path, sizeof path, ROOT "/%s", names[i]);
        assert_int_equal(file_replace(path, bytes, size), SK_OK);
    }
}

/* Fetching the first picture says so. */
static void fetch_refused(const struct dataset *d, const char *sentence) {
    struct scratch scratch = {0};
    struct encoded encoded;
    assert_int_equal(dataset_fetch(d, DATA_TRAIN, 0, &scratch, &encoded), SK_EFORMAT);
    if (!strstr(sk_error(), sentence)) fail_msg("expected \"%s\", got \"%s\"", sentence, sk_error());
    scratch_free(&scratch);
}

static void changed_records(void **state) {
    (void)state;
    static const char *const names[] = {"train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"};
    static const char path[] = ROOT "/train-00000-of-00002";
    struct arena arena = {0};
    uint8_t *bytes;
    size_t size;
    copy_shards(&arena, SHARDS "/classic", names, 3);
    struct dataset *d = open_data(ROOT);
    assert_int_equal(file_read(&arena, path, 1 << 20, &bytes, &size), SK_OK);
    uint32_t length = bytes[0] | (uint32_t)bytes[1] << 8;
    for (int other = -4; other <= 4; other += 8) { /* a record of another length, whose sums are good */
        put32(bytes, length + (uint32_t)other);
        put32(bytes + 8, crc32c_masked(bytes, 8));
        put32(bytes + 12 + length + other, crc32c_masked(bytes + 12, (size_t)((int)length + other)));
        assert_int_equal(file_replace(path, bytes, size), SK_OK);
        fetch_refused(d, "another record lies there than when it was listed");
        assert_int_equal(file_read(&arena, SHARDS "/classic/train-00000-of-00002", 1 << 20, &bytes, &size), SK_OK);
    }
    bytes[8] ^= 1;
    assert_int_equal(file_replace(path, bytes, size), SK_OK);
    fetch_refused(d, "of a record's length");
    bytes[8] ^= 1;
    for (int last = 0; last < 2; last++) { /* the first and the last byte of the data */
        size_t at = last ? 12 + length - 1 : 12;
        bytes[at] ^= 1;
        assert_int_equal(file_replace(path, bytes, size), SK_OK);
        fetch_refused(d, "of the record's data");
        bytes[at] ^= 1;
    }
    dataset_free(d);
    arena_free(&arena);
}

static void open_refused(const char *spec, const char *sentence) {
    struct dataset *d = NULL;
    struct data_options options = {.val_fraction = 0, .index_cache = "off"};
    assert_int_equal(dataset_open(&d, spec, &options), SK_EDATA);
    if (!strstr(sk_error(), sentence)) fail_msg("expected \"%s\", got \"%s\"", sentence, sk_error());
}

static uint8_t *find_bytes(uint8_t *bytes, size_t size, const char *text) {
    for (size_t i = 0; i + strlen(text) <= size; i++)
        if (memcmp(bytes + i, text, strlen(text)) == 0) return bytes + i;
    return NULL;
}

/* One number must be one synset: of other letters, or of fewer, it is another. */
static void one_label_two_synsets(void **state) {
    (void)state;
    static const char *const names[] = {"train-00000-of-00002", "train-00001-of-00002"};
    static const char path[] = ROOT "/train-00001-of-00002";
    struct arena arena = {0};
    uint8_t *bytes;
    size_t size;
    assert_int_equal(folder_remove(ROOT), SK_OK);
    copy_shards(&arena, SHARDS "/classic", names, 2);
    for (int shorter = 0; shorter < 2; shorter++) {
        assert_int_equal(file_read(&arena, SHARDS "/classic/train-00001-of-00002", 1 << 20, &bytes, &size), SK_OK);
        size_t length = bytes[0] | (size_t)bytes[1] << 8; /* of the first record, which is a n01443537 */
        uint8_t *at = find_bytes(bytes + 12, length, "\x0a\x09n01443537");
        assert_non_null(at);
        if (shorter) { /* three letters fewer, and in their place a field that nobody knows */
            at[1] = 6;
            memcpy(at + 8, "\x10\x81\x01", 3);
        } else {
            at[10] = '8';
        }
        put32(bytes + 12 + length, crc32c_masked(bytes + 12, length));
        assert_int_equal(file_replace(path, bytes, size), SK_OK);
        open_refused(ROOT, shorter ? "is the synset n01443 here, and n01443537 before"
                                   : "is the synset n01443538 here, and n01443537 before");
    }
    arena_free(&arena);
}

static void missing_shards(void **state) {
    (void)state;
    static const char *const names[] = {"train-00001-of-00002"};
    struct arena arena = {0};
    assert_int_equal(folder_remove(ROOT), SK_OK);
    copy_shards(&arena, SHARDS "/classic", names, 1);
    open_refused(ROOT, "train-00000-of-00002 is missing");
    assert_int_equal(folder_remove(ROOT), SK_OK);
    static const char *const first[] = {"train-00000-of-00002"};
    copy_shards(&arena, SHARDS "/classic", first, 1);
    open_refused(ROOT, "1 shards of 2");
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_others_read),        cmocka_unit_test(patterns),
        cmocka_unit_test(nested_folders),        cmocka_unit_test(changed_records),
        cmocka_unit_test(one_label_two_synsets), cmocka_unit_test(missing_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
