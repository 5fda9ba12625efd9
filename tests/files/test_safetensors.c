/* test_safetensors.c — what the reference library wrote, what it refuses, and what we write.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void parse(struct arena *arena, const struct bytes *bytes, struct weights *weights) {
    if (safetensors_parse(arena, bytes->data, bytes->size, "it", weights) != SK_OK) fail_msg("%s", sk_error());
}

static void reference(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w;
    struct bytes bytes = fixture("good", "reference.safetensors");
    parse(&arena, &bytes, &w);
    assert_int_equal(w.count, 4);
    static const char *const order[] = {"d", "w", "h", "i"}; /* that of the file: by element size */
    for (size_t i = 0; i < 4; i++) assert_string_equal(w.tensors[i].name, order[i]);
    assert_int_equal(w.tensors[0].dtype, F64);
    assert_true(*(double *)w.tensors[0].data == 2.5);
    assert_int_equal(w.tensors[1].dtype, F32);
    assert_int_equal(w.tensors[1].shape.rank, 2);
    assert_int_equal(w.tensors[1].shape.dim[0], 2);
    assert_int_equal(w.tensors[1].shape.dim[1], 3);
    for (int i = 0; i < 6; i++) assert_true(((float *)w.tensors[1].data)[i] == (float)i);
    assert_int_equal(w.tensors[2].dtype, BF16);
    assert_int_equal(*(uint16_t *)w.tensors[2].data, 0x3f80);
    assert_int_equal(w.tensors[3].dtype, U8);
    assert_memory_equal(w.tensors[3].data, "\1\1\1", 3);
    assert_int_equal(w.metadata_count, 2);
    assert_string_equal(weights_metadata(&w, "format"), "pt");
    assert_string_equal(weights_metadata(&w, "b"), "\xc3\xbc");
    assert_null(weights_metadata(&w, "c"));
    assert_ptr_equal(weights_find(&w, "h"), &w.tensors[2]);
    assert_null(weights_find(&w, "x"));
    /* In place, not copied. */
    assert_true((uint8_t *)w.tensors[3].data > bytes.data && (uint8_t *)w.tensors[3].data < bytes.data + bytes.size);
    free(bytes.data);
    arena_free(&arena);
}

