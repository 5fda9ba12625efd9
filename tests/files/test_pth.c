/* test_pth.c — files that torch.save wrote, files that try to harm, and files that we write.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "files/pth.h"
#include "files/stored_zip.h"

/* A good .pth gives the tensors of the .safetensors beside it. */
static struct weights check_pair(struct arena *arena, const char *name, const struct weights_options *options) {
    struct weights found, expected;
    char *pth = arena_printf(arena, "%s.pth", name), *safe = arena_printf(arena, "%s.safetensors", name);
    struct bytes a = fixture("good", pth), b = fixture("good", safe);
    if (pth_parse(arena, a.data, a.size, pth, options, &found) != SK_OK) fail_msg("%s", sk_error());
    free(a.data); /* nothing may point into it */
    assert_int_equal(safetensors_parse(arena, b.data, b.size, safe, &expected), SK_OK);
    assert_same_weights(&found, &expected);
    free(b.data);
    return found;
}

static void read_all(void **state) {
    (void)state;
    static const char *const names[] = {"types",      "types_legacy", "views",      "views_legacy", "module_state",
                                        "parameters", "by_hand",      "big_endian", "python2_pairs"};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct weights w = check_pair(&arena, names[i], NULL);
        bool legacy = strstr(names[i], "_legacy");
        assert_int_equal(w.format, legacy ? WEIGHTS_PTH_LEGACY : WEIGHTS_PTH);
        assert_string_equal(w.key, "");
        assert_null(w.note);
    }
    arena_free(&arena);
}

/* Values by hand, so that not all rests on the other reader. */
static void values(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w = check_pair(&arena, "types", NULL);
    static const char *const order[] = {"f32", "f64", "f16", "bf16", "u8", "s8", "s16", "s32", "i64", "flag", "empty"};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) assert_string_equal(w.tensors[i].name, order[i]);
    assert_string_equal(w.tensors[12].name, "gr\xc3\xb6\xc3\x9f"
                                            "e.weight");
    assert_true(*(int64_t *)weights_find(&w, "i64")->data == (1LL << 40) + 3);
    assert_int_equal(weights_find(&w, "i64")->shape.rank, 0);
    assert_true(((float *)weights_find(&w, "f32")->data)[23] == 23.0f / 7);
    assert_memory_equal(weights_find(&w, "flag")->data, "\1\0\1", 3);
    w = check_pair(&arena, "views", NULL);
    const float *b = weights_find(&w, "b")->data; /* a.t()[1:] of arange(12).view(3, 4) */
    static const float expected[] = {1, 5, 9, 2, 6, 10, 3, 7, 11};
    assert_memory_equal(b, expected, sizeof expected);
    arena_free(&arena);
}

static void checkpoints(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w = check_pair(&arena, "checkpoint", NULL);
    assert_string_equal(w.key, "model");
    assert_string_equal(w.note, "took the weights under 'model'; the file has others under 'model_ema'");
    check_pair(&arena, "checkpoint_legacy", NULL);
    assert_string_equal(check_pair(&arena, "under_state_dict", NULL).key, "state_dict");
    w = check_pair(&arena, "extra_entries", NULL);
    assert_string_equal(w.note, "2 entries among the weights are no tensor (the last is 'none')");

    struct bytes bytes = fixture("good", "checkpoint.pth");
    struct weights_options options = {.key = "model_ema"};
    assert_int_equal(pth_parse(&arena, bytes.data, bytes.size, "it", &options, &w), SK_OK);
    assert_string_equal(w.key, "model_ema");
    assert_non_null(weights_find(&w, "module.0.weight"));
    options.key = "";
    assert_int_equal(pth_parse(&arena, bytes.data, bytes.size, "it", &options, &w), SK_OK);
    assert_int_equal(w.count, 1); /* "scalar" stands at the top level */
    options.key = "modell";
    assert_int_equal(pth_parse(&arena, bytes.data, bytes.size, "it", &options, &w), SK_EFORMAT);
    assert_string_equal(sk_error(), "it: its entry 'modell' is missing or holds no tensors");
    free(bytes.data);
    arena_free(&arena);
}

static sk_status parse_hostile(struct arena *arena, const uint8_t *bytes, size_t size, const char *what) {
    struct weights w;
    return pth_parse(arena, bytes, size, what, NULL, &w);
}

