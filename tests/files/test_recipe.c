/* test_recipe.c — recipes: values and places, strictness, overrides, writing back, documents.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/recipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"

static sk_status parse(struct recipe *recipe, struct arena *arena, const char *yaml) {
    return recipe_parse(recipe, arena, yaml, strlen(yaml), "r.yaml");
}

static void test_values_and_places(void **state) {
    (void)state;
    static const char yaml[] = "epochs: 7\n"
                               "schedule:\n  name: cosine\n  lr: 4e-3 # peak\n"
                               "optimizer.nesterov: true\n"
                               "model:\n  strides:\n    - 1\n    - 2\n"
                               "weight_decay: {value: 0.05, exclude: [bias, 'features.*']}\n"
                               "data:\n  exif: ignore\n  spec: \"folder:/a b\"\n"
                               "source:\n  schedule.lr: \"table 3\"\n  optimizer: \"text\"\n"
                               "expect:\n  7: [80, 81.5]\n  3: [60, 70]\n";
    struct arena arena = {0};
    struct recipe r;
    if (parse(&r, &arena, yaml) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(r.epochs, 7);
    assert_string_equal(r.schedule_name, "cosine");
    assert_true(r.schedule_lr == 0.004 && r.weight_decay_value == 0.05 && r.optimizer_nesterov);
    assert_true(r.model_strides.count == 2 && r.model_strides.item[0] == 1 && r.model_strides.item[1] == 2);
    assert_true(r.weight_decay_exclude.count == 2);
    assert_string_equal(r.weight_decay_exclude.item[1], "features.*");
    assert_int_equal(r.data_exif, CHOICE_EXIF_IGNORE);
    assert_string_equal(recipe_word(RECIPE_data_exif, r.data_exif), "ignore");
    assert_string_equal(r.data_spec, "folder:/a b");
    assert_int_equal(r.source_count, 2);
    assert_string_equal(r.source[0].key, "schedule.lr");
    assert_string_equal(r.source[0].text, "table 3");
    assert_true(r.expect_count == 2 && r.expect[0].epoch == 3 && r.expect[1].high == 81.5);
    assert_int_equal(r.place[RECIPE_schedule_lr].line, 4);
    assert_int_equal(r.place[RECIPE_schedule_lr].column, 7);
    assert_true(recipe_is_set(&r, RECIPE_epochs) && !recipe_is_set(&r, RECIPE_seed));
    assert_int_equal(r.seed, 42); /* a default */
    struct text text = {0};
    assert_int_equal(recipe_origin_text(&r, RECIPE_schedule_lr, &text), SK_OK);
    assert_string_equal(text.data, "r.yaml:4");
    text_free(&text);
    arena_free(&arena);
}

