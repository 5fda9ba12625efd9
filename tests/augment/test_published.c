/* test_published.c — every published entry makes of awkward pictures the bytes that its own framework's transforms make.
 *
 * Odd sizes, grey, CMYK as Adobe inverts it, a palette, alpha, an EXIF rotation, 16 bits, one much smaller than the crop,
 * one six times as wide as high; opened as torchvision's loader does. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "augment/noise.h"
#include "data/decode.h"
#include "train/from_published.h"

enum { PICTURES = 9, SUM = 9, DIFFERENT_MAX = 64 };

/* Entries that prepare pictures alike are computed once. */
struct made {
    struct preprocess how;
    char sums[PICTURES][SUM];
};

static void sum_of(const struct preprocess *how, const char *name, struct scratch *scratch, char text[SUM]) {
    struct arena arena = {0};
    struct picture picture;
    struct decode_options options = {.exif = how->exif};
    uint8_t *bytes;
    size_t size, count = (size_t)how->crop_height * (size_t)how->crop_width * (size_t)how->channels;
    const char *path = arena_printf(&arena, FIXTURES "/augment/published/%s", name);
    float *input = arena_array(&arena, count, sizeof *input);
    if (file_read(&arena, path, 1 << 24, &bytes, &size) != SK_OK ||
        decode_picture(bytes, size, name, &options, scratch, &picture) != SK_OK ||
        preprocess_apply(how, &picture, scratch, input) != SK_OK)
        fail_msg("%s", sk_error());
    snprintf(text, SUM, "%08lx", crc32(0, (const Bytef *)input, (uInt)(count * sizeof *input)));
    arena_free(&arena);
}

static const struct made *make(const struct preprocess *how, const struct json *names, struct scratch *scratch,
                               struct made *made, int *count) {
    for (int i = 0; i < *count; i++)
        if (memcmp(&made[i].how, how, sizeof *how) == 0) return &made[i];
    assert_true(*count < DIFFERENT_MAX);
    struct made *fresh = &made[(*count)++];
    fresh->how = *how;
    int i = 0;
    for (const struct json *name = names->child; name; name = name->next)
        sum_of(how, name->string, scratch, fresh->sums[i++]);
    return fresh;
}

static void equals_its_source(void **state) {
    (void)state;
    static struct made made[DIFFERENT_MAX];
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/published.json");
    assert_non_null(json);
    const struct json *names = json_get(json, "pictures"), *entry = json_get(json, "entries")->child;
    assert_int_equal(names->count, PICTURES);
    size_t rows;
    int different = 0, wrong = 0;
    const struct published *table = published_table(&rows);
    for (size_t i = 0; i < rows; i++, entry = entry->next) {
        struct preprocess how;
        assert_non_null(entry);
        assert_string_equal(json_string(entry, "entry", ""), table[i].entry);
        assert_string_equal(json_string(entry, "model", ""), table[i].model);
        memset(&how, 0, sizeof how); /* compared by bytes */
        if (published_preprocess(&table[i], &how) != SK_OK) fail_msg("%s", sk_error());
        const struct made *ours = make(&how, names, &scratch, made, &different);
        int k = 0;
        for (const struct json *sum = json_get(entry, "crc")->child; sum; sum = sum->next, k++) {
            if (strcmp(sum->string, ours->sums[k]) == 0) continue;
            print_error("%s %s, picture %d: %s, its own transforms give %s\n", table[i].model, table[i].entry, k,
                        ours->sums[k], sum->string);
            wrong++;
        }
        assert_int_equal(k, PICTURES);
    }
    assert_null(entry);
    assert_int_equal(wrong, 0);
    assert_true(different > 40);
    scratch_free(&scratch);
    arena_free(&arena);
}

/* What an entry says survives the way through a model file. */
static void survives_as_json(void **state) {
    (void)state;
    size_t rows;
    const struct published *table = published_table(&rows);
    for (size_t i = 0; i < rows; i++) {
        struct arena arena = {0};
        struct json_writer w = {0};
        struct json *json;
        struct preprocess how, back;
        memset(&how, 0, sizeof how);
        memset(&back, 0, sizeof back);
        assert_int_equal(published_preprocess(&table[i], &how), SK_OK);
        preprocess_write(&how, &w, NULL);
        assert_int_equal(json_parse(&arena, w.text.data, w.text.length, "text", &json), SK_OK);
        if (preprocess_read(json, &back) != SK_OK) fail_msg("%s", sk_error());
        assert_true(back.squash == how.squash && back.resize == how.resize && back.filter == how.filter);
        assert_true(back.crop_height == how.crop_height && back.crop_width == how.crop_width);
        assert_memory_equal(back.mean, how.mean, sizeof how.mean);
        assert_memory_equal(back.std, how.std, sizeof how.std);
        text_free(&w.text);
        arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_its_source), cmocka_unit_test(survives_as_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
