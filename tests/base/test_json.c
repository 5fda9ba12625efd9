/* test_json.c — what is read, what is refused and where, and what is written. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct json *parse(struct arena *arena, const char *text) {
    struct json *json = NULL;
    if (json_parse(arena, text, strlen(text), "text", &json) != SK_OK) fail_msg("%s", sk_error());
    return json;
}

static void values(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *json = parse(&arena, " {\"a\": [1, -2.5e3, \"x\", null, true, false, {}, []],\r\n\t\"b\": "
                                            "9007199254740993, \"c\": -0, \"d\": 1.0, \"\": 12345678901234567890} ");
    assert_int_equal(json->kind, JSON_OBJECT);
    assert_int_equal(json->count, 5);
    const struct json *a = json_get(json, "a");
    assert_int_equal(a->kind, JSON_ARRAY);
    assert_int_equal(a->count, 8);
    const struct json *item = a->child;
    assert_true(item->kind == JSON_NUMBER && item->is_integer && item->integer == 1);
    item = item->next;
    assert_true(item->number == -2500 && !item->is_integer);
    item = item->next;
    assert_string_equal(item->string, "x");
    item = item->next;
    assert_int_equal(item->kind, JSON_NULL);
    item = item->next;
    assert_true(item->kind == JSON_BOOL && item->boolean);
    item = item->next;
    assert_true(item->kind == JSON_BOOL && !item->boolean);
    assert_true(item->next->kind == JSON_OBJECT && item->next->count == 0);
    assert_true(json_integer(json, "b", 0) == 9007199254740993);
    assert_int_equal(json_integer(json, "d", -7), -7);
    assert_true(json_number(json, "d", 0) == 1.0);
    assert_int_equal(json_integer(json, "", -7), -7); /* leaves int64 */
    assert_true(json_number(json, "", 0) == 12345678901234567890.0);
    assert_string_equal(json_get(json, "b")->string, "9007199254740993");
    assert_string_equal(json_string(json, "b", "fallback"), "fallback");
    assert_true(json_boolean(json, "missing", true));
    assert_null(json_get(a, "a"));
    assert_null(json_get(NULL, "a"));
    arena_free(&arena);
}

static void strings(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *json =
        parse(&arena, "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u00e4\\u20ac\\ud83d\\uDE00\", \"\xc3\xa4\"]");
    assert_string_equal(json->child->string, "\"\\/\b\f\n\r\t");
    assert_string_equal(json->child->next->string, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_string_equal(json->child->next->next->string, "\xc3\xa4");
    arena_free(&arena);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "text: line 1, column 1: the text ends where a value is expected"},
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", "text: line 1, column 18: the key \"a\" occurs twice in one object"},
        {"[1,\n 2,]", "text: line 2, column 4: expected a value"},
        {"[1 2]", "text: line 1, column 4: expected a comma or ]"},
        {"[1", "text: line 1, column 3: expected a comma or ]"},
        {"{\"a\" 1}", "text: line 1, column 6: expected a colon after a key"},
        {"{a: 1}", "text: line 1, column 2: expected a key in quotes"},
        {"{\"a\": 1,}", "text: line 1, column 9: expected a key in quotes"},
        {"1 2", "text: line 1, column 3: something follows the value"},
        {"01", "a number with a leading zero"},
        {"-", "expected a value"},
        {"+1", "expected a value"},
        {".5", "expected a value"},
        {"1.", "a number without digits after its point"},
        {"1e", "a number without digits in its exponent"},
        {"1e309", "a number too large for a double"},
        {"NaN", "expected a value"},
        {"Infinity", "expected a value"},
        {"nul", "expected a value"},
        {"True", "expected a value"},
        {"'a'", "expected a value"},
        {"// x\n1", "expected a value"},
        {"\xef\xbb\xbf{}", "expected a value"},
        {"\"abc", "a string is not closed"},
        {"\"abc\\\"", "a string is not closed"},
        {"\"a\nb\"", "a control character in a string"},
        {"\"\\x\"", "an unknown escape"},
        {"\"\\u12g4\"", "\\u is not followed by four hexadecimal digits"},
        {"\"\\u12\"", "\\u is not followed by four hexadecimal digits"},
        {"\"\\u0000\"", "\\u0000 is not accepted"},
        {"\"\\ud800\"", "a high surrogate without its low one"},
        {"\"\\ud800\\u0041\"", "a high surrogate without its low one"},
        {"\"\\udc00\"", "a low surrogate without its high one"},
        {"\"\xff\"", "invalid UTF-8"},
        {"\"\xed\xa0\x80\"", "invalid UTF-8"},
        {"\"\xc3\"", "invalid UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct json *json;
        assert_int_equal(json_parse(&arena, cases[i].text, strlen(cases[i].text), "text", &json), SK_EFORMAT);
        if (!strstr(sk_error(), cases[i].sentence)) fail_msg("%s gave: %s", cases[i].text, sk_error());
        arena_free(&arena);
    }
}