/* What is wrong, and what the sentence must hold. */
static const struct {
    const char *yaml, *sentence;
} refusals[] = {
    {"schedule:\n  lr: 0.064abc\n", "r.yaml:2:7: schedule.lr: found '0.064abc', expected a number from 0 to 1000"},
    {"epochs: 1e3\n",
     "r.yaml:1:9: epochs: found '1e3', expected a whole number from 1 to 1000000 without exponent or point: 1000"},
    {"epochs: 2.5\n", "expected a whole number"},
    {"epochs: 0\n", "expected a whole number from 1"},
    {"epochs: 9223372036854775808\n", "expected a whole number"},
    {"epochs:\n", "epochs: found nothing"},
    {"drop_last: ja\n", "drop_last: found 'ja', expected true or false"},
    {"drop_last: True\n", "expected true or false"},
    {"schedule.lr: .inf\n", "schedule.lr: found '.inf'"},
    {"schedule.lr: nan\n", "schedule.lr: found 'nan'"},
    {"schedule.lr: 0x10\n", "schedule.lr: found '0x10'"},
    {"schedule.lr: 1001\n", "from 0 to 1000"},
    {"data:\n  exif: aply\n", "r.yaml:2:9: data.exif: found 'aply', expected apply or ignore"},
    {"model.strides: [1, 5]\n", "r.yaml:1:20: model.strides: found '5', expected a whole number from 1 to 4"},
    {"model.strides: 1\n", "expected a list"},
    {"preprocess.mean: []\n", "found 0 items, expected 1 to 4"},
    {"epochs: [1]\n", "found a list, expected one value"},
    {"epochs: {a: 1}\n", "found a map, expected a value"},
    {"schedule: 3\n", "'schedule' is a group"},
    {"schedule:\n  lrr: 1\n", "r.yaml:2:8: unknown key 'schedule.lrr'; did you mean 'schedule.lr'?"},
    {"nesterov: true\n", "unknown key 'nesterov'; did you mean 'optimizer.nesterov'?"},
    {"shedule:\n  {}\n", "unknown key 'shedule'"},
    {"momentum: 1\n", "did you mean 'batch_norm.momentum' or 'optimizer.momentum'?"},
    {"zzzzzzzzzzzz: 1\n", "docs/recipes.md"},
    {"epochs: 1\nepochs: 2\n", "r.yaml:2:9: the key 'epochs' stands here a second time (first at line 1)"},
    {"schedule: {lr: 1}\nschedule.lr: 2\n", "the key 'schedule.lr' stands here a second time"},
    {"schedule: {lr: 1}\nschedule: {name: step}\n", "the key 'schedule' stands here a second time"},
    {"a: &x 1\nb: *x\n", "an anchor"},
    {"epochs: *x\n", "an alias"},
    {"epochs: !!int 3\n", "a tag"},
    {"model.strides: &x [1]\n", "an anchor"},
    {"schedule: !m {lr: 1}\n", "a tag"},
    {"epochs: 1\n---\nepochs: 2\n", "a second document"},
    {"- 1\n", "a list where a key should stand"},
    {"epochs\n", "a text where the first key should stand"},
    {"? [a]\n: 1\n", "a list where a key should stand"},
    {"? {a: 1}\n: 1\n", "a map where a key should stand"},
    {"model.strides: [[1]]\n", "found '[1]', expected a whole number"},
    {"model.strides: [[[1]]]\n", "a list inside a list of a list"},
    {"model.strides: [{a: 1}]\n", "a map inside a list"},
    {"a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "maps nested too deeply"},
    {"epochs: [1\n", "r.yaml:2:1: not YAML"},
    {"a b: 1\n", "a blank or control character in a key"},
    {"\"\": 1\n", "an empty key"},
    {"data.spec: \"a\\0b\"\n", "a NUL character"},
    {"data.spec: \"a\\nb\"\n", "text without control characters"},
    {"epochs: \xff\n", "not YAML in UTF-8"},
    {"source: x\n", "source: found a value, expected a map"},
    {"source: {shedule: x}\n", "source: unknown key 'shedule'"},
    {"source: {seed: [x]}\n", "source: expected one text"},
    {"expect: {x: [1, 2]}\n", "expected an epoch's number"},
    {"expect: {1: 2}\n", "expected [low, high]"},
    {"expect: {1: [3, 2]}\n", "low <= high"},
    {"expect: {1: [3, 101]}\n", "<= 100"},
    {"expect: {1: [1, 2], 01: [1, 2]}\n", "epoch 1 stands twice"},
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct arena arena = {0};
        struct recipe r;
        if (parse(&r, &arena, refusals[i].yaml) != SK_EUSAGE) fail_msg("accepted: %s", refusals[i].yaml);
        if (!strstr(sk_error(), refusals[i].sentence) || strncmp(sk_error(), "r.yaml", 6) != 0)
            fail_msg("%s gave: %s\nexpected: %s", refusals[i].yaml, sk_error(), refusals[i].sentence);
        arena_free(&arena);
    }
}

