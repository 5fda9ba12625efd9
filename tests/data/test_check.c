/* test_check.c — every planted fault is named and nothing else; five hundred clean pictures are met with silence.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "augment/noise.h"
#include "data/check.h"
#include "data/png_write.h"
#include "data/scene.h"

static void run_with(struct check *check, const char *spec, int threads) {
    struct check_options options = {0};
    assert_int_equal(team_new(&options.team, threads), SK_OK);
    if (check_run(check, spec, &options) != SK_OK) fail_msg("%s", sk_error());
    team_free(options.team);
}

static bool expects(const struct json *list, const char *check, const char *path) {
    for (const struct json *e = list->child; e; e = e->next)
        if (strcmp(json_string(e, "check", ""), check) == 0 && strcmp(json_string(e, "path", ""), path) == 0)
            return true;
    return false;
}

static const struct finding *found(const struct check *check, const char *name, const char *path) {
    for (size_t i = 0; i < check->finding_count; i++)
        if (strcmp(check->findings[i].row->name, name) == 0 && strcmp(check->findings[i].path, path) == 0)
            return &check->findings[i];
    return NULL;
}

/* faults.json lists what make_faults.py planted. */
static void every_fault_is_named(void **state) {
    (void)state;
    static const char folder[] = FIXTURES "/data/faults";
    struct arena arena = {0};
    struct check check = {0};
    const struct json *expected = fixture(&arena, FIXTURES "/data/faults.json");
    assert_non_null(expected);
    run_with(&check, folder, 2);
    for (const struct json *e = expected->child; e; e = e->next) {
        const char *name = json_string(e, "check", "?"), *path = json_string(e, "path", "?");
        const struct finding *finding = found(&check, name, arena_printf(&arena, "%s/%s", folder, path));
        if (!finding) fail_msg("%s of %s was not found", name, path);
        assert_true(strlen(finding->text) > 0 && strlen(finding->row->remedy) > 0);
    }
    for (size_t i = 0; i < check.finding_count; i++) {
        const struct finding *finding = &check.findings[i];
        assert_memory_equal(finding->path, folder, sizeof folder - 1);
        if (!expects(expected, finding->row->name, finding->path + sizeof folder))
            fail_msg("%s: %s: %s: nobody planted this", finding->path, finding->row->name, finding->text);
    }
    assert_int_equal(check.finding_count, expected->count);
    assert_true(expected->count >= 20);
    assert_int_equal(check.counts[0] + check.counts[1] + check.counts[2], check.finding_count);
    check_free(&check);
    arena_free(&arena);
}

/* What is said does not depend on who looked. */
static void threads_change_nothing(void **state) {
    (void)state;
    struct check one = {0}, three = {0};
    run_with(&one, "folder:" FIXTURES "/data/faults", 1);
    run_with(&three, FIXTURES "/data/faults", 3);
    assert_int_equal(one.finding_count, three.finding_count);
    for (size_t i = 0; i < one.finding_count; i++) {
        assert_ptr_equal(one.findings[i].row, three.findings[i].row);
        assert_string_equal(one.findings[i].path, three.findings[i].path);
        assert_string_equal(one.findings[i].text, three.findings[i].text);
    }
    check_free(&one);
    check_free(&three);
}

static void commands_convert(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"phone.heic", "HEIC; heif-convert " FIXTURES "/data/faults/train/dog/phone.heic " FIXTURES
                       "/data/faults/train/dog/phone.jpg"},
        {"moving.gif", "GIF; convert '" FIXTURES "/data/faults/train/dog/moving.gif[0]' " FIXTURES
                       "/data/faults/train/dog/moving.png"},
        {"phone's scan.tif", "TIFF; convert '" FIXTURES "/data/faults/train/dog/phone'\\''s scan.tif[0]' '" FIXTURES
                             "/data/faults/train/dog/phone'\\''s scan.png'"},
    };
    struct check check = {0};
    struct arena arena = {0};
    run_with(&check, FIXTURES "/data/faults", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct finding *finding =
            found(&check, "format", arena_printf(&arena, "%s/data/faults/train/dog/%s", FIXTURES, cases[i].name));
        assert_non_null(finding);
        assert_string_equal(finding->text, cases[i].text);
    }
    check_free(&check);
    arena_free(&arena);
}

