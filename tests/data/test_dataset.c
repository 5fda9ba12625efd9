/* test_dataset.c — IDX, CIFAR and folders: what is read, how it is divided, and the sentence for everything wrong.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "augment/noise.h"
#include "data/data.h"
#include "data/png_write.h"

#define ROOT SCRATCH "/dataset.tmp"

static void put(const char *path, const void *bytes, size_t size) {
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(path) - path), path);
    if (folder_make(folder) != SK_OK || file_replace(path, bytes, size) != SK_OK) fail_msg("%s", sk_error());
}

static int clean(void **state) {
    (void)state;
    if (file_exists(ROOT) && folder_remove(ROOT) != SK_OK) fail_msg("%s", sk_error());
    if (folder_make(ROOT) != SK_OK) fail_msg("%s", sk_error());
    return 0;
}

static struct dataset *open_data(const char *spec, double fraction, uint64_t seed) {
    struct dataset *dataset = NULL;
    struct data_options options = {.val_fraction = fraction, .seed = seed};
    if (dataset_open(&dataset, spec, &options) != SK_OK) fail_msg("%s", sk_error());
    return dataset;
}

static void expect_failure(const char *spec, sk_status status, const char *says) {
    struct dataset *dataset = NULL;
    sk_status got = dataset_open(&dataset, spec, NULL);
    if (got != status) fail_msg("%s: status %d, \"%s\"; expected %d", spec, (int)got, sk_error(), (int)status);
    assert_null(dataset);
    if (!strstr(sk_error(), says)) fail_msg("\"%s\" does not say \"%s\"", sk_error(), says);
}

/* ---- IDX ----------------------------------------------------------------------------------- */

/* count pictures of 3 x 2, byte = running number; label = picture % classes. */
static void put_idx(const char *part, int count, int classes, bool gz) {
    uint8_t images[16 + 600] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)count, 0, 0, 0, 3, 0, 0, 0, 2};
    uint8_t labels[8 + 100] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)count};
    for (int i = 0; i < 6 * count; i++) images[16 + i] = (uint8_t)i;
    for (int i = 0; i < count; i++) labels[8 + i] = (uint8_t)(i % classes);
    const struct {
        const char *kind;
        const uint8_t *bytes;
        size_t size;
    } files[] = {{"images-idx3", images, 16 + 6 * (size_t)count}, {"labels-idx1", labels, 8 + (size_t)count}};
    for (int i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, ROOT "/idx/%s-%s-ubyte%s", part, files[i].kind, gz ? ".gz" : "");
        if (!gz) {
            put(path, files[i].bytes, files[i].size);
            continue;
        }
        put(path, "", 0); /* makes the folder */
        gzFile out = gzopen(path, "wb");
        assert_int_equal(gzwrite(out, files[i].bytes, (unsigned)files[i].size), (int)files[i].size);
        gzclose(out);
    }
}

static void idx_reads(void **state) {
    for (int gz = 0; gz < 2; gz++) {
        clean(state);
        put_idx("train", 20, 4, gz);
        put_idx("t10k", 8, 4, !gz);
        struct dataset *d = open_data(ROOT "/idx", 0, 0);
        assert_string_equal(dataset_format(d), "idx");
        assert_int_equal(dataset_classes(d), 4);
        assert_string_equal(dataset_class_name(d, 3), "3");
        assert_int_equal(dataset_count(d, DATA_TRAIN), 20);
        assert_int_equal(dataset_count(d, DATA_VAL), 8); /* the test part serves as val */
        assert_int_equal(dataset_count(d, DATA_TEST), 8);
        assert_false(dataset_was_split(d));
        assert_true(dataset_height(d) == 3 && dataset_width(d) == 2 && dataset_channels(d) == 1);
        struct picture picture;
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(dataset_label(d, DATA_TRAIN, i), i % 4);
            assert_int_equal(dataset_read(d, DATA_TRAIN, i, NULL, &picture), SK_OK);
            for (uint32_t j = 0; j < 6; j++) assert_int_equal(picture.pixels[j], i * 6 + j);
        }
        char text[64];
        assert_string_equal(dataset_name(d, DATA_VAL, 5, text, sizeof text), "test/5");
        assert_int_equal(dataset_read(d, DATA_TRAIN, 20, NULL, &picture), SK_EINTERNAL);
        dataset_free(d);
    }
}

