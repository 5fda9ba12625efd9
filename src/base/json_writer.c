/* json_writer.c — JSON into a growing text; commas, quoting and shortest numbers are taken care of.
 *
 * A number is written with no more digits than it takes to read back the same double (or float).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static void put_quoted(struct text *text, const char *string) {
    size_t left = strlen(string);
    text_add_n(text, "\"", 1);
    while (left > 0) {
        size_t step = utf8_sequence(string, left);
        unsigned char c = (unsigned char)*string;
        if (step == 0) {
            text_add(text, "\xef\xbf\xbd"); /* U+FFFD for a byte that is no UTF-8 */
            step = 1;
        } else if (c == '"' || c == '\\') {
            text_addf(text, "\\%c", c);
        } else if (c == '\n') {
            text_add(text, "\\n");
        } else if (c == '\t') {
            text_add(text, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            text_addf(text, "\\u%04x", c);
        } else {
            text_add_n(text, string, step);
        }
        string += step;
        left -= step;
    }
    text_add_n(text, "\"", 1);
}

/* What goes before a value: the comma after an earlier one, and the key. */
static void put_key(struct json_writer *w, const char *key) {
    if (w->comma) text_add(&w->text, ", ");
    w->comma = true;
    if (!key) return;
    put_quoted(&w->text, key);
    text_add(&w->text, ": ");
}

static void put_begin(struct json_writer *w, const char *key, const char *bracket) {
    put_key(w, key);
    text_add(&w->text, bracket);
    w->comma = false;
    w->depth++;
}

static void put_end(struct json_writer *w, const char *bracket) {
    text_add(&w->text, bracket);
    w->comma = true;
    w->depth--;
}

void jw_object(struct json_writer *w, const char *key) {
    put_begin(w, key, "{");
}

void jw_array(struct json_writer *w, const char *key) {
    put_begin(w, key, "[");
}

void jw_end_object(struct json_writer *w) {
    put_end(w, "}");
}

void jw_end_array(struct json_writer *w) {
    put_end(w, "]");
}

void jw_string(struct json_writer *w, const char *key, const char *value) {
    put_key(w, key);
    if (value) {
        put_quoted(&w->text, value);
    } else {
        text_add(&w->text, "null");
    }
}

void jw_integer(struct json_writer *w, const char *key, int64_t value) {
    put_key(w, key);
    text_addf(&w->text, "%lld", (long long)value);
}

/* With `digits` digits, or as many more as it takes to read back the same. */
static void put_number(struct json_writer *w, double value, int digits, int digits_max, bool as_float) {
    struct text number = {0};
    for (; digits <= digits_max; digits++) {
        double back;
        number.length = 0;
        text_addf(&number, "%.*g", digits, value);
        if (number.failed) break;
        if (!parse_f64(number.data, &back)) continue; /* the largest double, rounded up */
        if (as_float ? (float)back == (float)value : back == value) break;
    }
    if (number.failed) {
        w->text.failed = true;
    } else {
        text_add(&w->text, number.data);
    }
    text_free(&number);
}

void jw_number(struct json_writer *w, const char *key, double value) {
    put_key(w, key);
    if (isfinite(value)) {
        put_number(w, value, 6, 17, false);
    } else {
        text_add(&w->text, "null");
    }
}

void jw_integers(struct json_writer *w, const struct jw_integer *list) {
    for (; list->key; list++) jw_integer(w, list->key, list->value);
}

void jw_numbers(struct json_writer *w, const struct jw_number *list) {
    for (; list->key; list++) jw_number(w, list->key, list->value);
}

void jw_float(struct json_writer *w, const char *key, float value) {
    put_key(w, key);
    if (isfinite(value)) {
        put_number(w, value, 6, 9, true);
    } else {
        text_add(&w->text, "null");
    }
}

void jw_bool(struct json_writer *w, const char *key, bool value) {
    put_key(w, key);
    text_add(&w->text, value ? "true" : "false");
}

void jw_null(struct json_writer *w, const char *key) {
    put_key(w, key);
    text_add(&w->text, "null");
}

void jw_raw(struct json_writer *w, const char *key, const char *json) {
    put_key(w, key);
    text_add(&w->text, json);
}

sk_status jw_save(struct json_writer *w, const char *path) {
    text_add(&w->text, "\n");
    sk_status status = path ? text_check(&w->text) : SK_EMEMORY;
    if (status == SK_OK) status = file_replace(path, w->text.data, w->text.length);
    text_free(&w->text);
    return status;
}