/* 500 pictures of 5 classes in two parts, each its own scene. */
static void clean_pictures_are_met_with_silence(void **state) {
    (void)state;
    static const char folder[] = SCRATCH "/clean_pictures";
    struct arena arena = {0};
    struct check check = {0};
    assert_int_equal(folder_remove(folder), SK_OK);
    for (int c = 0; c < 5; c++) {
        assert_int_equal(folder_make(arena_printf(&arena, "%s/train/class_%d", folder, c)), SK_OK);
        assert_int_equal(folder_make(arena_printf(&arena, "%s/val/class_%d", folder, c)), SK_OK);
    }
    for (int i = 0; i < 500; i++) {
        struct text png = {0};
        struct picture picture = scene(&arena, (uint64_t)i, 1);
        const char *path =
            arena_printf(&arena, "%s/%s/class_%d/%d.png", folder, i % 10 < 8 ? "train" : "val", i / 10 % 5, i);
        assert_int_equal(encode_png(&picture, &png), SK_OK);
        assert_int_equal(file_replace(path, png.data, png.length), SK_OK);
        text_free(&png);
    }
    run_with(&check, folder, 2);
    assert_int_equal(check.file_count, 500);
    if (check.finding_count) fail_msg("%s: %s", check.findings[0].path, check.findings[0].text);
    check_free(&check);
    assert_int_equal(folder_remove(folder), SK_OK);
    arena_free(&arena);
}

/* Layouts that are wrong as a whole. */
static void layouts(void **state) {
    (void)state;
    static const char folder[] = SCRATCH "/check_layouts";
    struct arena arena = {0};
    struct check check = {0};
    assert_int_equal(folder_remove(folder), SK_OK);
    assert_int_equal(folder_make(SCRATCH "/check_layouts/photos/cat"), SK_OK);
    run_with(&check, folder, 1);
    assert_non_null(found(&check, "one_class", SCRATCH "/check_layouts/photos"));
    assert_non_null(found(&check, "class_empty", SCRATCH "/check_layouts/photos"));
    check_free(&check);
    check = (struct check){0};
    assert_int_equal(folder_make(SCRATCH "/check_layouts/Pho-Tos"), SK_OK);
    struct text png = {0};
    struct picture picture = scene(&arena, 1, 1);
    assert_int_equal(encode_png(&picture, &png), SK_OK);
    assert_int_equal(file_replace(SCRATCH "/check_layouts/Pho-Tos/a.png", png.data, png.length), SK_OK);
    text_free(&png);
    run_with(&check, folder, 1);
    assert_non_null(found(&check, "class_names", SCRATCH "/check_layouts/photos"));
    assert_non_null(found(&check, "class_small", SCRATCH "/check_layouts/Pho-Tos"));
    check_free(&check);
    check = (struct check){0};
    assert_int_equal(folder_make(SCRATCH "/check_layouts/bad\x01name"), SK_OK);
    assert_int_equal(symlink("/nowhere/at/all.png", SCRATCH "/check_layouts/photos/dangling.png"), 0);
    assert_int_equal(symlink("..", SCRATCH "/check_layouts/photos/around"), 0);
    assert_int_equal(mkfifo(SCRATCH "/check_layouts/photos/pipe.png", 0600), 0);
    run_with(&check, folder, 1);
    assert_non_null(found(&check, "class_unclean", SCRATCH "/check_layouts/bad\x01name"));
    assert_non_null(found(&check, "unreadable", SCRATCH "/check_layouts/photos/dangling.png"));
    assert_non_null(found(&check, "unreadable", SCRATCH "/check_layouts/photos/pipe.png"));
    bool deep = false;
    for (size_t i = 0; i < check.finding_count; i++)
        deep = deep || strstr(check.findings[i].text, "is there a link to a folder above?");
    assert_true(deep);
    check_free(&check);
    check = (struct check){0};
    assert_int_equal(file_replace(SCRATCH "/check_layouts/train-images-idx3-ubyte", "x", 1), SK_OK);
    run_with(&check, "idx:" SCRATCH "/check_layouts", 1);
    assert_int_equal(check.finding_count, 1);
    assert_string_equal(check.findings[0].row->name, "source");
    assert_non_null(strstr(check.findings[0].text, "idx1-ubyte"));
    check_free(&check);
    assert_int_equal(folder_remove(folder), SK_OK);
    arena_free(&arena);
    check = (struct check){0};
    struct check_options options = {0};
    assert_int_equal(team_new(&options.team, 1), SK_OK);
    assert_int_equal(check_run(&check, "/nowhere", &options), SK_EUSAGE);
    team_free(options.team);
    check_free(&check);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(commands_convert),
        cmocka_unit_test(clean_pictures_are_met_with_silence),
        cmocka_unit_test(layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
