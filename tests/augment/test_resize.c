/* test_resize.c — Pillow's bytes at odd sizes, up and down, every filter, 1, 3 and 4 channels; and what is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/resize.h"
#include "augment/noise.h"

static void run_case(const struct json *json, struct scratch *scratch) {
    struct arena arena = {0};
    const struct json *from = json_get(json, "source"), *to = json_get(json, "to"), *b = json_get(json, "box");
    struct picture source = noise(&arena, list_item(from, 0), list_item(from, 1), list_item(from, 2),
                                  (uint32_t)json_integer(json, "seed", 0), json_boolean(json, "extreme", false));
    struct picture_box box = {list_item(b, 0), list_item(b, 1), list_item(b, 2), list_item(b, 3)};
    const char *name = json_string(json, "filter", "?");
    enum resize_filter filter;
    assert_true(resize_filter_by_name(name, &filter));
    assert_string_equal(resize_filter_name(filter), name);
    struct picture result;
    if (resize_picture(&source, &box, list_item(to, 0), list_item(to, 1), filter, scratch, &result) != SK_OK) {
        fail_msg("%s", sk_error());
    }
    assert_int_equal(result.height, list_item(to, 0));
    assert_int_equal(result.width, list_item(to, 1));
    assert_int_equal(result.channels, source.channels);
    char hash[17];
    size_t size = (size_t)result.height * (size_t)result.width * (size_t)result.channels;
    fnv(result.pixels, size, hash);
    if (strcmp(hash, json_string(json, "fnv", "")) != 0) {
        fail_msg("%s %dx%dx%d -> %dx%d: first byte %d, Pillow's %d; last %d, Pillow's %d", name, source.height,
                 source.width, source.channels, result.height, result.width, result.pixels[0],
                 list_item(json_get(json, "first"), 0), result.pixels[size - 1],
                 list_item(json_get(json, "last"), size < 8 ? (int)size - 1 : 7));
    }
    arena_free(&arena);
}

static void equals_pillow(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/resize.json");
    assert_non_null(json);
    int count = 0;
    for (const struct json *c = json_get(json, "cases")->child; c; c = c->next, count++) run_case(c, &scratch);
    assert_int_equal(count, 375);
    scratch_free(&scratch);
    arena_free(&arena);
}

/* Without antialias: torchvision's bytes of a uint8 tensor. */
static void equals_torch(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/resize_plain.json");
    assert_non_null(json);
    int count = 0;
    for (const struct json *c = json_get(json, "cases")->child; c; c = c->next, count++) {
        const struct json *from = json_get(c, "source"), *to = json_get(c, "to");
        struct picture result, source = noise(&arena, list_item(from, 0), list_item(from, 1), list_item(from, 2),
                                              (uint32_t)json_integer(c, "seed", 0), json_boolean(c, "extreme", false));
        enum resize_filter filter;
        char hash[17];
        assert_true(resize_filter_by_name(json_string(c, "filter", "?"), &filter));
        if (resize_plain(&source, list_item(to, 0), list_item(to, 1), filter, &scratch, &result) != SK_OK)
            fail_msg("%s", sk_error());
        fnv(result.pixels, (size_t)result.height * (size_t)result.width * (size_t)result.channels, hash);
        if (strcmp(hash, json_string(c, "fnv", "")) != 0)
            fail_msg("%s %dx%dx%d -> %dx%d differs", json_string(c, "filter", "?"), source.height, source.width,
                     source.channels, result.height, result.width);
    }
    assert_int_equal(count, 70);
    struct picture one = noise(&arena, 4, 4, 3, 1, false), result;
    assert_int_equal(resize_plain(&one, 2, 2, RESIZE_BOX, &scratch, &result), SK_EUSAGE);
    assert_int_equal(resize_plain(&one, 1 << 14, 1 << 14, RESIZE_BILINEAR, &scratch, &result), SK_EDATA);
    scratch_free(&scratch);
    arena_free(&arena);
}

static void same_size_is_free(void **state) {
    (void)state;
    struct scratch scratch = {0};
    uint8_t pixels[12] = {1, 2, 3};
    struct picture source = {pixels, 2, 2, 3}, result;
    assert_int_equal(resize_picture(&source, NULL, 2, 2, RESIZE_BICUBIC, &scratch, &result), SK_OK);
    assert_ptr_equal(result.pixels, pixels);
    assert_null(scratch.slot[SCRATCH_RESIZED].data);
}

static void refuses(void **state) {
    (void)state;
    struct scratch scratch = {0};
    uint8_t pixels[12] = {0};
    struct picture source = {pixels, 2, 2, 3}, result, two = {pixels, 2, 2, 2}, line = {pixels, 1, 4, 3};
    assert_int_equal(resize_picture(&source, NULL, 0, 5, RESIZE_BOX, &scratch, &result), SK_EDATA);
    assert_int_equal(resize_picture(&source, NULL, 1 << 20, 1 << 20, RESIZE_BOX, &scratch, &result), SK_EDATA);
    assert_non_null(strstr(sk_error(), "1048576x1048576"));
    assert_int_equal(resize_picture(&two, NULL, 5, 5, RESIZE_BOX, &scratch, &result), SK_EINTERNAL);
    assert_int_equal(resize_picture(&line, NULL, 1 << 25, 1, RESIZE_BOX, &scratch, &result), SK_EDATA);
    const struct picture_box outside[] = {{-1, 0, 1, 1}, {0, 0, 3, 1}, {0, 0, 1, 0}, {0, 2, 1, 1}};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(resize_picture(&source, &outside[i], 5, 5, RESIZE_BOX, &scratch, &result), SK_EINTERNAL);
    }
    enum resize_filter filter;
    assert_false(resize_filter_by_name("lanczos", &filter));
    scratch_free(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(equals_torch),
        cmocka_unit_test(same_size_is_free),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
