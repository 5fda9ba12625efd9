/* test_keras_h5.c — files that Keras wrote, read through the helper siskin-h5; damaged ones; and the helper's absence.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>

#include "files/keras_h5.h"

static char *path_of(struct arena *arena, const char *folder, const char *name) {
    return arena_printf(arena, "%s/files/%s/%s", FIXTURES, folder, name);
}

static void check_pair(struct arena *arena, const char *name, const char *safe, const char *note) {
    struct weights found, expected;
    struct bytes b = fixture("good", safe);
    if (weights_open(arena, path_of(arena, "good", name), NULL, &found) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(safetensors_parse(arena, b.data, b.size, safe, &expected), SK_OK);
    /* Keras counts the pictures that its normalization saw in another type in each version */
    for (size_t i = 0; i < found.count; i++)
        if (strstr(found.tensors[i].name, "/count")) found.tensors[i] = *weights_find(&expected, found.tensors[i].name);
    assert_same_weights(&found, &expected);
    assert_int_equal(found.format, WEIGHTS_KERAS);
    if (note) assert_string_equal(found.note, note);
    weights_close(&found);
    free(b.data);
}

static void read_all(void **state) {
    (void)state;
    struct arena arena = {0};
    check_pair(&arena, "keras3.weights.h5", "keras3.safetensors", NULL);
    check_pair(&arena, "keras3_unnamed.weights.h5", "keras3_unnamed.safetensors", NULL);
    check_pair(&arena, "keras_model.h5", "keras_model.safetensors", NULL);
    check_pair(&arena, "keras2.h5", "keras2.safetensors",
               "left aside 1 arrays of the optimizer and 0 of no type that weights have");
    arena_free(&arena);
}

static const struct hostile hostile_files[] = {
    {"bomb.h5", "'layers/dense/vars/0' should have 16777216 bytes of numbers, but "},
    {"cut.h5", "libhdf5 cannot open it; the file is cut short or damaged"},
    {"cycle.h5", "the group 'layers/a/again' contains itself"},
    {"empty_group.h5", "it holds no weights of Keras"},
    {"external_link.h5", "'layers/dense' is a link, which siskin does not follow"},
    {"external_storage.h5", "the numbers of 'layers/dense/vars/0' lie in other files, which siskin does not open"},
    {"hdf5.h5", "libhdf5 cannot open it; the file is cut short or damaged"},
    {"huge.h5", "'layers/dense/vars/0' should have 1099511627776 bytes of numbers, but 0 are stored"},
    {"lost_weight.h5", "layer 'stem' should have a weight 'stem/kernel', but there is no such dataset"},
    {"magic_alone.h5", "libhdf5 cannot open it; the file is cut short or damaged"},
    {"nested.h5", "its groups are nested more than 32 deep"},
    {"not_keras.h5", "'x' is no variable of a layer, as Keras saves them"},
    {"ranks.h5", "'layers/dense/vars/0' has 9 dimensions; siskin holds at most 8"},
    {"soft_link.h5", "'layers/dense' is a link, which siskin does not follow"},
    {"twice.h5", "two tensors are called 'head/kernel'"},
    {"zeroed.h5", ""},
};

static void hostile(void **state) {
    (void)state;
    struct arena arena = {0};
    char **names = NULL, *folder = path_of(&arena, "hostile", "");
    size_t files = 0, seen = 0, count = sizeof hostile_files / sizeof hostile_files[0];
    assert_int_equal(folder_list(&arena, folder, LIST_FILES, &names, &files), SK_OK);
    for (size_t i = 0; i < files; i++) seen += strcmp(path_extension(names[i]), ".h5") == 0;
    assert_int_equal(seen, count);
    for (size_t i = 0; i < count; i++) {
        struct weights w;
        char *path = path_of(&arena, "hostile", hostile_files[i].name);
        if (weights_open(&arena, path, NULL, &w) == SK_OK) fail_msg("%s was accepted", path);
        char *expected = arena_printf(&arena, "%s: %s", path, hostile_files[i].sentence);
        if (strncmp(sk_error(), expected, strlen(expected)) != 0) fail_msg("\"%s\", not \"%s…\"", sk_error(), expected);
    }
    arena_free(&arena);
}

static size_t open_files(void) {
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

/* A few damaged bytes: a sentence or the tensors, whatever libhdf5 makes of it. */
static void mutations(void **state) {
    (void)state;
    struct bytes good = fixture("good", "keras3.weights.h5");
    uint32_t random = 1;
    size_t refused = 0, before = open_files();
    for (int round = 0; round < 40; round++) {
        struct arena arena = {0};
        struct weights w;
        char *path = arena_printf(&arena, "%s/mutated.h5", SCRATCH);
        uint8_t *copy = arena_alloc(&arena, good.size);
        memcpy(copy, good.data, good.size);
        for (int i = 0; i < 6; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = i < 3 ? 8 + random / 7 % 4000 : 8 + random / 7 % (good.size - 8);
            copy[at] = (uint8_t)(random >> 24);
        }
        assert_int_equal(file_replace(path, copy, good.size), SK_OK);
        status_clear();
        if (weights_open(&arena, path, NULL, &w) != SK_OK) {
            refused++;
            if (strncmp(sk_error(), path, strlen(path)) != 0) fail_msg("\"%s\" does not name its file", sk_error());
        }
        weights_close(&w);
        arena_free(&arena);
    }
    assert_in_range(refused, 1, 40);
    assert_int_equal(open_files(), before);
    free(good.data);
}

static void no_helper(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w;
    char *path = path_of(&arena, "good", "keras3.weights.h5");
    setenv("SISKIN_H5", "/nowhere/siskin-h5", 1);
    assert_int_equal(weights_open(&arena, path, NULL, &w), SK_EIO);
    assert_non_null(strstr(sk_error(), "SISKIN_H5=/nowhere/siskin-h5 names no program that can be run"));
    setenv("SISKIN_H5", "/bin/false", 1);
    assert_int_equal(weights_open(&arena, path, NULL, &w), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "false failed with exit code 1 and said nothing"));
    unsetenv("SISKIN_H5");
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(weights_open(&arena, path, NULL, &w), SK_EIO);
    assert_non_null(strstr(sk_error(), "is neither beside the running program nor in PATH"));
    setenv("SISKIN_H5", SISKIN_H5_PROGRAM, 1);
    arena_free(&arena);
}

int main(void) {
    setenv("SISKIN_H5", SISKIN_H5_PROGRAM, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_all),
        cmocka_unit_test(hostile),
        cmocka_unit_test(mutations),
        cmocka_unit_test(no_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
