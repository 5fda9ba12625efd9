/* text.c — growing strings, strict numbers, nearest words, UTF-8, globs.
 *
 * Numbers are read and written in the C locale whatever the calling program has set.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* glibc answers with its static "C" object, so nothing is allocated and nothing need be freed. */
static locale_t c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Room for `more` bytes and the terminator. */
static bool text_reserve(struct text *text, size_t more) {
    if (text->failed) return false;
    if (more > SIZE_MAX / 2 - text->length) {
        text->failed = true;
        return false;
    }
    size_t want = text->length + more + 1;
    if (want <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < want) capacity *= 2;
    char *data = block_resize(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_add_n(struct text *text, const char *bytes, size_t length) {
    if (!text_reserve(text, length)) return;
    if (length) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string) {
    text_add_n(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...) {
    locale_t before = uselocale(c_locale());
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) text->failed = true;
    if (length >= 0 && text_reserve(text, (size_t)length)) {
        va_start(arguments, format);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
        text->length += (size_t)length;
    }
    uselocale(before);
}

sk_status text_check(const struct text *text) {
    FAIL_IF(text->failed, SK_EMEMORY, "a text of more than %zu bytes does not fit in memory", text->length);
    return SK_OK;
}

void text_free(struct text *text) {
    block_free(text->data);
    *text = (struct text){0};
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at) {
    while (is_digit(*at)) at++;
    return at;
}

bool parse_i64(const char *string, int64_t *out) {
    const char *digits = string + (*string == '+' || *string == '-');
    if (!is_digit(*digits) || *skip_digits(digits)) return false;
    errno = 0;
    long long value = strtoll(string, NULL, 10);
    if (errno) return false;
    *out = value;
    return true;
}

bool parse_f64(const char *string, double *out) {
    const char *at = string + (*string == '+' || *string == '-');
    const char *whole = at;
    at = skip_digits(at);
    int64_t digits = at - whole;
    if (*at == '.') {
        const char *fraction = ++at;
        at = skip_digits(at);
        digits += at - fraction;
    }
    if (digits == 0) return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (!is_digit(*at)) return false;
        at = skip_digits(at);
    }
    if (*at) return false;
    double value = strtod_l(string, NULL, c_locale());
    if (isinf(value)) return false;
    *out = value;
    return true;
}

bool parse_bool(const char *string, bool *out) {
    bool yes = strcmp(string, "true") == 0;
    if (!yes && strcmp(string, "false") != 0) return false;
    *out = yes;
    return true;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap neighbours) that turn a into b; both at most NEAR_WORD_MAX long. */
static int word_distance(const char *a, const char *b) {
    int rows[3][NEAR_WORD_MAX + 1];
    int length_a = (int)strlen(a), length_b = (int)strlen(b);
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= length_b; j++) last[j] = j;
    for (int i = 1; i <= length_a; i++) {
        now[0] = i;
        for (int j = 1; j <= length_b; j++) {
            int best = smaller(last[j], now[j - 1]) + 1;
            best = smaller(best, last[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) best = smaller(best, before[j - 2] + 1);
            now[j] = best;
        }
        int *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[length_b];
}

const char *nearest_word(const char *word, const char *const words[], size_t count) {
    size_t length = strlen(word);
    if (length == 0 || length > NEAR_WORD_MAX) return NULL;
    const char *nearest = NULL;
    int best = (int)length / 3 + 1; /* up to a third wrong; a word of one or two letters at most one */
    if (best > 1 && length < 3) best = 1;
    best++;
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) > NEAR_WORD_MAX) continue;
        int distance = word_distance(word, words[i]);
        /* Every letter replaced is no likeness. */
        if (distance < best && (size_t)distance < length) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

struct near_hint near_hint(const char *word, const char *const words[], size_t count, const char *before) {
    struct near_hint hint = {""};
    const char *near = nearest_word(word, words, count);
    if (near) snprintf(hint.text, sizeof hint.text, " (did you mean %s%s?)", before, near);
    return hint;
}

size_t utf8_sequence(const char *bytes, size_t length) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (length == 0) return 0;
    if (b[0] < 0x80) return 1;
    size_t want = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || length < want) return 0;
    for (size_t i = 1; i < want; i++) {
        if ((b[i] & 0xc0) != 0x80) return 0;
    }
    /* No overlong forms, no surrogates, nothing above U+10FFFF. */
    if (b[0] == 0xe0 && b[1] < 0xa0) return 0;
    if (b[0] == 0xed && b[1] > 0x9f) return 0;
    if (b[0] == 0xf0 && b[1] < 0x90) return 0;
    if (b[0] == 0xf4 && b[1] > 0x8f) return 0;
    return want;
}

bool utf8_valid(const char *bytes, size_t length) {
    while (length > 0) {
        size_t step = utf8_sequence(bytes, length);
        if (step == 0) return false;
        bytes += step;
        length -= step;
    }
    return true;
}

const char *printable(const char *bytes, size_t length, char *out, size_t size) {
    if (size == 0) return out;
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_sequence(bytes + i, length - i);
        bool strange = step == 0 || (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f;
        /* C1 controls are two bytes: c2 80 … c2 9f. */
        if (step == 2 && (unsigned char)bytes[i] == 0xc2 && (unsigned char)bytes[i + 1] < 0xa0) strange = true;
        size_t room = strange ? 1 : step;
        if (room > size - 1 - used) break;
        if (strange) {
            out[used] = '?';
        } else {
            memcpy(out + used, bytes + i, step);
        }
        used += room;
        i += step ? step : 1;
    }
    out[used] = '\0';
    return out;
}

bool glob_match(const char *pattern, const char *name) {
    const char *star = NULL, *retry = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern; /* first let it match nothing */
            retry = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}