static void accepted(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w;
    struct bytes misaligned = fixture("good", "misaligned.safetensors");
    parse(&arena, &misaligned, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(*(uint8_t *)weights_find(&w, "b")->data, 7);
    const struct tensor *a = weights_find(&w, "a");
    assert_int_equal((uintptr_t)a->data % 4, 0);
    assert_true(((float *)a->data)[0] == 1 && ((float *)a->data)[1] == 2);

    struct bytes padded = fixture("good", "padded.safetensors");
    parse(&arena, &padded, &w);
    assert_int_equal(w.count, 1);
    assert_true(((float *)w.tensors[0].data)[1] == 2);

    struct bytes scalar = fixture("good", "scalar_and_empty.safetensors");
    parse(&arena, &scalar, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(weights_find(&w, "s")->shape.rank, 0);
    assert_true(*(float *)weights_find(&w, "s")->data == 1);
    assert_int_equal(shape_elements(&weights_find(&w, "e")->shape), 0);
    assert_int_equal(weights_find(&w, "e")->shape.dim[1], 3);

    struct bytes nothing = fixture("good", "nothing.safetensors");
    parse(&arena, &nothing, &w);
    assert_int_equal(w.count + w.metadata_count, 0);
    free(misaligned.data);
    free(padded.data);
    free(scalar.data);
    free(nothing.data);
    arena_free(&arena);
}

static sk_status parse_hostile(struct arena *arena, const uint8_t *bytes, size_t size, const char *what) {
    struct weights w;
    return safetensors_parse(arena, bytes, size, what, &w);
}

static const struct hostile hostile_files[] = {
    {"st_after.safetensors", "header: line 1, column 3: something follows the value"},
    {"st_deep.safetensors", "header: line 1, column 69: nested deeper than 64 levels"},
    {"st_dtype.safetensors",
     "tensor 'a': its dtype is 'F31', but siskin holds BOOL, U8, I8, I16, I32, I64, F16, BF16, F32 an"},
    {"st_dtype_f8.safetensors",
     "tensor 'a': its dtype is 'F8_E4M3', but siskin holds BOOL, U8, I8, I16, I32, I64, F16, BF16, F3"},
    {"st_dtype_number.safetensors", "tensor 'a': it has no \"dtype\""},
    {"st_duplicate.safetensors", "header: line 1, column 61: the key \"a\" occurs twice in one object"},
    {"st_entry.safetensors", "tensor 'a': its header entry is not an object"},
    {"st_fraction.safetensors", "tensor 'a': dimension 0 of its shape is not a whole number of 0 or more"},
    {"st_header_huge.safetensors", "its header length is 100000001, more than the format's limit of 100000000"},
    {"st_header_long.safetensors", "its header should have 1000000 bytes, but only 69 follow"},
    {"st_header_wrap.safetensors",
     "its header length is 18446744073709551615, more than the format's limit of 100000000"},
    {"st_hole.safetensors", "tensor 'b' begins at data byte 9, but the one before it ends at 8"},
    {"st_hole_first.safetensors", "tensor 'a' begins at data byte 1, but the one before it ends at 0"},
    {"st_list.safetensors", "its header is not a JSON object"},
    {"st_metadata_list.safetensors", "__metadata__ is not an object of strings"},
    {"st_metadata_number.safetensors", "__metadata__ 'x' is not a string, but only strings may stand there"},
    {"st_nan.safetensors", "header: line 1, column 6: expected a value"},
    {"st_negative.safetensors", "tensor 'a': dimension 0 of its shape is not a whole number of 0 or more"},
    {"st_no_dtype.safetensors", "tensor 'a': it has no \"dtype\""},
    {"st_no_header.safetensors", "its header length is 0, but the smallest header {} has 2 bytes"},
    {"st_no_shape.safetensors", "tensor 'a': it has no \"shape\" list"},
    {"st_offsets_negative.safetensors", "tensor 'a': its \"data_offsets\" are not whole numbers of 0 or more"},
    {"st_offsets_one.safetensors", "tensor 'a': its \"data_offsets\" are not a list of two numbers"},
    {"st_offsets_text.safetensors", "tensor 'a': its \"data_offsets\" are not whole numbers of 0 or more"},
    {"st_overflow.safetensors", "tensor 'a': shape (4611686018427387904, 4) has more elements than 64 bits can count"},
    {"st_overflow_bytes.safetensors",
     "tensor 'a': its data takes 0 bytes, which is not what shape (2305843009213693952) of F64 needs"},
    {"st_overlap.safetensors", "tensor 'b' begins at data byte 7, but the one before it ends at 8"},
    {"st_rank9.safetensors", "tensor 'a': its shape has 9 dimensions, but siskin holds at most 8"},
    {"st_reversed.safetensors", "tensor 'a': its data begins at 4 and ends before that, at 0"},
    {"st_shape_text.safetensors", "tensor 'a': it has no \"shape\" list"},
    {"st_short.safetensors", "tensor 'a': its data ends at byte 8 of 7"},
    {"st_size.safetensors", "tensor 'a': its data takes 8 bytes, which is not what shape (3) of F32 needs"},
    {"st_tiny.safetensors", "its 4 bytes are too few: a safetensors file starts with an 8-byte header length"},
    {"st_trailing.safetensors", "the tensors take 8 bytes, but 9 follow the header"},
    {"st_utf8.safetensors", "header: line 1, column 3: invalid UTF-8 in a string"},
    {"st_zero_escape.safetensors", "header: line 1, column 4: \\u0000 is not accepted in a string"},
};

static void refused(void **state) {
    (void)state;
    assert_hostile(hostile_files, sizeof hostile_files / sizeof hostile_files[0], ".safetensors", parse_hostile);
}

/* Cut anywhere, a file is refused. */
static void cut(void **state) {
    (void)state;
    struct bytes bytes = fixture("good", "reference.safetensors");
    for (size_t size = 0; size < bytes.size; size++) {
        struct arena arena = {0};
        struct weights w;
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, bytes.data, size);
        status_clear();
        assert_int_not_equal(safetensors_parse(&arena, copy, size, "it", &w), SK_OK);
        assert_true(strlen(sk_error()) > 10);
        free(copy);
        arena_free(&arena);
    }
    free(bytes.data);
}

static void written(void **state) {
    (void)state;
    struct arena arena = {0};
    struct bytes bytes = fixture("good", "types.safetensors");
    struct weights w, again;
    parse(&arena, &bytes, &w);
    w.metadata = (struct weights_pair[]){{"config", "{\"a\": \"\\u00e9\n\"}"}, {"other", ""}};
    w.metadata_count = 2;
    uint8_t *out;
    size_t size;
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_OK);
    assert_int_equal(out[0] % 8, 0);
    if (safetensors_parse(&arena, out, size, "ours", &again) != SK_OK) fail_msg("%s", sk_error());
    assert_same_weights(&again, &w);
    assert_int_equal(again.metadata_count, 2);
    assert_string_equal(weights_metadata(&again, "config"), "{\"a\": \"\\u00e9\n\"}");
    assert_string_equal(weights_metadata(&again, "other"), "");
    for (size_t i = 1; i < again.count; i++)
        assert_true(dtype_size(again.tensors[i - 1].dtype) >= dtype_size(again.tensors[i].dtype));
    for (size_t i = 0; i < again.count; i++) { /* none had to be copied */
        const uint8_t *data = again.tensors[i].data;
        assert_true(data >= out && data <= out + size);
    }
    free(bytes.data);
    arena_free(&arena);
}

