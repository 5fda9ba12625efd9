/* test_preprocess.c — equal bits with torchvision's ImageClassification preset; JSON there and back; refusals.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/preprocess.h"
#include "augment/noise.h"

static struct preprocess plain(int resize, int crop, int channels) {
    struct preprocess p = preprocess_default();
    p.resize = resize;
    p.crop_height = p.crop_width = crop;
    p.channels = channels;
    return p;
}

static void run_case(const struct json *json, struct scratch *scratch) {
    struct arena arena = {0};
    const struct json *from = json_get(json, "source");
    struct picture picture = noise(&arena, list_item(from, 0), list_item(from, 1), list_item(from, 2),
                                   (uint32_t)json_integer(json, "seed", 0), false);
    struct preprocess p = plain((int)json_integer(json, "resize", -1), (int)json_integer(json, "crop", -1),
                                (int)json_integer(json, "channels", -1));
    assert_true(resize_filter_by_name(json_string(json, "filter", "?"), &p.filter));
    const struct json *mean = json_get(json, "mean")->child, *std = json_get(json, "std")->child;
    for (int c = 0; c < p.channels; c++, mean = mean->next, std = std->next) {
        p.mean[c] = (float)mean->number;
        p.std[c] = (float)std->number;
    }
    size_t count = (size_t)p.crop_height * (size_t)p.crop_width * (size_t)p.channels;
    float *input = arena_array(&arena, count, sizeof *input);
    if (preprocess_check(&p) != SK_OK || preprocess_apply(&p, &picture, scratch, input) != SK_OK) {
        fail_msg("%s", sk_error());
    }
    const struct json *first = json_get(json, "first")->child, *middle = json_get(json, "middle")->child;
    for (int i = 0; i < 4; i++, first = first->next, middle = middle->next) {
        if (input[i] != (float)first->number || input[count / 2 + (size_t)i] != (float)middle->number) {
            fail_msg("seed %d, number %d: %.9g and %.9g, torchvision's %.9g and %.9g",
                     (int)json_integer(json, "seed", -1), i, (double)input[i], (double)input[count / 2 + (size_t)i],
                     first->number, middle->number);
        }
    }
    char hash[17];
    assert_string_equal(fnv(input, count * sizeof *input, hash), json_string(json, "fnv", ""));
    arena_free(&arena);
}

static void equals_torchvision(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/preprocess.json");
    assert_non_null(json);
    int count = 0;
    for (const struct json *c = json_get(json, "cases")->child; c; c = c->next, count++) run_case(c, &scratch);
    assert_int_equal(count, 12);
    scratch_free(&scratch);
    arena_free(&arena);
}

static void equals_torch_table(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/preprocess.json");
    struct preprocess p = preprocess_default();
    struct normalise_table table;
    normalise_prepare(&p, &table);
    const struct json *channel = json_get(json, "table")->child;
    for (int c = 0; c < 3; c++, channel = channel->next) {
        const struct json *item = channel->child;
        for (int v = 0; v < 256; v++, item = item->next) assert_true(table.value[c * 256 + v] == (float)item->number);
    }
    arena_free(&arena);
}

/* The golden corners say where the crop lies: row * 65536 + column, -1 in the padding. */
static void geometry(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/preprocess.json");
    int count = 0;
    for (const struct json *c = json_get(json, "geometry")->child; c; c = c->next, count++) {
        int crop = (int)json_integer(c, "crop", 0), height, width;
        struct preprocess p = plain((int)json_integer(c, "resize", 0), crop, 3);
        preprocess_resized(&p, list_item(json_get(c, "source"), 0), list_item(json_get(c, "source"), 1), &height,
                           &width);
        assert_int_equal(height, list_item(json_get(c, "resized"), 0));
        assert_int_equal(width, list_item(json_get(c, "resized"), 1));
        /* rows in the first two channels, columns in the others; 1 in front so that padding shows */
        struct picture rows = {arena_alloc(&arena, (size_t)height * (size_t)width * 4), height, width, 4};
        for (int i = 0; i < height * width; i++) {
            uint8_t pixel[4] = {(uint8_t)((i / width + 1) >> 8), (uint8_t)(i / width + 1),
                                (uint8_t)((i % width + 1) >> 8), (uint8_t)(i % width + 1)};
            memcpy(rows.pixels + (size_t)i * 4, pixel, 4);
        }
        uint8_t *out = arena_alloc(&arena, (size_t)crop * (size_t)crop * 4);
        preprocess_centre(&rows, crop, crop, out);
        for (int last = 0; last < 2; last++) {
            const uint8_t *pixel = out + (last ? ((size_t)crop * (size_t)crop - 1) * 4 : 0);
            int row = (pixel[0] << 8 | pixel[1]) - 1, column = (pixel[2] << 8 | pixel[3]) - 1;
            int expected = (int)json_integer(c, last ? "opposite" : "corner", -2);
            assert_int_equal(row < 0 || column < 0 ? -1 : row * 65536 + column, expected);
        }
    }
    assert_int_equal(count, 42);
    arena_free(&arena);
}