static const struct hostile hostile_files[] = {
    {"alias_bomb.pth",
     "tensor 'w8': a file of 6110 bytes cannot hold its 524288 elements (siskin copies at most 167894"},
    {"bad_utf8.pth", "data.pkl at byte 4: a string is not valid UTF-8"},
    {"bit_flip.pth", "zip entry 'archive/data/0': its CRC-32 is 8b088a1a where the file says 25601b8b"},
    {"bit_flip_pickle.pth", "zip entry 'archive/data.pkl': its CRC-32 is 4658f618 where the file says 4901ce04"},
    {"byte_order.pth", "its byte order is neither 'little' nor 'big'"},
    {"complex.pth", "tensor 'c': its numbers are of type ComplexFloatStorage, which siskin does not hold"},
    {"deflated.pth", "zip entry 'archive/data.pkl': it is compressed (method 8), but weight files store their entries"},
    {"empty.pth", "its first bytes are neither those of the zip nor of the older form that torch.save writes"},
    {"eval.pth", "data.pkl at byte 13: the pickle asks for __builtin__.eval, which a weight file has no use for"},
    {"huge_shape.pth", "tensor 'w': shape (1099511627776, 1099511627776) has more elements than 64 bits can count"},
    {"huge_size.pth",
     "tensor 'w': a file of 619 bytes cannot hold its 4611686018427387904 elements (siskin copies at "},
    {"integer_names.pth", "a tensor's name is a whole number, not a string"},
    {"legacy_count.pth", "storage '"},
    {"legacy_cut_pickle.pth", "pickle 3 (system) at byte 98: the pickle ends in the middle of a value"},
    {"legacy_magic.pth", "its first bytes are neither those of the zip nor of the older form that torch.save writes"},
    {"legacy_trailing.pth", "1 bytes of no storage follow its end"},
    {"legacy_truncated.pth", "storage '"},
    {"legacy_version.pth", "its format version is not 1001, the only one that torch.save ever wrote"},
    {"lone_zip_end.pth", "its zip entries are not in a folder, as those of torch.save are"},
    {"missing_storage.pth", "the numbers of storage 'data/7' are missing"},
    {"module.pth", "data.pkl at byte 2: the pickle asks for torch.nn.modules.linear.Linear: the file holds a whole "},
    {"negative_offset.pth", "data.pkl at byte 142: a tensor's offset is not a whole number of 0 or more"},
    {"negative_size.pth", "data.pkl at byte 142: a tensor's size is not a whole number of 0 or more"},
    {"negative_stride.pth", "data.pkl at byte 142: a tensor's stride is not a whole number of 0 or more"},
    {"no_folder.pth", "its zip entries are not in a folder, as those of torch.save are"},
    {"no_name.pth", "a tensor's name '' is empty or has a zero byte in it"},
    {"no_pickle.pth", "it has no data.pkl, so it is a zip file but no .pth"},
    {"no_tensors.pth",
     "its top level is a dict without named tensors, and there are none under 'state_dict', 'model' o"},
    {"numpy_scalar.pth",
     "data.pkl at byte 13: the pickle asks for numpy._core.multiarray.scalar, which a weight file has"},
    {"offset_beyond.pth", "tensor 'w': its sizes, strides and offset reach beyond the 4 elements that are stored"},
    {"only_tensor.pth",
     "its top level is a tensor without named tensors, and there are none under 'state_dict', 'model'"},
    {"os_system.pth", "data.pkl at byte 169: the pickle asks for posix.system, which a weight file has no use for"},
    {"os_system_legacy.pth",
     "pickle 4 (tensors) at byte 13: the pickle asks for posix.system, which a weight file has no use"},
    {"pickle_alone.pth", "its first bytes are neither those of the zip nor of the older form that torch.save writes"},
    {"pickle_append_to_dict.pth", "data.pkl at byte 5: the pickle takes a dict for a list"},
    {"pickle_below_mark.pth", "data.pkl at byte 5: the pickle uses a value that it never made"},
    {"pickle_build_on_int.pth", "data.pkl at byte 5: the pickle gives attributes to a whole number"},
    {"pickle_call_not_tuple.pth", "data.pkl at byte 28: the pickle takes a dict for a tuple"},
    {"pickle_call_of_dict.pth", "data.pkl at byte 4: the pickle stops in the middle of a value"},
    {"pickle_call_storage.pth", "data.pkl at byte 23: the pickle calls torch.FloatStorage, which is no function"},
    {"pickle_cut_name.pth", "data.pkl at byte 2: the name of a Python object is cut short or longer than 255 bytes"},
    {"pickle_cut_string.pth", "data.pkl at byte 2: the pickle ends in the middle of a value"},
    {"pickle_dict_of_numbers.pth", "data.pkl at byte 36: a dict is built from something else than a list of pairs"},
    {"pickle_early_stop.pth", "data.pkl at byte 4: the pickle stops in the middle of a value"},
    {"pickle_empty.pth", "data.pkl at byte 2: the pickle ends in the middle of a value"},
    {"pickle_extension.pth",
     "data.pkl at byte 2: the pickle uses the operation 0x82, which a weight file has no use for"},
    {"pickle_holds_itself.pth",
     "its top level is a dict without named tensors, and there are none under 'state_dict', 'model' o"},
    {"pickle_inst.pth", "data.pkl at byte 3: the pickle uses the operation 0x53, which a weight file has no use for"},
    {"pickle_long_name.pth", "data.pkl at byte 2: the name of a Python object is cut short or longer than 255 bytes"},
    {"pickle_long_number.pth", "data.pkl at byte 2: a whole number has 10 bytes, but siskin reads up to 8"},
    {"pickle_marks.pth", "data.pkl at byte 1002: the pickle nests deeper than 1000 groups"},
    {"pickle_memo_bomb.pth", "data.pkl at byte 3: the pickle numbers value 16777215 after only 3 steps"},
    {"pickle_memo_unknown.pth", "data.pkl at byte 2: the pickle asks for value 5, which it never numbered"},
    {"pickle_no_stop.pth", "data.pkl at byte 3: the pickle ends in the middle of a value"},
    {"pickle_obj.pth", "data.pkl at byte 3: the pickle asks for os.system, which a weight file has no use for"},
    {"pickle_odd_dict.pth", "data.pkl at byte 6: a dict has a key without a value"},
    {"pickle_persistent.pth", "data.pkl at byte 4: the pickle refers to something outside that is no storage"},
    {"pickle_protocol4.pth",
     "its first bytes are neither those of the zip nor of the older form that torch.save writes"},
    {"pickle_python2_build.pth", "data.pkl at byte 161: the pickle gives attributes to a Python name"},
    {"pickle_stack_global.pth",
     "data.pkl at byte 2: the pickle uses the operation 0x8c, which a weight file has no use for"},
    {"pickle_storage_count.pth",
     "data.pkl at byte 60: a tensor's number of stored elements is not a whole number of 0 or more"},
    {"pickle_storage_huge.pth", "data.pkl at byte 60: a storage has 4611686018427387904 elements"},
    {"pickle_storage_type.pth",
     "data.pkl at byte 34: a storage's type is a whole number, not one of torch's storage types"},
    {"pickle_tensor_of_nothing.pth", "data.pkl at byte 36: a tensor is built from 0 values, not 4 to 7"},
    {"pickle_underflow.pth", "data.pkl at byte 2: the pickle uses a value that it never made"},
    {"protocol4.pth", "data.pkl at byte 0: the pickle is of protocol 4, but torch.save writes protocol 2"},
    {"quantised.pth",
     "data.pkl at byte 13: the pickle asks for torch._utils._rebuild_qtensor, which belongs to quanti"},
    {"rank9.pth", "data.pkl at byte 166: a tensor has 9 dimensions, but siskin holds at most 8"},
    {"rank_differs.pth", "data.pkl at byte 136: a tensor has 2 sizes but 1 strides"},
    {"same_name.pth", "it holds two tensors called 'w'"},
    {"storage_path.pth", "the numbers of storage 'data/../../etc/passwd' are missing"},
    {"storage_size.pth", "storage 'data/0' has 16 bytes, but its 5 elements take 20"},
    {"stride_bomb.pth",
     "tensor 'w': a file of 619 bytes cannot hold its 1073741824 elements (siskin copies at most 1677"},
    {"stride_overflow.pth", "tensor 'w': its sizes, strides and offset reach beyond the 4 elements that are stored"},
    {"text.pth", "its first bytes are neither those of the zip nor of the older form that torch.save writes"},
    {"torchscript.pth", "this is a TorchScript program, not weights"},
    {"truncated.pth", "it has no zip end record"},
    {"truncated_half.pth", "it has no zip end record"},
    {"two_folders.pth", "zip entry 'brchive/version' is outside the one folder that torch.save makes"},
    {"uint16.pth", "data.pkl at byte 13: the pickle asks for torch._utils._rebuild_tensor_v3, which builds tensors "},
    {"zero_in_name.pth", "a tensor's name 'w?x' is empty or has a zero byte in it"},
    {"zip64_missing.pth", "its zip64 locator is missing"},
    {"zip64_wrap.pth", "its zip64 end record is not where the locator says"},
    {"zip_beyond.pth", "zip entry 'archive/data/0': it lies outside the file"},
    {"zip_comment.pth", "it has no zip end record"},
    {"zip_count.pth", "its zip directory has bytes of no entry"},
    {"zip_encrypted.pth", "zip entry 'archive/data.pkl': it is encrypted"},
    {"zip_many.pth", "its zip directory is too short for 60000 entries"},
    {"zip_misplaced.pth", "zip entry 'archive/data/0': its local header is not where the zip directory says"},
    {"zip_other_name.pth", "zip entry 'archive/data/0': its local header gives it another name"},
    {"zip_overlap.pth", "zip entry 'archive/data/0' overlaps another"},
    {"zip_same_name.pth", "zip entry 'archive/data/0' stands in the file twice"},
};

