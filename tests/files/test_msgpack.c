/* test_msgpack.c — what flax.serialization wrote, and files that try to harm.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "files/msgpack.h"

static struct weights check_pair(struct arena *arena, const char *name) {
    struct weights found, expected;
    char *packed = arena_printf(arena, "%s.msgpack", name), *safe = arena_printf(arena, "%s.safetensors", name);
    struct bytes a = fixture("good", packed), b = fixture("good", safe);
    if (weights_parse(arena, a.data, a.size, packed, NULL, &found) != SK_OK) fail_msg("%s", sk_error());
    free(a.data); /* nothing may point into it */
    assert_int_equal(safetensors_parse(arena, b.data, b.size, safe, &expected), SK_OK);
    assert_same_weights(&found, &expected);
    free(b.data);
    assert_int_equal(found.format, WEIGHTS_MSGPACK);
    return found;
}

static void read_all(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w = check_pair(&arena, "flax");
    assert_non_null(weights_find(&w, "batch_stats/Net_0/Norm/var"));
    assert_string_equal(w.note, "1 entries of the file are no array of numbers that siskin holds");
    w = check_pair(&arena, "flax_types");
    assert_true(((float *)weights_find(&w, "scalar")->data)[0] == 2.5f);
    assert_string_equal(w.note, "5 entries of the file are no array of numbers that siskin holds");
    assert_null(check_pair(&arena, "flax_chunks").note);
    arena_free(&arena);
}

static sk_status parse_hostile(struct arena *arena, const uint8_t *bytes, size_t size, const char *what) {
    struct weights w;
    return msgpack_parse(arena, bytes, size, what, &w);
}

static const struct hostile hostile_files[] = {
    {"bad_utf8.msgpack", "at byte 3: a map's key is too long, has a zero byte or is not valid UTF-8"},
    {"body.msgpack", "at byte 17: an array is not [shape, name of its type, bytes]"},
    {"body_trailing.msgpack", ""},
    {"chunk_count.msgpack", "the chunks of 'a' have 4 numbers, but its shape 5"},
    {"chunk_none.msgpack", "the chunked array 'a' is not a shape and chunks"},
    {"chunk_order.msgpack", "the chunked array 'a' has a chunk that is no array, of another type or out of order"},
    {"cut.msgpack", ""},
    {"deep.msgpack", "at byte 192: its maps are nested more than 64 deep"},
    {"deep_list.msgpack", "at byte 66: its maps are nested more than 64 deep"},
    {"huge_bytes.msgpack", "at byte 8: 4294967295 bytes should follow, but only 2 are left"},
    {"huge_extension.msgpack", "at byte 8: 4294967296 bytes should follow, but only 2 are left"},
    {"huge_list.msgpack", "at byte 8: 4294967295 bytes should follow, but only 2 are left"},
    {"huge_map.msgpack", "at byte 5: 8589934590 bytes should follow, but only 0 are left"},
    {"integer_key.msgpack", "at byte 2: a map's key is not a string"},
    {"list.msgpack", "it is not a map of names, as Flax's files are"},
    {"negative.msgpack", ""},
    {"no_arrays.msgpack", "it holds no arrays"},
    {"other_extension.msgpack", "at byte 5: extension type 5 is none that Flax writes (1 to 3)"},
    {"overflow.msgpack", "shape (1099511627776, 1099511627776) has more elements than 64 bits can count"},
    {"ranks.msgpack", ""},
    {"reserved.msgpack", "at byte 4: byte c1 begins no value"},
    {"same_name.msgpack", "two tensors are called 'a/b'"},
    {"shape_text.msgpack", ""},
    {"size.msgpack", ""},
    {"trailing.msgpack", "1 bytes of nothing follow its end"},
    {"twice.msgpack", "at byte 7: a map has the key 'a' twice"},
};

static void hostile(void **state) {
    (void)state;
    assert_hostile(hostile_files, sizeof hostile_files / sizeof hostile_files[0], ".msgpack", parse_hostile);
}

/* Any single byte changed, any length cut: an answer, never a crash (the sanitizers listen). */
static void mutations(void **state) {
    (void)state;
    struct bytes good = fixture("good", "flax.msgpack");
    size_t refused = 0;
    for (size_t i = 0; i < good.size; i++) {
        struct arena arena = {0};
        uint8_t kept = good.data[i];
        good.data[i] ^= (uint8_t)(1 << i % 8);
        refused += parse_hostile(&arena, good.data, good.size, "it") != SK_OK;
        good.data[i] = kept;
        if (parse_hostile(&arena, good.data, i, "it") == SK_OK) fail_msg("%zu bytes of it were accepted", i);
        arena_free(&arena);
    }
    assert_in_range(refused, 50, good.size); /* the numbers themselves may be any */
    free(good.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_all),
        cmocka_unit_test(hostile),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