/* TF's background: labels and classes one higher, names with it, the pictures the same; a split does not know it. */
static void labels_are_shifted(void **state) {
    struct dataset *plain, *shifted;
    struct data_options options = {.val_fraction = 0.25, .seed = 3, .label_offset = 1};
    (void)state;
    put_idx("train", 40, 4, false);
    plain = open_data(ROOT "/idx", 0.25, 3);
    if (dataset_open(&shifted, ROOT "/idx", &options) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(dataset_classes(shifted), 5);
    assert_string_equal(dataset_class_name(shifted, 0), "background");
    assert_string_equal(dataset_class_name(shifted, 4), "3");
    assert_string_equal(dataset_class_name(shifted, 5), "");
    assert_string_equal(dataset_class_name(shifted, -1), "");
    for (int part = DATA_TRAIN; part <= DATA_VAL; part++) {
        uint32_t count = dataset_count(plain, (enum data_part)part);
        assert_int_equal(dataset_count(shifted, (enum data_part)part), count);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(dataset_label(shifted, (enum data_part)part, i), dataset_label(plain, (enum data_part)part, i) + 1);
    }
    assert_int_equal(dataset_shift(plain, -1), SK_EUSAGE);
    dataset_free(plain);
    dataset_free(shifted);
}

static void idx_refuses(void **state) {
    static const struct {
        size_t at;
        uint8_t value;
        const char *says;
    } wrong[] = {
        {0, 1, "no IDX file"},    {2, 9, "element type 0x09"},    {3, 4, "IDX rank 4"},  {3, 1, "has 136 bytes where"},
        {7, 0, "dimension 0 is"}, {7, 21, "has 136 bytes where"}, {4, 255, "too large"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        clean(state);
        put_idx("train", 20, 4, false);
        struct file_bytes bytes;
        const char *path = ROOT "/idx/train-images-idx3-ubyte";
        assert_int_equal(file_map(path, &bytes), SK_OK);
        uint8_t copy[136];
        assert_int_equal(bytes.size, sizeof copy);
        memcpy(copy, bytes.data, sizeof copy);
        file_unmap(&bytes);
        copy[wrong[i].at] = wrong[i].value;
        put(path, copy, sizeof copy);
        expect_failure(ROOT "/idx", SK_EFORMAT, wrong[i].says);
        assert_non_null(strstr(sk_error(), path));
    }
    clean(state);
    put_idx("train", 20, 4, false);
    put(ROOT "/idx/train-images-idx3-ubyte", "\0\0\x08\x03", 4);
    expect_failure("idx:" ROOT "/idx", SK_EFORMAT, "too few");
    put(ROOT "/idx/train-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x02\1\1", 10);
    put_idx("t10k", 8, 4, false);
    put(ROOT "/idx/t10k-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x02\1\1", 10);
    put_idx("train", 20, 4, false);
    expect_failure("idx:" ROOT "/idx", SK_EDATA, "2 labels for 8 pictures");
    clean(state);
    put_idx("train", 20, 4, true);
    expect_failure("idx:" ROOT, SK_EDATA, "no IDX files there");
}

/* A gzipped file cut short, one with too much, one whose header lies, and garbage after the magic number. */
static void idx_gz_refuses(void **state) {
    const char *path = ROOT "/idx/train-images-idx3-ubyte.gz";
    clean(state);
    put_idx("train", 20, 4, true);
    struct file_bytes bytes;
    assert_int_equal(file_map(path, &bytes), SK_OK);
    uint8_t copy[300];
    size_t size = bytes.size;
    assert_in_range(size, 30, sizeof copy);
    memcpy(copy, bytes.data, size);
    file_unmap(&bytes);
    put(path, copy, size - 12);
    expect_failure(ROOT "/idx", SK_EFORMAT, "end early");
    copy[size - 6] ^= 1; /* the checksum */
    put(path, copy, size);
    expect_failure(ROOT "/idx", SK_EFORMAT, "broken gzip");
    put(path, "\x1f\x8b????????????", 14);
    expect_failure(ROOT "/idx", SK_EFORMAT, "train-images-idx3-ubyte.gz");

    static const uint8_t lies[] = {0, 0, 8, 3, 0, 255, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255, 1, 2, 3};
    gzFile out = gzopen(path, "wb");
    gzwrite(out, lies, sizeof lies);
    gzclose(out);
    expect_failure(ROOT "/idx", SK_EFORMAT, "cannot hold");
}

static void fashion_mnist(void **state) {
    (void)state;
    if (!file_is_folder("/usr/share/datasets/fashion-mnist")) skip();
    struct dataset *d = open_data("fashion-mnist", 0, 0);
    assert_int_equal(dataset_count(d, DATA_TRAIN), 60000);
    assert_int_equal(dataset_count(d, DATA_VAL), 10000);
    assert_int_equal(dataset_classes(d), 10);
    assert_string_equal(dataset_class_name(d, 9), "Ankle boot");
    assert_int_equal(dataset_label(d, DATA_TRAIN, 0), 9);
    int per_class[10] = {0};
    for (uint32_t i = 0; i < 60000; i++) per_class[dataset_label(d, DATA_TRAIN, i)]++;
    for (int c = 0; c < 10; c++) assert_int_equal(per_class[c], 6000);
    uint64_t sum = 0;
    struct picture picture;
    for (uint32_t i = 0; i < 60000; i++) {
        assert_int_equal(dataset_read(d, DATA_TRAIN, i, NULL, &picture), SK_OK);
        for (int j = 0; j < 784; j++) sum += picture.pixels[j];
    }
    assert_int_equal(sum * 10000 / (60000UL * 784 * 255), 2860); /* the well-known mean, 0.2860 */
    dataset_free(d);
}

/* ---- CIFAR --------------------------------------------------------------------------------- */

static void put_cifar(const char *name, int records, int label_bytes, int first) {
    static uint8_t bytes[10 * (3072 + 2)];
    size_t record = 3072 + (size_t)label_bytes;
    for (int i = 0; i < records; i++) {
        uint8_t *at = bytes + (size_t)i * record;
        memset(at, 99, (size_t)label_bytes);
        at[label_bytes - 1] = (uint8_t)(first + i);
        for (int c = 0; c < 3; c++) {
            for (int p = 0; p < 1024; p++) at[label_bytes + c * 1024 + p] = (uint8_t)(p + c * 50 + i);
        }
    }
    char path[512];
    snprintf(path, sizeof path, ROOT "/%s", name);
    put(path, bytes, (size_t)records * record);
}

static void check_cifar(const struct dataset *d, enum data_part part, uint32_t index, int number) {
    struct picture picture;
    assert_int_equal(dataset_read(d, part, index, NULL, &picture), SK_OK);
    assert_true(picture.height == 32 && picture.width == 32 && picture.channels == 3);
    for (int p = 0; p < 1024; p++) {
        for (int c = 0; c < 3; c++) assert_int_equal(picture.pixels[3 * p + c], (uint8_t)(p + c * 50 + number));
    }
}

static void cifar_reads(void **state) {
    clean(state);
    for (int i = 1; i <= 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "cifar-10-batches-bin/data_batch_%d.bin", i);
        put_cifar(name, 2, 1, i);
    }
    put_cifar("cifar-10-batches-bin/test_batch.bin", 3, 1, 4);
    struct dataset *d = open_data(ROOT, 0, 0); /* found below the folder */
    assert_string_equal(dataset_format(d), "cifar10");
    assert_int_equal(dataset_count(d, DATA_TRAIN), 10);
    assert_int_equal(dataset_count(d, DATA_TEST), 3);
    assert_int_equal(dataset_label(d, DATA_TRAIN, 7), 5);
    check_cifar(d, DATA_TRAIN, 7, 1);
    check_cifar(d, DATA_TEST, 2, 2);
    assert_string_equal(dataset_class_name(d, 2), "2");
    dataset_free(d);

    const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\r\ntruck\n\n";
    put(ROOT "/cifar-10-batches-bin/batches.meta.txt", names, sizeof names - 1);
    d = open_data("cifar10:" ROOT "/cifar-10-batches-bin", 0, 0);
    assert_string_equal(dataset_class_name(d, 8), "ship");
    assert_string_equal(dataset_class_name(d, 9), "truck");
    dataset_free(d);

    put(ROOT "/cifar-10-batches-bin/batches.meta.txt", names, 20);
    expect_failure("cifar10:" ROOT, SK_EFORMAT, "2 class names; expected 10");
    put(ROOT "/cifar-10-batches-bin/batches.meta.txt", names, sizeof names - 1);
    put(ROOT "/cifar-10-batches-bin/data_batch_3.bin", names, 10);
    expect_failure("cifar10:" ROOT, SK_EFORMAT, "data_batch_3.bin: 10 bytes are no whole number");
    put_cifar("cifar-10-batches-bin/data_batch_3.bin", 2, 1, 9);
    expect_failure("cifar10:" ROOT, SK_EDATA, "label 10; the classes are 0 to 9");
    assert_int_equal(folder_remove(ROOT "/cifar-10-batches-bin/data_batch_3.bin"), SK_OK);
    expect_failure("cifar10:" ROOT, SK_EIO, "data_batch_3.bin");
}

static void cifar100_reads(void **state) {
    clean(state);
    put_cifar("c/train.bin", 5, 2, 90);
    put_cifar("c/test.bin", 4, 2, 1);
    struct dataset *d = open_data(ROOT "/c", 0, 0);
    assert_string_equal(dataset_format(d), "cifar100");
    assert_int_equal(dataset_classes(d), 100);
    assert_int_equal(dataset_label(d, DATA_TRAIN, 4), 94);
    check_cifar(d, DATA_TRAIN, 4, 4);
    dataset_free(d);
}

/* ---- folders ------------------------------------------------------------------------------- */

static void put_picture(const char *name, uint8_t value) {
    uint8_t pixels[3] = {value, value, value};
    struct picture picture = {pixels, 1, 1, 3};
    struct text text = {0};
    assert_int_equal(encode_png(&picture, &text), SK_OK);
    char path[512];
    snprintf(path, sizeof path, ROOT "/%s", name);
    put(path, text.data, text.length);
    text_free(&text);
}

static const char *name_of(const struct dataset *d, enum data_part part, uint32_t i) {
    static char text[256];
    return dataset_name(d, part, i, text, sizeof text);
}

static void folder_order(void **state) {
    clean(state);
    /* As torchvision orders them: classes by bytes; folders as whole paths ("a" < "a-b" < "a/c"). */
    put_picture("f/a/z.png", 1);
    put_picture("f/a/c/y.PNG", 2);
    put_picture("f/a/a-b/x.jpeg", 3);
    put_picture("f/a/a-b/q/w.jpg", 4);
    put_picture("f/Zebra/1.png", 5);
    put_picture("f/b/1.webp", 6);
    put(ROOT "/f/b/.DS_Store", "x", 1);
    put(ROOT "/f/b/Thumbs.db", "x", 1);
    put(ROOT "/f/b/.hidden/x", "x", 1);
    static const char *const order[] = {"Zebra/1.png",   "a/z.png",   "a/a-b/x.jpeg",
                                        "a/a-b/q/w.jpg", "a/c/y.PNG", "b/1.webp"};
    static const int values[] = {5, 1, 3, 4, 2, 6}, labels[] = {0, 1, 1, 1, 1, 2};
    struct dataset *d = open_data(ROOT "/f", -1, 0);
    assert_string_equal(dataset_format(d), "folder");
    assert_int_equal(dataset_classes(d), 3);
    assert_string_equal(dataset_class_name(d, 0), "Zebra");
    assert_int_equal(dataset_count(d, DATA_TRAIN), 6);
    assert_int_equal(dataset_count(d, DATA_VAL), 0);
    struct scratch scratch = {0};
    for (uint32_t i = 0; i < 6; i++) {
        assert_string_equal(name_of(d, DATA_TRAIN, i), order[i]);
        assert_int_equal(dataset_label(d, DATA_TRAIN, i), labels[i]);
        struct picture picture;
        if (dataset_read(d, DATA_TRAIN, i, &scratch, &picture) != SK_OK) fail_msg("%s", sk_error());
        assert_int_equal(picture.pixels[0], values[i]); /* by content: these are all PNG */
    }
    scratch_free(&scratch);
    dataset_free(d);
}

static void folder_parts(void **state) {
    clean(state);
    put_picture("f/train/cat/1.png", 1);
    put_picture("f/train/dog/1.png", 2);
    put_picture("f/val/cat/2.png", 3);
    put_picture("f/val/dog/2.png", 4);
    struct dataset *d = open_data("folder:" ROOT "/f", 0, 0);
    assert_int_equal(dataset_count(d, DATA_TRAIN), 2);
    assert_int_equal(dataset_count(d, DATA_VAL), 2);
    assert_int_equal(dataset_count(d, DATA_TEST), 0);
    assert_string_equal(name_of(d, DATA_VAL, 1), "val/dog/2.png");
    dataset_free(d);

    assert_int_equal(file_rename(ROOT "/f/val", ROOT "/f/test"), SK_OK);
    d = open_data(ROOT "/f", 0, 0);
    assert_int_equal(dataset_count(d, DATA_VAL), 2);
    assert_int_equal(dataset_count(d, DATA_TEST), 2);
    dataset_free(d);

    put_picture("f/test/cow/3.png", 5);
    expect_failure(ROOT "/f", SK_EDATA, "test/cow: this class is not among");
    assert_int_equal(folder_remove(ROOT "/f/test/cow"), SK_OK);
    assert_int_equal(folder_remove(ROOT "/f/test/dog"), SK_OK);
    expect_failure(ROOT "/f", SK_EDATA, "no folder for class \"dog\"");
}

static void folder_refuses(void **state) {
    clean(state);
    put_picture("f/cat/1.png", 1);
    expect_failure(ROOT "/f", SK_EDATA, "only one class folder (\"cat\")");
    put_picture("f/dog/1.png", 2);
    assert_int_equal(folder_make(ROOT "/f/empty"), SK_OK);
    expect_failure(ROOT "/f", SK_EDATA, "empty: this class has no pictures");
    put(ROOT "/f/empty/notes.txt", "x", 1);
    expect_failure(ROOT "/f", SK_EDATA, "empty/notes.txt: not a picture by its name");
    assert_int_equal(folder_remove(ROOT "/f/empty"), SK_OK);
    expect_failure(ROOT "/f", SK_EDATA, "class \"cat\" has 1 picture, class \"dog\" has 1 picture; at least 2"); /* no split possible */

    put(ROOT "/f/dog/2.jpg", "\xff\xd8\xff rubbish", 11);
    put_picture("f/cat/2.png", 1);
    struct dataset *d = open_data(ROOT "/f", -1, 0);
    struct scratch scratch = {0};
    struct picture picture;
    assert_int_equal(dataset_read(d, DATA_TRAIN, 3, &scratch, &picture), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), ROOT "/f/dog/2.jpg: "));
    assert_int_equal(folder_remove(ROOT "/f/dog/2.jpg"), SK_OK);
    assert_int_equal(dataset_read(d, DATA_TRAIN, 3, &scratch, &picture), SK_EIO);
    assert_non_null(strstr(sk_error(), "dog/2.jpg"));
    scratch_free(&scratch);
    dataset_free(d);

    put_picture("g/tab\there/1.png", 1);
    put_picture("g/sound/1.png", 1);
    expect_failure(ROOT "/g", SK_EDATA, "folder name \"tab?here\"");
    assert_int_equal(folder_make(ROOT "/nothing"), SK_OK);
    expect_failure(ROOT "/nothing", SK_EDATA, "no data found there");
    expect_failure(ROOT "/absent", SK_EUSAGE, "neither a known source nor a folder");
    expect_failure("folder:" ROOT "/absent", SK_EIO, "no such folder");
    expect_failure("fashion-mnits", SK_EUSAGE, "did you mean fashion-mnist");
    expect_failure("", SK_EUSAGE, "no data given");
}