static void refused(void **state) {
    (void)state;
    assert_hostile(hostile_files, sizeof hostile_files / sizeof hostile_files[0], ".pth", parse_hostile);
    assert_false(file_exists("/tmp/siskin-was-here"));
}

static void checksum(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights_options options = {.ignore_checksum = true};
    check_pair(&arena, "wrong_sum", &options);
    struct bytes bytes = fixture("good", "wrong_sum.pth");
    assert_int_equal(parse_hostile(&arena, bytes.data, bytes.size, "it"), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "CRC-32"));
    free(bytes.data);
    arena_free(&arena);
}

static void cut(void **state) {
    (void)state;
    static const char *const names[] = {"by_hand.pth", "types_legacy.pth"};
    for (size_t n = 0; n < 2; n++) {
        struct bytes bytes = fixture("good", names[n]);
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
}

/* Any one bit flipped: the file is refused, or gives the very same tensors (a date was hit). */
static void flipped(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights expected, found;
    struct bytes bytes = fixture("good", "by_hand.pth");
    assert_int_equal(pth_parse(&arena, bytes.data, bytes.size, "it", NULL, &expected), SK_OK);
    size_t refused_bits = 0;
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        struct arena one = {0};
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (pth_parse(&one, bytes.data, bytes.size, "it", NULL, &found) == SK_OK)
            assert_same_weights(&found, &expected);
        else
            refused_bits++;
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        arena_free(&one);
    }
    assert_true(refused_bits > 4 * bytes.size);
    free(bytes.data);
    arena_free(&arena);
}

