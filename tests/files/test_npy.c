/* test_npy.c — what NumPy wrote, what is refused, and what we write. SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "files/npy.h"

static const char *const names[] = {"f4", "f8", "f2", "u1",     "i1",    "i2",      "i4",
                                    "i8", "b1", "v2", "scalar", "empty", "fortran", "v3"};

static void read_all(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights expected;
    struct bytes all = fixture("good", "npy.safetensors");
    assert_int_equal(safetensors_parse(&arena, all.data, all.size, "npy.safetensors", &expected), SK_OK);
    assert_int_equal(expected.count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < expected.count; i++) {
        struct tensor tensor;
        char *file = arena_printf(&arena, "%s.npy", names[i]);
        struct bytes bytes = fixture("good", file);
        if (npy_parse(&arena, bytes.data, bytes.size, file, &tensor) != SK_OK) fail_msg("%s", sk_error());
        assert_same_tensor(&tensor, weights_find(&expected, names[i]));
        free(bytes.data);
    }
    free(all.data);
    arena_free(&arena);
}

/* Keys in another order, other quotes, no padding: misaligned, so copied. */
static void read_by_hand(void **state) {
    (void)state;
    struct arena arena = {0};
    struct tensor tensor;
    char *path = arena_printf(&arena, "%s/files/good/hand.npy", FIXTURES);
    assert_int_equal(npy_open(&arena, path, &tensor), SK_OK);
    assert_int_equal(tensor.shape.rank, 1);
    assert_int_equal(tensor.shape.dim[0], 2);
    assert_true(((float *)tensor.data)[0] == 1 && ((float *)tensor.data)[1] == 2);
    assert_int_equal(npy_open(&arena, "/nowhere/x.npy", &tensor), SK_EIO);
    arena_free(&arena);
}

static sk_status parse_hostile(struct arena *arena, const uint8_t *bytes, size_t size, const char *what) {
    struct tensor tensor;
    return npy_parse(arena, bytes, size, what, &tensor);
}

static const struct hostile hostile_files[] = {
    {"npy_after.npy", "something follows the '}' of its header"},
    {"npy_big_endian.npy", "its numbers are big-endian (>f4)"},
    {"npy_complex.npy", "its type is '<c8', but siskin reads <f2, <f4, <f8, |u1, |i1, <i2, <i4, <i8 and |b1"},
    {"npy_cut_header.npy", "its header should have 118 bytes, but 30 follow"},
    {"npy_cut_magic.npy", "this is no .npy file"},
    {"npy_empty.npy", "this is no .npy file"},
    {"npy_header_huge.npy", "its header has 4294967295 bytes, more than 65536"},
    {"npy_huge.npy", "shape (4611686018427387904, 4) has more elements than 64 bits can count"},
    {"npy_key.npy", "its header has the key 'x', which .npy does not know"},
    {"npy_lacks.npy", "its header lacks one of descr, fortran_order and shape"},
    {"npy_long_string.npy", "its header has a string that is too long or not plain"},
    {"npy_negative.npy", "its shape is not a tuple of whole numbers of 0 or more"},
    {"npy_no_comma.npy", "its header lacks a ',' between two keys"},
    {"npy_no_tuple.npy", "its shape (2) is no tuple: a comma is missing"},
    {"npy_object.npy", "it holds Python objects, which only a pickle could rebuild"},
    {"npy_open.npy", "its shape is not a tuple of whole numbers of 0 or more"},
    {"npy_order.npy", "its fortran_order is neither True nor False"},
    {"npy_rank9.npy", "its shape has more than 8 dimensions"},
    {"npy_records.npy", "it is an array of records, but siskin reads plain numbers"},
    {"npy_text.npy", "its type is '<U2', but siskin reads <f2, <f4, <f8, |u1, |i1, <i2, <i4, <i8 and |b1"},
    {"npy_trailing.npy", "37 bytes of numbers follow its header, which is not what shape (9) of f32 needs"},
    {"npy_truncated.npy", "35 bytes of numbers follow its header, which is not what shape (9) of f32 needs"},
    {"npy_twice.npy", "its header has the key 'descr' twice"},
    {"npy_unclosed.npy", "a string in its header is not closed"},
    {"npy_unsigned16.npy", "its type is '<u2', but siskin reads <f2, <f4, <f8, |u1, |i1, <i2, <i4, <i8 and |b1"},
    {"npy_version.npy", "its format version is 9.0, but siskin reads 1.0, 2.0 and 3.0"},
    {"npy_wide.npy", "a dimension of its shape is beyond 64 bits"},
};

static void refused(void **state) {
    (void)state;
    assert_hostile(hostile_files, sizeof hostile_files / sizeof hostile_files[0], ".npy", parse_hostile);
}

static void cut(void **state) {
    (void)state;
    struct bytes bytes = fixture("good", "fortran.npy");
    for (size_t size = 0; size < bytes.size; size++) {
        struct arena arena = {0};
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, bytes.data, size);
        assert_int_not_equal(parse_hostile(&arena, copy, size, "it"), SK_OK);
        free(copy);
        arena_free(&arena);
    }
    free(bytes.data);
}

static void written(void **state) {
    (void)state;
    struct arena arena = {0};
    uint64_t numbers[6] = {1, 2, 3, 4, 5, UINT64_MAX};
    const struct shape shapes[] = {{0, {0}},          {1, {6}},       {2, {2, 3}},
                                   {4, {1, 2, 3, 1}}, {3, {2, 0, 7}}, {8, {1, 1, 1, 1, 1, 1, 1, 6}}};
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            struct tensor tensor = {"", (enum dtype)dtype, shapes[s], numbers}, again;
            uint8_t *bytes;
            size_t size;
            if (dtype == BF16) {
                assert_int_equal(npy_encode(&arena, &tensor, &bytes, &size), SK_EFORMAT);
                continue;
            }
            assert_int_equal(npy_encode(&arena, &tensor, &bytes, &size), SK_OK);
            size_t data = (size_t)shape_elements(&tensor.shape) * dtype_size(tensor.dtype);
            assert_int_equal((size - data) % 64, 0);
            assert_int_equal(bytes[size - data - 1], '\n');
            if (npy_parse(&arena, bytes, size, "ours", &again) != SK_OK) fail_msg("%s", sk_error());
            assert_same_tensor(&again, &tensor);
        }
    arena_free(&arena);
}

static void saved(void **state) {
    (void)state;
    struct arena arena = {0};
    float numbers[] = {1.5f, -2};
    struct tensor tensor = {"", F32, {2, {1, 2}}, numbers}, again;
    char *path = arena_printf(&arena, "%s/test_npy_saved.npy", SCRATCH);
    assert_int_equal(npy_save(path, &tensor), SK_OK);
    assert_int_equal(npy_open(&arena, path, &again), SK_OK);
    assert_same_tensor(&again, &tensor);
    assert_int_equal(npy_save("/nowhere/x.npy", &tensor), SK_EIO);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_all), cmocka_unit_test(read_by_hand), cmocka_unit_test(refused),
        cmocka_unit_test(cut),      cmocka_unit_test(written),      cmocka_unit_test(saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
