/* test_pixels.c — every operation at every magnitude of torchvision and timm: the arguments are theirs to the last bit,
 * and so are the pixels on real photographs, colour and grey; Model Garden's likewise.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "augment/noise.h"
#include "augment/policy.h"
#include "data/decode.h"
#include "ok.h"

/* ---- fixtures ---- */

static struct picture photo(struct arena *arena, const char *name, struct scratch *scratch) {
    char path[512];
    uint8_t *data;
    size_t size;
    struct picture picture = {0};
    struct decode_options options = {0};
    snprintf(path, sizeof path, FIXTURES "/augment/photos/%s.png", name);
    ok(file_read(arena, path, 1 << 20, &data, &size));
    ok(decode_picture(data, size, path, &options, scratch, &picture));
    return picture;
}

/* The 8x8 picture by formula. */
static struct picture small_picture(struct arena *arena) {
    struct picture p = {arena_alloc(arena, 192), 8, 8, 3};
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            for (int c = 0; c < 3; c++)
                p.pixels[(y * 8 + x) * 3 + c] = (uint8_t)(37 * y + 91 * x + 53 * c + 7 * x * y + 11 * y * y);
    return p;
}

static const struct json *item_at(const struct json *list, int i) {
    const struct json *item = list ? list->child : NULL;
    while (item && i-- > 0) item = item->next;
    assert_non_null(item);
    return item;
}

static void take_fill(const struct json *list, uint8_t fill[3]) {
    for (int c = 0; c < 3; c++) fill[c] = (uint8_t)list_item(list, c);
}

/* Run one step; true where the bytes have the sum. */
static bool matches(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                    const struct picture *source, const char *sum) {
    struct picture result = *source;
    char found[16];
    ok(pixel_apply(step, style, scratch, &result));
    assert_true(result.height == source->height && result.width == source->width);
    snprintf(found, sizeof found, "%08lx", crc32(0, result.pixels, (uInt)pixel_bytes(&result)));
    return strcmp(found, sum) == 0;
}

static enum pixel_filter filter_of(const struct json *row) {
    const char *name = json_string(row, "filter", "bicubic");
    return !strcmp(name, "nearest") ? PIXEL_NEAREST : !strcmp(name, "bilinear") ? PIXEL_BILINEAR : PIXEL_BICUBIC;
}

static enum pixel_op op_of(const struct json *row) {
    enum pixel_op op = PIXEL_IDENTITY;
    if (!pixel_op_by_name(json_string(row, "op", "?"), &op)) fail_msg("no operation %s", json_string(row, "op", "?"));
    return op;
}

/* ---- rows: one operation of one set at all levels ---- */

/* The set's policy, and its row for this operation. */
static struct policy policy_of(const struct json *row, struct policy_op *op) {
    static const struct {
        const char *name;
        enum pixel_rules of;
        enum policy_set set;
    } sets[] = {
        {"TORCHVISION", PIXEL_RULES_TORCHVISION, POLICY_SET_TORCHVISION},
        {"TRIVIAL", PIXEL_RULES_TORCHVISION, POLICY_SET_TRIVIAL},
        {"TIMM", PIXEL_RULES_TIMM, POLICY_SET_TIMM},
        {"TIMM_INCREASING", PIXEL_RULES_TIMM, POLICY_SET_TIMM_INCREASING},
        {"TIMM_3A", PIXEL_RULES_TIMM, POLICY_SET_TIMM_3A},
        {"TF", PIXEL_RULES_TF, POLICY_SET_TF},
    };
    struct policy p = policy_default();
    const char *name = json_string(row, "set", "?");
    enum pixel_op wanted = op_of(row);
    p.filter = (enum policy_filter)filter_of(row);
    p.bins = (int)json_integer(row, "bins", 31);
    if (!strcmp(name, "LIST_ORIGINAL")) {
        p.of = PIXEL_RULES_TIMM;
        p.list_bits = LEVEL_BITS_ORIGINAL;
        *op = policy_list_op(&p, wanted);
        return p;
    }
    bool found = false;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(name, sets[i].name) != 0) continue;
        p.of = sets[i].of;
        p.set = sets[i].set;
        for (int k = 0; policy_op_at(p.set, k); k++)
            if (policy_op_at(p.set, k)->op == wanted) *op = *policy_op_at(p.set, k), found = true;
    }
    if (!found) fail_msg("set %s has no operation %s", name, json_string(row, "op", "?"));
    return p;
}

static double level_at(const struct json *row, int i) {
    const struct json *levels = json_get(row, "levels");
    return levels->kind == JSON_ARRAY ? item_at(levels, i)->number : i;
}

static int level_count(const struct json *row) {
    const struct json *levels = json_get(row, "levels");
    return levels->kind == JSON_ARRAY ? (int)levels->count : (int)levels->integer;
}