static size_t without_blanks(const uint8_t *bytes, size_t size, char *out) {
    size_t length = 0;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != ' ') out[length++] = (char)bytes[i];
    return length;
}

/* The reference's own file comes out again, given its order, but for blanks in the header. */
static void written_as_the_reference(void **state) {
    (void)state;
    struct arena arena = {0};
    struct bytes bytes = fixture("good", "module_state.safetensors");
    struct weights w;
    parse(&arena, &bytes, &w);
    uint8_t *out;
    size_t size;
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_OK);
    size_t header = out[0] | (size_t)out[1] << 8, expected = bytes.data[0] | (size_t)bytes.data[1] << 8;
    char *a = arena_alloc(&arena, header), *b = arena_alloc(&arena, expected);
    size_t length = without_blanks(out + 8, header, a);
    assert_int_equal(length, without_blanks(bytes.data + 8, expected, b));
    assert_memory_equal(a, b, length);
    assert_int_equal(size - header, bytes.size - expected);
    assert_memory_equal(out + 8 + header, bytes.data + 8 + expected, size - 8 - header);
    free(bytes.data);
    arena_free(&arena);
}

static void not_written(void **state) {
    (void)state;
    struct arena arena = {0};
    float value = 1;
    struct tensor two[] = {{"a", F32, {0, {0}}, &value}, {"a", F32, {0, {0}}, &value}};
    struct weights w = {.tensors = two, .count = 2};
    uint8_t *out;
    size_t size;
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_EFORMAT);
    assert_string_equal(sk_error(), "two tensors are called 'a'");
    two[1].name = "__metadata__";
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_EFORMAT);
    two[1].name = "\xff";
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_EFORMAT);
    two[1].name = "b";
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_OK);
    w.metadata = (struct weights_pair[]){{"k", "v"}, {"k", "v"}};
    w.metadata_count = 2;
    assert_int_equal(safetensors_encode(&arena, &w, &out, &size), SK_EFORMAT);
    assert_string_equal(sk_error(), "metadata 'k' is given twice");
    arena_free(&arena);
}

static void type_names(void **state) {
    (void)state;
    for (int i = 0; i < DTYPE_COUNT; i++) assert_int_equal(safetensors_dtype(safetensors_dtype_name((enum dtype)i)), i);
    assert_int_equal(safetensors_dtype("F8_E5M2"), DTYPE_COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),   cmocka_unit_test(accepted),   cmocka_unit_test(refused),
        cmocka_unit_test(cut),         cmocka_unit_test(written),    cmocka_unit_test(written_as_the_reference),
        cmocka_unit_test(not_written), cmocka_unit_test(type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