static void written(void **state) {
    (void)state;
    static const char *const names[] = {"types", "views", "module_state"};
    struct arena arena = {0};
    for (size_t n = 0; n < 3; n++) {
        struct weights w = check_pair(&arena, names[n], NULL), again;
        uint8_t *out, *twice;
        size_t size, twice_size;
        assert_int_equal(pth_encode(&arena, &w, &out, &size), SK_OK);
        if (pth_parse(&arena, out, size, "ours", NULL, &again) != SK_OK) fail_msg("%s", sk_error());
        assert_same_weights(&again, &w);
        for (size_t i = 0; i < w.count; i++) assert_string_equal(again.tensors[i].name, w.tensors[i].name);
        assert_int_equal(pth_encode(&arena, &again, &twice, &twice_size), SK_OK);
        assert_int_equal(size, twice_size);
        assert_memory_equal(out, twice, size);

        struct stored_zip zip;
        assert_int_equal(stored_zip_parse(&arena, out, size, false, &zip), SK_OK);
        assert_int_equal(zip.count, w.count + 3);
        assert_string_equal(zip.first, "archive/data.pkl");
        for (size_t i = 0; i < zip.count; i++) assert_int_equal((zip.entries[i].data - out) % 64, 0);
        assert_null(stored_zip_find(&zip, "archive/data/999"));
    }
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_all), cmocka_unit_test(values), cmocka_unit_test(checkpoints), cmocka_unit_test(refused),
        cmocka_unit_test(checksum), cmocka_unit_test(cut),    cmocka_unit_test(flipped),     cmocka_unit_test(written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
