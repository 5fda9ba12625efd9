/* json.h — JSON both ways: a strict reader into an arena, and a writer into a growing text.
 *
 * Ours, because libsiskin-run has no third-party library and needs it for safetensors headers. Strict
 * RFC 8259: duplicate keys, invalid UTF-8, depth above 64, numbers outside double, and anything after the value are errors that
 * name line and column. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_JSON_H
#define SK_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    const char *key;    /* of this member, where the parent is an object */
    const char *string; /* JSON_STRING (terminated; an escaped NUL is refused); JSON_NUMBER: its text */
    double number;
    int64_t integer; /* where `is_integer` */
    bool boolean, is_integer;
    size_t count;              /* children */
    struct json *child, *next; /* first child; next sibling */
};

/* Parse `size` bytes; `what` names the source in the sentence ("model.safetensors: header"). */
sk_status json_parse(struct arena *arena, const char *bytes, size_t size, const char *what, struct json **out);
/* A member by name, or NULL; json may be NULL or no object (then NULL). */
const struct json *json_get(const struct json *json, const char *key);
/* Typed members with a fallback where absent or of another kind. */
const char *json_string(const struct json *json, const char *key, const char *fallback);
double json_number(const struct json *json, const char *key, double fallback);
int64_t json_integer(const struct json *json, const char *key, int64_t fallback);
bool json_boolean(const struct json *json, const char *key, bool fallback);

/* Writer: commas and quoting are taken care of. key = NULL inside arrays and for the root. */
struct json_writer {
    struct text text;
    bool comma;
    int depth;
};
void jw_object(struct json_writer *w, const char *key); /* begin */
void jw_array(struct json_writer *w, const char *key);
void jw_end_object(struct json_writer *w);
void jw_end_array(struct json_writer *w);
void jw_string(struct json_writer *w, const char *key, const char *value);
void jw_integer(struct json_writer *w, const char *key, int64_t value);
/* Several integers, or numbers, one member each: JW_INTEGERS(w, {"steps", steps}, {"epochs", epochs}). */
struct jw_integer {
    const char *key;
    int64_t value;
};
struct jw_number {
    const char *key;
    double value;
};
#define JW_INTEGERS(w, ...) jw_integers(w, (const struct jw_integer[]){__VA_ARGS__, {NULL, 0}})
#define JW_NUMBERS(w, ...)  jw_numbers(w, (const struct jw_number[]){__VA_ARGS__, {NULL, 0}})
void jw_integers(struct json_writer *w, const struct jw_integer *list); /* ends with key NULL */
void jw_numbers(struct json_writer *w, const struct jw_number *list);
void jw_number(struct json_writer *w, const char *key,
               double value); /* shortest that reads back (%.17g at most); nan -> null */
void jw_float(struct json_writer *w, const char *key, float value); /* shortest that reads back as float */
void jw_bool(struct json_writer *w, const char *key, bool value);
void jw_null(struct json_writer *w, const char *key);
void jw_raw(struct json_writer *w, const char *key, const char *json);
/* What was written as a line of its own, whole or not at all; the text is freed. Path NULL: SK_EMEMORY. */
sk_status jw_save(struct json_writer *w, const char *path);

#endif
