/* test_text.c — strict numbers, nearest words, UTF-8, globs, growing texts. SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"+7", 7},
                {"-12", -12},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "+",
                                      "-",
                                      "--1",
                                      "ja",
                                      "1_000",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "12a"};
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(parse_i64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    value = 99;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(parse_i64(bad[i], &value));
    assert_int_equal(value, 99);
}

static void reals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"0.064", 0.064},
                {".5", 0.5},
                {"5.", 5},
                {"-1e-3", -1e-3},
                {"+2E+2", 200},
                {"1.7976931348623157e308", 1.7976931348623157e308},
                {"1e-400", 0}};
    static const char *const bad[] = {"",      ".",        "e3",    "1e",       "1e+", "inf", "nan",
                                      "-inf",  "infinity", "0x1p3", "0.064abc", " 1",  "1 ",  "1,5",
                                      "1e309", "-1e309",   "+-1",   "1.2.3",    "NaN"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(parse_f64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    value = 99;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(parse_f64(bad[i], &value));
    assert_true(value == 99);
}

/* A program that set a locale with a decimal comma changes nothing (where such a locale is installed). */
static void locales_change_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < 3 && !setlocale(LC_ALL, names[i]); i++) continue;
    double value;
    assert_true(parse_f64("1.5", &value));
    assert_true(value == 1.5);
    struct text text = {0};
    text_addf(&text, "%.2f", 1.25);
    assert_string_equal(text.data, "1.25");
    text_free(&text);
    setlocale(LC_ALL, "C");
}

static void bools(void **state) {
    (void)state;
    static const char *const bad[] = {"", "True", "yes", "1", "ja", "true ", "on"};
    bool value = false;
    assert_true(parse_bool("true", &value) && value);
    assert_true(parse_bool("false", &value) && !value);
    value = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(parse_bool(bad[i], &value));
    assert_true(value);
}

static void nearest_words(void **state) {
    (void)state;
    static const char *const words[] = {"epochs", "batch_size", "momentum", "warmup_epochs", "lr"};
    assert_string_equal(nearest_word("epoch", words, 5), "epochs");
    assert_string_equal(nearest_word("epcohs", words, 5), "epochs");
    assert_string_equal(nearest_word("batchsize", words, 5), "batch_size");
    assert_string_equal(nearest_word("momentun", words, 5), "momentum");
    assert_string_equal(nearest_word("rl", words, 5), "lr");
    assert_null(nearest_word("zzz", words, 5));
    assert_null(nearest_word("xy", words, 5));
    assert_null(nearest_word("", words, 5));
    assert_null(nearest_word("epochs", words, 0));
    char long_word[200];
    memset(long_word, 'e', sizeof long_word);
    long_word[199] = '\0';
    assert_null(nearest_word(long_word, words, 5));
}

static void utf8(void **state) {
    (void)state;
    static const char *const good[] = {
        "", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xef\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xc3\x28"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(utf8_valid(bad[i], strlen(bad[i])));
}

static void names_from_files_are_shown_safely(void **state) {
    (void)state;
    char out[16];
    assert_string_equal(printable("ab\x1b[1m\n", 7, out, sizeof out), "ab?[1m?");
    assert_string_equal(printable("\xc3\xa4\xff", 3, out, sizeof out), "\xc3\xa4?");
    assert_string_equal(printable("a\xc2\x9b"
                                  "b",
                                  4, out, sizeof out),
                        "a?b");
    assert_string_equal(printable("0123456789abcdefghi", 19, out, sizeof out), "0123456789abcde");
    assert_string_equal(printable("0123456789abcd\xc3\xa4", 16, out, sizeof out), "0123456789abcd"); /* no half */
    assert_string_equal(printable("a\0b", 3, out, sizeof out), "a?b");
}

static void globs(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool match;
    } cases[] = {{"*", "", true},
                 {"", "", true},
                 {"", "a", false},
                 {"features.*.weight", "features.0.1.weight", true},
                 {"features.*.weight", "features.0.bias", false},
                 {"?", "a", true},
                 {"?", "", false},
                 {"a*b*c", "aXbYbZc", true},
                 {"a*b*c", "aXbYbZ", false},
                 {"**", "x", true},
                 {"*.bias", "x.bias.y", false},
                 {"a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(glob_match(cases[i].pattern, cases[i].name), cases[i].match);
    }
}

static void texts_grow(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++) text_addf(&text, "%d,", i);
    text_add_n(&text, "abc", 2);
    text_add(&text, "!");
    assert_int_equal(text_check(&text), SK_OK);
    assert_int_equal(text.length, strlen(text.data));
    assert_memory_equal(text.data, "0,1,2,3,", 8);
    assert_string_equal(text.data + text.length - 8, ",999,ab!");
    text_free(&text);
    assert_null(text.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(locales_change_nothing),
        cmocka_unit_test(bools),
        cmocka_unit_test(nearest_words),
        cmocka_unit_test(utf8),
        cmocka_unit_test(names_from_files_are_shown_safely),
        cmocka_unit_test(globs),
        cmocka_unit_test(texts_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
