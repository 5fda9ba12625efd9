/* text.h — growing strings, strict number parsing, and the nearest word for an unknown one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_TEXT_H
#define SK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A growing string, always terminated. Zero-initialise; a failed growth sets `failed` and later calls do nothing. */
struct text {
    char *data;
    size_t length, capacity;
    bool failed;
};
void text_add(struct text *text, const char *string);
void text_add_n(struct text *text, const char *bytes, size_t length);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
sk_status text_check(const struct text *text); /* SK_EMEMORY where a growth failed */
void text_free(struct text *text);

/* Whole-string parsing: no blanks, no rest, no overflow. False leaves *out alone. The C locale's grammar always. */
bool parse_i64(const char *string, int64_t *out); /* [+-]digits */
bool parse_f64(const char *string, double *out);  /* decimal or exponent form; inf and nan are refused */
bool parse_bool(const char *string, bool *out);   /* true, false */

/* The word of words[count] nearest to `word` (Damerau-Levenshtein), or NULL where none is near enough to suggest. */
const char *nearest_word(const char *word, const char *const words[], size_t count);

/* For a sentence about an unknown word: " (did you mean X?)", or "" where none is near enough. `before` stands before
 * X: "--", or "". Say near_hint(…).text in the sentence itself: the struct lives as long. */
enum { NEAR_WORD_MAX = 63 };
struct near_hint {
    char text[NEAR_WORD_MAX + 32];
};
struct near_hint near_hint(const char *word, const char *const words[], size_t count, const char *before);

/* Length of the UTF-8 sequence that starts here: 1 to 4, or 0 where it is none. */
size_t utf8_sequence(const char *bytes, size_t length);

/* True where the bytes are valid UTF-8. */
bool utf8_valid(const char *bytes, size_t length);

/* Copy at most size-1 bytes, control characters shown as '?', for names that come out of files. */
const char *printable(const char *bytes, size_t length, char *out, size_t size);

/* Glob with * and ? over whole names ("features.*.weight"). */
bool glob_match(const char *pattern, const char *name);

#endif