static void test_overrides(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe r;
    assert_int_equal(parse(&r, &arena, "epochs: 7\n"), SK_OK);
    assert_int_equal(recipe_override(&r, "epochs=9"), SK_OK);
    assert_int_equal(recipe_override(&r, "model.strides=1,1, 2"), SK_OK);
    assert_int_equal(recipe_override(&r, "preprocess.mean=[0.5, 0.5, 0.5]"), SK_OK);
    assert_int_equal(recipe_override(&r, "weight_decay.exclude=bias"), SK_OK);
    assert_int_equal(recipe_override(&r, "data.spec=folder:/x=y"), SK_OK);
    assert_int_equal(r.epochs, 9);
    assert_int_equal(r.place[RECIPE_epochs].origin, RECIPE_FROM_OVERRIDE);
    assert_true(r.model_strides.count == 3 && r.model_strides.item[2] == 2);
    assert_true(r.preprocess_mean.count == 3 && r.preprocess_mean.item[1] == 0.5);
    assert_true(r.weight_decay_exclude.count == 1);
    assert_string_equal(r.data_spec, "folder:/x=y");
    assert_int_equal(recipe_override(&r, "weight_decay.exclude="), SK_OK);
    assert_int_equal(r.weight_decay_exclude.count, 0);
    assert_int_equal(recipe_override(&r, "model.strides=1,,2"), SK_EUSAGE);
    assert_int_equal(recipe_override(&r, "epochs"), SK_EUSAGE);
    assert_int_equal(recipe_override(&r, "=1"), SK_EUSAGE);
    assert_int_equal(recipe_override(&r, "epoch=1"), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean 'epochs'?"));
    assert_int_equal(recipe_override(&r, "data.spec=\xff"), SK_EUSAGE);
    assert_true(recipe_is_assignment("epochs=1") && recipe_is_assignment("schedule.nope=1"));
    assert_false(recipe_is_assignment("recipe.yaml") || recipe_is_assignment("a=b") || recipe_is_assignment("./x.y=z"));
    arena_free(&arena);
}

static void test_check(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"preprocess.channels=1", "preprocess.mean (default): 3 numbers for preprocess.channels 1"},
        {"preprocess.std=1,1", "preprocess.std: 2 numbers"},
        {"augment.random_resized_crop.scale=0.9,0.1", "expected rising numbers"},
        {"schedule.milestones=20,10", "expected rising numbers"},
        {"schedule.end_lr=1", "above schedule.lr"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct arena arena = {0};
        struct recipe r;
        assert_int_equal(recipe_default(&r, &arena), SK_OK);
        assert_int_equal(recipe_check(&r), SK_OK);
        assert_int_equal(recipe_override(&r, wrong[i][0]), SK_OK);
        assert_int_equal(recipe_check(&r), SK_EUSAGE);
        if (!strstr(sk_error(), wrong[i][1])) fail_msg("%s gave: %s", wrong[i][0], sk_error());
        arena_free(&arena);
    }
}

static void test_writes_back(void **state) {
    (void)state;
    static const char *const specs[] = {"",    "plain",  "a: b",   "- x",        "\"q\\\"",      "true",
                                        "#no", "tab no", "ü – 写", "x\xc2\x85y", "\xe2\x80\xa8", "\xef\xbb\xbfz",
                                        "'",   "a # b",  " led",   "trail ",     "null",         "~",
                                        "1e3", "[a]",    "*a"};
    static const char *const rates[] = {
        "0.1", "1e-300", "0.30000000000000004", "123.45678901234567", "2.2250738585072014e-308", "1000"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct arena arena = {0};
        struct recipe r, again, shown;
        struct text text = {0}, show = {0};
        assert_int_equal(parse(&r, &arena, "source: {recipe: \"x: \\\"y\\\" # z\"}\nexpect: {2: [1.25, 2]}\n"), SK_OK);
        if (recipe_set(&r, "data.spec", specs[i]) != SK_OK) fail_msg("%s", sk_error());
        assert_int_equal(recipe_set(&r, "weight_decay.exclude", "bias, features.*"), SK_OK);
        assert_int_equal(recipe_set(&r, "schedule.lr", rates[i % 6]), SK_OK);
        assert_int_equal(recipe_set(&r, "seed", "4294967295"), SK_OK);
        assert_int_equal(recipe_write(&r, &text), SK_OK);
        if (recipe_parse(&again, &arena, text.data, text.length, "again.yaml") != SK_OK)
            fail_msg("%s\n%s", sk_error(), text.data);
        if (!recipe_equal(&r, &again)) fail_msg("'%s' reads back as '%s'", specs[i], again.data_spec);
        assert_true(recipe_is_set(&again, RECIPE_log_every)); /* nothing is left to defaults */
        assert_int_equal(recipe_show(&r, true, &show), SK_OK);
        assert_non_null(strstr(show.data, "# override"));
        assert_null(strstr(show.data, "log.every"));
        if (parse(&shown, &arena, show.data) != SK_OK || !recipe_equal(&r, &shown))
            fail_msg("%s\n%s", sk_error(), show.data);
        assert_int_equal(recipe_set(&again, "seed", "1"), SK_OK);
        assert_false(recipe_equal(&r, &again));
        text_free(&text);
        text_free(&show);
        arena_free(&arena);
    }
}