/* ---- the split ----------------------------------------------------------------------------- */

static void split_per_class(void **state) {
    clean(state);
    put_idx("train", 100, 4, false);
    put_idx("t10k", 8, 4, false);
    struct dataset *d = open_data(ROOT "/idx", 0.2, 5), *same = open_data(ROOT "/idx", 0.2, 5),
                   *other = open_data(ROOT "/idx", 0.2, 6);
    assert_true(dataset_was_split(d));
    assert_int_equal(dataset_count(d, DATA_TRAIN), 80);
    assert_int_equal(dataset_count(d, DATA_VAL), 20);
    assert_int_equal(dataset_count(d, DATA_TEST), 8);
    int seen[100] = {0}, per_class[4] = {0}, moved = 0;
    for (int part = DATA_TRAIN; part <= DATA_VAL; part++) {
        int before = -1;
        for (uint32_t i = 0; i < dataset_count(d, (enum data_part)part); i++) {
            struct picture p, q, r;
            assert_int_equal(dataset_read(d, (enum data_part)part, i, NULL, &p), SK_OK);
            assert_int_equal(dataset_read(same, (enum data_part)part, i, NULL, &q), SK_OK);
            assert_int_equal(dataset_read(other, (enum data_part)part, i, NULL, &r), SK_OK);
            int number = 0;
            sscanf(name_of(d, (enum data_part)part, i), "train/%d", &number);
            assert_int_equal(p.pixels[0], (uint8_t)(number * 6));
            assert_memory_equal(p.pixels, q.pixels, 6);
            moved += memcmp(p.pixels, r.pixels, 6) != 0;
            assert_int_equal(dataset_label(d, (enum data_part)part, i), number % 4);
            assert_true(number > before); /* the source's order is kept */
            before = number;
            seen[number]++;
            if (part == DATA_VAL) per_class[number % 4]++;
        }
    }
    for (int i = 0; i < 100; i++) assert_int_equal(seen[i], 1);
    for (int c = 0; c < 4; c++) assert_int_equal(per_class[c], 5);
    assert_true(moved > 20);
    dataset_free(d);
    dataset_free(same);
    dataset_free(other);
    struct data_options options = {.val_fraction = 1};
    assert_int_equal(dataset_open(&d, ROOT "/idx", &options), SK_EUSAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_reads), cmocka_unit_test(labels_are_shifted),       cmocka_unit_test(idx_refuses),  cmocka_unit_test(idx_gz_refuses),
        cmocka_unit_test(fashion_mnist),   cmocka_unit_test(cifar_reads),  cmocka_unit_test(cifar100_reads),
        cmocka_unit_test(folder_order),    cmocka_unit_test(folder_parts), cmocka_unit_test(folder_refuses),
        cmocka_unit_test(split_per_class),
    };
    return cmocka_run_group_tests(tests, clean, clean);
}