static int run_row(const struct json *row, const struct json *fixture_fill, const struct picture *source,
                   struct scratch *scratch) {
    struct policy_op op;
    struct policy p = policy_of(row, &op);
    struct pixel_style style = {.rules = p.of};
    const struct json *argument = json_get(row, "arguments")->child, *sum = json_get(row, "sums")->child;
    take_fill(fixture_fill, style.fill);
    int count = 0;
    for (int i = 0; i < level_count(row); i++) {
        for (int negative = 0; negative <= level_is_signed(op.scale); negative++, count++) {
            struct policy_chance chance = {.level = level_at(row, i), .negative = negative};
            struct pixel_step step = policy_step(&p, &op, &chance, source->height, source->width);
            if (step.argument != argument->number)
                fail_msg("%s %s level %g: argument %.17g, the source's %.17g", json_string(row, "set", "?"),
                         json_string(row, "op", "?"), chance.level, step.argument, argument->number);
            if (!matches(&step, &style, scratch, source, sum->string))
                fail_msg("%s %s %s of %s, argument %.17g: other pixels", json_string(row, "set", "?"),
                         json_string(row, "op", "?"), json_string(row, "filter", ""), json_string(row, "picture", "?"),
                         step.argument);
            argument = argument->next;
            sum = sum->next;
        }
    }
    assert_null(argument);
    assert_null(sum);
    return count;
}

static int run_rows(const char *path) {
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, path);
    assert_non_null(json);
    int count = 0;
    for (const struct json *row = json_get(json, "rows")->child; row; row = row->next) {
        struct picture source = photo(&arena, json_string(row, "picture", "?"), &scratch);
        count += run_row(row, json_get(json, "fill"), &source, &scratch);
    }
    scratch_free(&scratch);
    arena_free(&arena);
    return count;
}

static void every_magnitude(void **state) {
    (void)state;
    int count = run_rows(FIXTURES "/augment/pixels.json");
    print_message("%d results\n", count);
    assert_true(count > 5000);
}

/* ---- operations without a level of their own ---- */

static void hue_blur_and_turns(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/pixels.json");
    assert_non_null(json);
    struct pixel_style style = {.rules = PIXEL_RULES_TIMM};
    take_fill(json_get(json, "fill"), style.fill);
    int count = 0;
    for (const struct json *row = json_get(json, "others")->child; row; row = row->next) {
        struct picture source = photo(&arena, json_string(row, "picture", "?"), &scratch);
        const struct json *argument = json_get(row, "arguments")->child, *sum = json_get(row, "sums")->child;
        for (; argument; argument = argument->next, sum = sum->next, count++) {
            struct pixel_step step = {.op = op_of(row), .argument = argument->number, .filter = PIXEL_BICUBIC};
            if (!matches(&step, &style, &scratch, &source, sum->string))
                fail_msg("%s %g of %s: other pixels", json_string(row, "op", "?"), argument->number,
                         json_string(row, "picture", "?"));
        }
    }
    assert_int_equal(count, 90);
    scratch_free(&scratch);
    arena_free(&arena);
}

static int run_small(const char *path) {
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, path);
    assert_non_null(json);
    struct picture source = small_picture(&arena);
    int count = 0;
    for (const struct json *row = json_get(json, "small")->child; row; row = row->next, count++) {
        const char *rules = json_string(row, "rules", "?");
        struct pixel_style style = {.rules = !strcmp(rules, "torchvision") ? PIXEL_RULES_TORCHVISION
                                             : !strcmp(rules, "timm")      ? PIXEL_RULES_TIMM
                                                                           : PIXEL_RULES_TF};
        take_fill(json_get(row, "fill"), style.fill);
        struct pixel_step step = {.op = op_of(row), .filter = filter_of(row)};
        step.argument = json_get(row, "argument")->number;
        if (!matches(&step, &style, &scratch, &source, json_string(row, "sum", "?")))
            fail_msg("%s %s %s %g: other pixels", rules, json_string(row, "op", "?"), json_string(row, "filter", ""),
                     step.argument);
    }
    scratch_free(&scratch);
    arena_free(&arena);
    return count;
}

static void eight_by_eight(void **state) {
    (void)state;
    assert_int_equal(run_small(FIXTURES "/augment/pixels.json"), 46);
}

/* Model Garden: every magnitude, and cutouts where they are cut at the border. */
static void model_garden(void **state) {
    (void)state;
    struct arena arena = {0};
    struct scratch scratch = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/pixels_tf.json");
    assert_non_null(json);
    assert_int_equal(run_rows(FIXTURES "/augment/pixels_tf.json"), 788);
    assert_int_equal(run_small(FIXTURES "/augment/pixels_tf.json"), 18);
    int count = 0;
    for (const struct json *row = json_get(json, "cutouts")->child; row; row = row->next, count++) {
        struct picture source = photo(&arena, json_string(row, "picture", "?"), &scratch);
        const struct pixel_style style = {.rules = PIXEL_RULES_TF, .fill = {128, 128, 128}};
        const struct pixel_step step = {.op = PIXEL_CUTOUT,
                                        .argument = (double)json_integer(row, "half", -1),
                                        .row = (int)json_integer(row, "row", -1),
                                        .column = (int)json_integer(row, "column", -1)};
        if (!matches(&step, &style, &scratch, &source, json_string(row, "sum", "?")))
            fail_msg("cutout of %g at %d,%d: other pixels", step.argument, step.row, step.column);
    }
    assert_int_equal(count, 12);
    scratch_free(&scratch);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_magnitude),
        cmocka_unit_test(hue_blur_and_turns),
        cmocka_unit_test(eight_by_eight),
        cmocka_unit_test(model_garden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