static void bgr_is_reversed_rgb(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    struct picture picture = noise(&arena, 9, 9, 3, 5, false);
    struct preprocess p = plain(0, 9, 3), q = p;
    q.order = COLOUR_BGR;
    for (int c = 0; c < 3; c++) q.mean[c] = p.mean[2 - c], q.std[c] = p.std[2 - c];
    float rgb[243], bgr[243];
    assert_int_equal(preprocess_apply(&p, &picture, &scratch, rgb), SK_OK);
    assert_int_equal(preprocess_apply(&q, &picture, &scratch, bgr), SK_OK);
    for (int i = 0; i < 81; i++) {
        for (int c = 0; c < 3; c++) assert_true(rgb[i * 3 + c] == bgr[i * 3 + 2 - c]);
    }
    scratch_free(&scratch);
    arena_free(&arena);
}

static sk_status read_text(struct arena *arena, const char *text, struct preprocess *p) {
    struct json *json;
    assert_int_equal(json_parse(arena, text, strlen(text), "text", &json), SK_OK);
    return preprocess_read(json_get(json, "preprocess"), p);
}

static void json_both_ways(void **state) {
    (void)state;
    struct arena arena = {0};
    struct preprocess p = plain(232, 200, 3), q;
    p.crop_width = 180;
    p.filter = RESIZE_BICUBIC;
    p.order = COLOUR_BGR;
    p.exif = EXIF_APPLY;
    p.divisor = 127.5F;
    p.mean[1] = 0.1F;
    p.mean[3] = p.std[3] = 0; /* the fourth is not written */
    struct json_writer w = {0};
    jw_object(&w, NULL);
    preprocess_write(&p, &w, "preprocess");
    jw_end_object(&w);
    if (read_text(&arena, w.text.data, &q) != SK_OK) fail_msg("%s in %s", sk_error(), w.text.data);
    assert_int_equal(q.resize, 232);
    assert_int_equal(q.crop_height, 200);
    assert_int_equal(q.crop_width, 180);
    assert_true(q.filter == p.filter && q.order == p.order && q.exif == p.exif && q.antialias && q.channels == 3);
    assert_true(q.divisor == p.divisor);
    assert_memory_equal(q.mean, p.mean, sizeof p.mean);
    assert_memory_equal(q.std, p.std, sizeof p.std);

    /* Any change to the text is an error, never a silent default. */
    static const struct {
        const char *from, *to, *says;
    } wrong[] = {
        {"\"resize\": 232", "\"resize\": -1", "resize"},
        {"\"resize\"", "\"resiz\"", "unknown member \"resiz\""},
        {"bicubic", "lanczos", "lanczos"},
        {"[200, 180]", "[200, 0]", "crop"},
        {"[200, 180]", "[200]", "crop"},
        {"\"bgr\"", "\"brg\"", "brg"},
        {"\"apply\"", "\"maybe\"", "maybe"},
        {"\"antialias\": true", "\"antialias\": 1", "antialias"},
        {"\"squash\": false", "\"squash\": 0", "squash"},
        {"\"channels\": 3", "\"channels\": 4", "4 channels"},
        {"127.5", "0", "divisor"},
        {"\"channels\": 3", "\"channels\": 1", "mean"},
        {"127.5", "\"x\"", "divisor"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *at = strstr(w.text.data, wrong[i].from);
        if (!at) fail_msg("%s is not in %s", wrong[i].from, w.text.data);
        char *text = arena_printf(&arena, "%.*s%s%s", (int)(at - w.text.data), w.text.data, wrong[i].to,
                                  at + strlen(wrong[i].from));
        struct preprocess untouched = {.resize = 77};
        if (read_text(&arena, text, &untouched) == SK_OK) fail_msg("accepted %s", text);
        if (!strstr(sk_error(), wrong[i].says)) fail_msg("\"%s\" does not say %s", sk_error(), wrong[i].says);
        assert_int_equal(untouched.resize, 77);
    }
    assert_int_equal(read_text(&arena, "{}", &q), SK_EFORMAT);
    text_free(&w.text);
    arena_free(&arena);
}

static void refuses(void **state) {
    (void)state;
    struct preprocess p = preprocess_default();
    assert_int_equal(preprocess_check(&p), SK_OK);
    p.std[2] = 0;
    assert_int_equal(preprocess_check(&p), SK_EUSAGE);
    p = preprocess_default();
    p.mean[0] = NAN;
    assert_int_equal(preprocess_check(&p), SK_EUSAGE);
    p = preprocess_default();
    p.crop_width = 0;
    assert_int_equal(preprocess_check(&p), SK_EUSAGE);
    p = preprocess_default();
    p.resize = 100000;
    assert_int_equal(preprocess_check(&p), SK_EUSAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_torchvision),  cmocka_unit_test(equals_torch_table), cmocka_unit_test(geometry),
        cmocka_unit_test(bgr_is_reversed_rgb), cmocka_unit_test(json_both_ways),     cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
