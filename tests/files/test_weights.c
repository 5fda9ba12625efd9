/* test_weights.c — opening by content, saving by extension.
 *
 * With SISKIN_KEEP=folder what is written stays there for golden/check_files.py to read with torch; where
 * the folder holds an input.pth, it is converted too. SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "files/npy.h"
#include "files/weights.h"

static const char *keep(void) {
    const char *folder = getenv("SISKIN_KEEP");
    return folder ? folder : SCRATCH;
}

static void open_fixture(struct arena *arena, const char *name, struct weights *w) {
    char *path = arena_printf(arena, "%s/files/good/%s", FIXTURES, name);
    if (weights_open(arena, path, NULL, w) != SK_OK) fail_msg("%s", sk_error());
}

static void open_by_content(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights safe, pth, legacy;
    open_fixture(&arena, "types.safetensors", &safe);
    open_fixture(&arena, "types.pth", &pth);
    open_fixture(&arena, "types_legacy.pth", &legacy);
    assert_int_equal(safe.format, WEIGHTS_SAFETENSORS);
    assert_int_equal(pth.format, WEIGHTS_PTH);
    assert_int_equal(legacy.format, WEIGHTS_PTH_LEGACY);
    assert_same_weights(&pth, &safe);
    assert_same_weights(&legacy, &safe);
    weights_close(&safe);
    weights_close(&safe); /* harmless */
    weights_close(&pth);
    weights_close(&legacy);
    arena_free(&arena);
}

/* Header lengths whose first bytes are another format's magic: 80 02, 'PK'. */
static void lengths_like_magic(void **state) {
    (void)state;
    static const size_t lengths[] = {0x0280, 0x0480, 0x4b50, 0x0a80};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *bytes = arena_alloc(&arena, 8 + lengths[i]);
        bytes[0] = (uint8_t)lengths[i];
        bytes[1] = (uint8_t)(lengths[i] >> 8);
        memset(bytes + 8, ' ', lengths[i]);
        memcpy(bytes + 8, "{}", 2);
        struct weights w;
        if (weights_parse(&arena, bytes, 8 + lengths[i], "it", NULL, &w) != SK_OK) fail_msg("%s", sk_error());
        assert_int_equal(w.format, WEIGHTS_SAFETENSORS);
    }
    arena_free(&arena);
}

static void not_weights(void **state) {
    (void)state;
    static const struct hostile table[] = {
        {"hostile/empty.pth", "the file is empty"},
        {"hostile/text.pth", "this is neither a .safetensors nor a .pth, .h5 or msgpack file"},
        {"hostile/pickle_protocol4.pth", "this is a pickle of protocol 4"},
        {"hostile/os_system.pth", "data.pkl at byte 169: the pickle asks for posix.system"},
        {"hostile/st_overlap.safetensors", "tensor 'b' begins at data byte 7"},
        {"good/f4.npy", "this is a single array (.npy)"},
    };
    struct arena arena = {0};
    struct weights w;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *path = arena_printf(&arena, "%s/files/%s", FIXTURES, table[i].name);
        char *expected = arena_printf(&arena, "%s: %s", path, table[i].sentence);
        assert_int_equal(weights_open(&arena, path, NULL, &w), SK_EFORMAT);
        if (strncmp(sk_error(), expected, strlen(expected)) != 0) fail_msg("%s, expected %s", sk_error(), expected);
        assert_null(w.bytes.data);
    }
    assert_int_equal(weights_open(&arena, "/nowhere/x.pth", NULL, &w), SK_EIO);
    arena_free(&arena);
}

static void save_and_open(struct arena *arena, const struct weights *w, const char *name) {
    char *path = arena_printf(arena, "%s/%s", keep(), name);
    struct weights again;
    if (weights_save(path, w) != SK_OK) fail_msg("%s", sk_error());
    if (weights_open(arena, path, NULL, &again) != SK_OK) fail_msg("%s", sk_error());
    assert_same_weights(&again, w);
    weights_close(&again);
}

static void saved(void **state) {
    (void)state;
    static const char *const names[] = {"types", "views", "module_state"};
    struct arena arena = {0};
    for (size_t i = 0; i < 3; i++) {
        struct weights w;
        open_fixture(&arena, arena_printf(&arena, "%s.pth", names[i]), &w);
        w.metadata = (struct weights_pair[]){{"made by", "siskin \xc3\xbc"}};
        w.metadata_count = 1;
        save_and_open(&arena, &w, arena_printf(&arena, "siskin_%s.pth", names[i]));
        save_and_open(&arena, &w, arena_printf(&arena, "siskin_%s.safetensors", names[i]));
    }
    struct tensor fortran;
    char *path = arena_printf(&arena, "%s/files/good/fortran.npy", FIXTURES);
    assert_int_equal(npy_open(&arena, path, &fortran), SK_OK);
    assert_int_equal(npy_save(arena_printf(&arena, "%s/siskin_fortran.npy", keep()), &fortran), SK_OK);
    arena_free(&arena);
}

static void saved_wrongly(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights none = {.count = 0};
    assert_int_equal(weights_save("weights.h5", &none), SK_EUSAGE);
    assert_string_equal(sk_error(),
                        "weights.h5: weights are saved as .safetensors or .pth, but the name ends in '.h5'");
    assert_int_equal(weights_save("/nowhere/x.pth", &none), SK_EIO);
    assert_int_equal(weights_save("/nowhere/x.safetensors", &none), SK_EIO);
    arena_free(&arena);
}

static void converted(void **state) {
    (void)state;
    struct arena arena = {0};
    struct weights w;
    char *path = arena_printf(&arena, "%s/input.pth", keep());
    if (!getenv("SISKIN_KEEP") || !file_exists(path)) {
        arena_free(&arena);
        return;
    }
    if (weights_open(&arena, path, NULL, &w) != SK_OK) fail_msg("%s", sk_error());
    save_and_open(&arena, &w, "output.pth");
    save_and_open(&arena, &w, "output.safetensors");
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_by_content), cmocka_unit_test(lengths_like_magic), cmocka_unit_test(not_weights),
        cmocka_unit_test(saved),           cmocka_unit_test(saved_wrongly),      cmocka_unit_test(converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