/* Is the key's value, or its group, cited in the file that sets it? */
static bool is_cited(const struct recipe *r, enum recipe_key_id id) {
    const char *key = recipe_key_name(id);
    for (size_t i = 0; i < r->source_count; i++) {
        const struct recipe_citation *c = &r->source[i];
        size_t length = strlen(c->key);
        bool holds = !strncmp(c->key, key, length) && (key[length] == 0 || key[length] == '.');
        /* A later file may cite the whole group in place of the base. */
        if (holds && !strcmp(c->path, r->place[id].path)) return true;
    }
    return false;
}

/* Published recipes say of every value where it comes from. */
static void assert_cited(const struct recipe *r) {
    for (int id = 0; id < RECIPE_KEYS; id++)
        if (r->place[id].origin == RECIPE_FROM_FILE && r->place[id].level == 0 && !is_cited(r, id))
            fail_msg("%s: %s has no source", r->path, recipe_key_name(id));
}

static void test_files(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe r;
    assert_int_equal(recipe_load(&r, &arena, FIXTURES "/../../recipes/nowhere.yaml"), SK_EIO);
    static const char *const folders[] = {"imagenet", "small"};
    size_t read = 0;
    for (size_t f = 0; f < 2; f++) {
        char **names = NULL;
        size_t count = 0;
        const char *folder = path_join(&arena, FIXTURES "/../../recipes", folders[f]);
        assert_int_equal(folder_list(&arena, folder, LIST_FILES, &names, &count), SK_OK);
        for (size_t i = 0; i < count; i++, read++) {
            if (recipe_load(&r, &arena, path_join(&arena, folder, names[i])) != SK_OK) fail_msg("%s", sk_error());
            if (recipe_check(&r) != SK_OK) fail_msg("%s", sk_error());
            assert_true(r.source_count > 0);
            if (f == 0 || strstr(names[i], "imagenette") || strstr(names[i], "efficientnet")) assert_cited(&r);
        }
    }
    assert_true(read >= 5);
    arena_free(&arena);
}

/* Every allocation limit aside, empty files are recipes of defaults. */
static void test_empty(void **state) {
    (void)state;
    static const char *const empty[] = {"", "\n", "# nothing\n", "---\n", "{}\n", "schedule: {}\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct arena arena = {0};
        struct recipe r, preset;
        if (parse(&r, &arena, empty[i]) != SK_OK) fail_msg("%s", sk_error());
        assert_int_equal(recipe_default(&preset, &arena), SK_OK);
        assert_true(recipe_equal(&r, &preset));
        arena_free(&arena);
    }
}

/* docs/recipes.md is what keys.def says; SISKIN_UPDATE=1 in the environment writes it anew. */
static void test_document(void **state) {
    (void)state;
    struct arena arena = {0};
    struct text text = {0};
    const char *path = FIXTURES "/../../docs/recipes.md";
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(recipe_markdown(&text), SK_OK);
    if (getenv("SISKIN_UPDATE")) assert_int_equal(file_replace(path, text.data, text.length), SK_OK);
    if (file_read(&arena, path, 1 << 20, &bytes, &size) != SK_OK) fail_msg("%s", sk_error());
    if (size != text.length || memcmp(bytes, text.data, size) != 0)
        fail_msg("docs/recipes.md is behind src/files/keys.def; run this test with SISKIN_UPDATE=1");
    text_free(&text);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_places),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_writes_back),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
