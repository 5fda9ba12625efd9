/* test_decode.c — pictures of every kind equal what Pillow decodes; broken ones give their sentence.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/noise.h"
#include "data/decode.h"
#include "data/png_write.h"

static sk_status decode_file(const char *name, enum exif_policy exif, struct scratch *scratch,
                             struct picture *picture) {
    struct arena arena = {0};
    struct file_bytes bytes;
    const char *path = arena_printf(&arena, "%s/data/pictures/%s", FIXTURES, name);
    if (file_map(path, &bytes) != SK_OK) fail_msg("%s", sk_error());
    /* A copy of exactly the file's size, so that reading beyond it shows. */
    uint8_t *copy = block_new(bytes.size);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    struct decode_options options = {.exif = exif};
    sk_status status = decode_picture(copy, bytes.size, name, &options, scratch, picture);
    block_free(copy);
    file_unmap(&bytes);
    arena_free(&arena);
    return status;
}

/* The hash of a picture as RGB. */
static void rgb_hash(const struct picture *picture, char *hash) {
    size_t count = (size_t)picture->height * (size_t)picture->width;
    uint8_t *rgb = block_new(count * 3);
    for (size_t i = 0; i < count * 3; i++) {
        rgb[i] = picture->channels == 3 ? picture->pixels[i] : picture->pixels[i / 3];
    }
    fnv(rgb, count * 3, hash);
    block_free(rgb);
}

static void equals_pillow(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/data/pictures.json");
    assert_non_null(json);
    int count = 0, different = 0;
    for (const struct json *c = json_get(json, "good")->child; c; c = c->next, count++) {
        const char *name = json_string(c, "file", "?"), *exif = json_string(c, "exif", "?");
        struct picture picture;
        if (decode_file(name, strcmp(exif, "apply") == 0 ? EXIF_APPLY : EXIF_IGNORE, &scratch, &picture) != SK_OK) {
            fail_msg("%s", sk_error());
        }
        assert_int_equal(picture.height, json_integer(c, "height", 0));
        assert_int_equal(picture.width, json_integer(c, "width", 0));
        assert_true(picture.channels == 1 || picture.channels == 3);
        char hash[17];
        rgb_hash(&picture, hash);
        if (strcmp(hash, json_string(c, "fnv", "")) == 0) continue;
        different++;
        print_error("%s (exif %s): first bytes %d %d %d, Pillow's %d %d %d\n", name, exif, picture.pixels[0],
                    picture.pixels[1], picture.pixels[2], list_item(json_get(c, "first"), 0),
                    list_item(json_get(c, "first"), 1), list_item(json_get(c, "first"), 2));
    }
    assert_int_equal(different, 0);
    assert_in_range(count, 50, 100);
    assert_int_equal(scratch.damaged, 0);
    scratch_free(&scratch);
    arena_free(&arena);
}

static void grey_stays_grey(void **state) {
    (void)state;
    static const char *const grey[] = {"grey.jpg", "grey.png", "one_bit.png", "grey_alpha.png", "grey16.png"};
    struct scratch scratch = {0};
    struct picture picture;
    for (size_t i = 0; i < sizeof grey / sizeof grey[0]; i++) {
        assert_int_equal(decode_file(grey[i], EXIF_IGNORE, &scratch, &picture), SK_OK);
        assert_int_equal(picture.channels, 1);
    }
    assert_int_equal(decode_file("palette2.png", EXIF_IGNORE, &scratch, &picture), SK_OK);
    assert_int_equal(picture.channels, 3);
    scratch_free(&scratch);
}

static void broken_say_so(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/data/pictures.json");
    assert_non_null(json);
    int count = 0;
    for (const struct json *c = json_get(json, "bad")->child; c; c = c->next, count++) {
        const char *name = json_string(c, "file", "?"), *says = json_string(c, "says", "?");
        struct picture picture;
        sk_status status = decode_file(name, EXIF_APPLY, &scratch, &picture);
        if (status != SK_EFORMAT && status != SK_EDATA) fail_msg("%s: status %d", name, (int)status);
        if (!strstr(sk_error(), says) || strncmp(sk_error(), name, strlen(name)) != 0) {
            fail_msg("%s: \"%s\" does not say \"%s\"", name, sk_error(), says);
        }
    }
    assert_in_range(count, 14, 30);
    scratch_free(&scratch);
    arena_free(&arena);
}

static void own_cap(void **state) {
    (void)state;
    struct scratch scratch = {0};
    struct picture picture;
    struct file_bytes bytes;
    assert_int_equal(file_map(FIXTURES "/data/pictures/rgb.png", &bytes), SK_OK);
    struct decode_options options = {.pixels_max = 47 * 61 - 1};
    assert_int_equal(decode_picture(bytes.data, bytes.size, "x", &options, &scratch, &picture), SK_EDATA);
    options.pixels_max++;
    assert_int_equal(decode_picture(bytes.data, bytes.size, "x", &options, &scratch, &picture), SK_OK);
    file_unmap(&bytes);
    scratch_free(&scratch);
}

/* What was damaged but could be decoded is counted: bytes between the picture's data and its end. */
static void damage_is_counted(void **state) {
    (void)state;
    struct scratch scratch = {0};
    struct picture picture;
    struct file_bytes bytes;
    assert_int_equal(file_map(FIXTURES "/data/pictures/restart.jpg", &bytes), SK_OK);
    uint8_t *copy = block_new(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    for (size_t i = bytes.size - 1; i > 0; i--) { /* the last restart marker gets a wrong number */
        if (copy[i - 1] != 0xff || copy[i] < 0xd0 || copy[i] > 0xd7) continue;
        copy[i] = (uint8_t)(0xd0 | ((copy[i] + 3) & 7));
        break;
    }
    struct decode_options options = {0};
    assert_int_equal(decode_picture(copy, bytes.size, "x", &options, &scratch, &picture), SK_OK);
    assert_int_equal(scratch.damaged, 1);
    block_free(copy);
    file_unmap(&bytes);
    scratch_free(&scratch);
}

static void png_there_and_back(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    for (int channels = 1; channels <= 4; channels++) {
        if (channels == 2) continue;
        struct picture source = noise(&arena, 13, 17, channels, 4, false), back;
        struct text text = {0};
        assert_int_equal(encode_png(&source, &text), SK_OK);
        struct decode_options options = {0};
        assert_int_equal(decode_picture((const uint8_t *)text.data, text.length, "own.png", &options, &scratch, &back),
                         SK_OK);
        assert_int_equal(back.channels, channels == 4 ? 3 : channels);
        for (int i = 0; i < 13 * 17; i++) {
            assert_memory_equal(back.pixels + i * back.channels, source.pixels + i * channels, (size_t)back.channels);
        }
        text_free(&text);
    }
    scratch_free(&scratch);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow), cmocka_unit_test(grey_stays_grey),   cmocka_unit_test(broken_say_so),
        cmocka_unit_test(own_cap),       cmocka_unit_test(damage_is_counted), cmocka_unit_test(png_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