static void depth_has_a_cap(void **state) {
    (void)state;
    char text[202];
    struct arena arena = {0};
    struct json *json;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_int_equal(json_parse(&arena, text, 128, "text", &json), SK_OK);
    memset(text, '[', 101);
    memset(text + 101, ']', 101);
    assert_int_equal(json_parse(&arena, text, 202, "text", &json), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "64 levels"));
    arena_free(&arena);
}

/* 200,000 keys, the last a repetition: found, and in no quadratic time. */
static void many_keys(void **state) {
    (void)state;
    struct json_writer w = {0};
    jw_object(&w, NULL);
    for (int i = 0; i <= 200000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i % 200000);
        jw_integer(&w, key, i);
    }
    jw_end_object(&w);
    struct arena arena = {0};
    struct json *json;
    assert_int_equal(json_parse(&arena, w.text.data, w.text.length, "text", &json), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "\"k0\" occurs twice"));
    arena_free(&arena);
    text_free(&w.text);
}

static void writing(void **state) {
    (void)state;
    struct json_writer w = {0};
    jw_object(&w, NULL);
    jw_string(&w, "s", "a\"\\\n\x01\xc3\xa4\xff");
    jw_array(&w, "list");
    jw_integer(&w, NULL, INT64_MIN);
    jw_number(&w, NULL, 0.1);
    jw_float(&w, NULL, 0.1f);
    jw_number(&w, NULL, NAN);
    jw_number(&w, NULL, 1e22);
    jw_object(&w, NULL);
    jw_end_object(&w);
    jw_end_array(&w);
    jw_bool(&w, "yes", true);
    jw_null(&w, "none");
    jw_string(&w, "null", NULL);
    jw_raw(&w, "raw", "[1]");
    jw_end_object(&w);
    assert_string_equal(
        w.text.data, "{\"s\": \"a\\\"\\\\\\n\\u0001\xc3\xa4\xef\xbf\xbd\", \"list\": [-9223372036854775808, 0.1, 0.1, "
                     "null, 1e+22, {}], \"yes\": true, \"none\": null, \"null\": null, \"raw\": [1]}");
    assert_int_equal(w.depth, 0);
    struct arena arena = {0};
    assert_int_equal(parse(&arena, w.text.data)->count, 6);
    arena_free(&arena);
    text_free(&w.text);
}

static void numbers_read_back(void **state) {
    (void)state;
    static const double cases[] = {1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.0, 0.1 + 0.2, -1e-7, 2.5e-8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_writer w = {0};
        jw_array(&w, NULL);
        jw_number(&w, NULL, cases[i]);
        jw_float(&w, NULL, (float)(cases[i] < 1e30 ? cases[i] : 1));
        jw_end_array(&w);
        struct arena arena = {0};
        const struct json *json = parse(&arena, w.text.data);
        assert_true(json->child->number == cases[i]);
        assert_true((float)json->child->next->number == (float)(cases[i] < 1e30 ? cases[i] : 1));
        arena_free(&arena);
        text_free(&w.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(strings),
        cmocka_unit_test(refused),
        cmocka_unit_test(depth_has_a_cap),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(writing),
        cmocka_unit_test(numbers_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
