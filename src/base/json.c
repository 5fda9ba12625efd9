/* json.c — the strict JSON reader: RFC 8259 and nothing more, in one pass with a depth cap.
 *
 * Nodes and texts live in the caller's arena. A node costs about 60 times the shortest text that
 * makes one ("0,"), so callers cap the size of what they parse.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct parser {
    struct arena *arena;
    const char *bytes;
    size_t size, at;
    const char *what;
    int depth;
};

/* Every node is allocated with its place, for the sentence about a duplicate key. */
struct placed {
    struct json json;
    size_t offset;
};

static sk_status json_fail(const struct parser *p, size_t offset, const char *problem) {
    size_t line = 1, start = 0;
    for (size_t i = 0; i < offset && i < p->size; i++) {
        if (p->bytes[i] != '\n') continue;
        line++;
        start = i + 1;
    }
    return status_fail(SK_EFORMAT, "%s: line %zu, column %zu: %s", p->what, line, offset - start + 1, problem);
}

static bool parser_more(const struct parser *p) {
    return p->at < p->size;
}

static void skip_blanks(struct parser *p) {
    while (parser_more(p) && memchr(" \t\n\r", p->bytes[p->at], 4)) p->at++;
}

/* Take `c` if it comes next. */
static bool take(struct parser *p, char c) {
    if (!parser_more(p) || p->bytes[p->at] != c) return false;
    p->at++;
    return true;
}

static bool take_word(struct parser *p, const char *word) {
    size_t length = strlen(word);
    if (p->size - p->at < length || memcmp(p->bytes + p->at, word, length) != 0) return false;
    p->at += length;
    return true;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* Four hexadecimal digits, or -1. */
static int32_t take_hex4(struct parser *p) {
    if (p->size - p->at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p->bytes[p->at + (size_t)i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    p->at += 4;
    return value;
}

static size_t put_utf8(char *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[length] | code);
    return length;
}

/* After "\u". */
static sk_status take_unicode(struct parser *p, char *out, size_t *used) {
    size_t start = p->at - 2;
    int32_t code = take_hex4(p);
    if (code < 0) return json_fail(p, start, "\\u is not followed by four hexadecimal digits");
    if (code == 0) return json_fail(p, start, "\\u0000 is not accepted in a string");
    if (code >= 0xdc00 && code <= 0xdfff) return json_fail(p, start, "a low surrogate without its high one");
    if (code >= 0xd800 && code <= 0xdbff) {
        int32_t low = take_word(p, "\\u") ? take_hex4(p) : -1;
        if (low < 0xdc00 || low > 0xdfff) return json_fail(p, start, "a high surrogate without its low one");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *used += put_utf8(out + *used, (uint32_t)code);
    return SK_OK;
}

/* After a backslash. */
static sk_status take_escape(struct parser *p, char *out, size_t *used) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t start = p->at - 1;
    char c = parser_more(p) ? p->bytes[p->at++] : '\0';
    if (c == 'u') return take_unicode(p, out, used);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) return json_fail(p, start, "an unknown escape in a string");
    out[(*used)++] = to[found - from];
    return SK_OK;
}

/* A string, the opening quote being next. No unescaped text is shorter than its source. */
static sk_status take_string(struct parser *p, const char **out) {
    size_t start = p->at++, end = p->at;
    while (end < p->size && p->bytes[end] != '"') end += p->bytes[end] == '\\' ? 2 : 1;
    if (end >= p->size) return json_fail(p, start, "a string is not closed");
    char *text = arena_alloc(p->arena, end - p->at + 1);
    if (!text) return SK_EMEMORY;
    size_t used = 0;
    while (p->at < end) {
        char c = p->bytes[p->at];
        if ((unsigned char)c < 0x20) return json_fail(p, p->at, "a control character in a string; escape it");
        size_t step = utf8_sequence(p->bytes + p->at, end - p->at);
        if (step == 0) return json_fail(p, p->at, "invalid UTF-8 in a string");
        if (c == '\\') {
            p->at++;
            TRY(take_escape(p, text, &used));
        } else {
            memcpy(text + used, p->bytes + p->at, step);
            used += step;
            p->at += step;
        }
    }
    p->at = end + 1;
    *out = text;
    return SK_OK;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static size_t take_digits(struct parser *p) {
    size_t start = p->at;
    while (parser_more(p) && p->bytes[p->at] >= '0' && p->bytes[p->at] <= '9') p->at++;
    return p->at - start;
}

static sk_status take_number(struct parser *p, struct json *node) {
    size_t start = p->at;
    bool whole = true;
    take(p, '-');
    size_t first = p->at, digits = take_digits(p);
    if (digits == 0) return json_fail(p, start, "expected a value");
    if (digits > 1 && p->bytes[first] == '0') return json_fail(p, start, "a number with a leading zero");
    if (take(p, '.')) {
        whole = false;
        if (take_digits(p) == 0) return json_fail(p, start, "a number without digits after its point");
    }
    if (take(p, 'e') || take(p, 'E')) {
        whole = false;
        if (!take(p, '+')) take(p, '-');
        if (take_digits(p) == 0) return json_fail(p, start, "a number without digits in its exponent");
    }
    char *text = arena_strndup(p->arena, p->bytes + start, p->at - start);
    if (!text) return SK_EMEMORY;
    if (!parse_f64(text, &node->number)) return json_fail(p, start, "a number too large for a double");
    node->kind = JSON_NUMBER;
    node->string = text;
    node->is_integer = whole && parse_i64(text, &node->integer);
    return SK_OK;
}

/* ---- values -------------------------------------------------------------------------------- */

static sk_status take_value(struct parser *p, struct json *node);

static int compare_keys(const void *a, const void *b) {
    const struct placed *x = *(const struct placed *const *)a, *y = *(const struct placed *const *)b;
    int order = strcmp(x->json.key, y->json.key);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Sorted, so that a hostile object with a million keys costs no quadratic time. */
static sk_status check_duplicates(struct parser *p, const struct json *object) {
    if (object->count < 2) return SK_OK;
    struct json **members = block_new(object->count * sizeof *members);
    if (!members) return SK_EMEMORY;
    size_t n = 0;
    for (struct json *child = object->child; child; child = child->next) members[n++] = child;
    qsort(members, n, sizeof *members, compare_keys);
    sk_status status = SK_OK;
    for (size_t i = 1; i < n && status == SK_OK; i++) {
        if (strcmp(members[i - 1]->key, members[i]->key) != 0) continue;
        char shown[64], problem[128];
        snprintf(problem, sizeof problem, "the key \"%s\" occurs twice in one object",
                 printable(members[i]->key, strlen(members[i]->key), shown, sizeof shown));
        status = json_fail(p, ((struct placed *)members[i])->offset, problem);
    }
    block_free(members);
    return status;
}

static sk_status take_key(struct parser *p, struct json *child) {
    if (!parser_more(p) || p->bytes[p->at] != '"') return json_fail(p, p->at, "expected a key in quotes");
    TRY(take_string(p, &child->key));
    skip_blanks(p);
    if (!take(p, ':')) return json_fail(p, p->at, "expected a colon after a key");
    skip_blanks(p);
    return SK_OK;
}

/* The members of an array or object, the opening bracket taken. */
static sk_status take_members(struct parser *p, struct json *node, char close) {
    struct json **end = &node->child;
    if (++p->depth > DEPTH_MAX) return json_fail(p, p->at - 1, "nested deeper than 64 levels");
    skip_blanks(p);
    bool done = take(p, close);
    while (!done) {
        struct placed *child = arena_alloc(p->arena, sizeof *child);
        if (!child) return SK_EMEMORY;
        child->offset = p->at;
        if (node->kind == JSON_OBJECT) TRY(take_key(p, &child->json));
        TRY(take_value(p, &child->json));
        *end = &child->json;
        end = &child->json.next;
        node->count++;
        skip_blanks(p);
        done = take(p, close);
        if (!done && !take(p, ',')) {
            return json_fail(p, p->at, close == ']' ? "expected a comma or ]" : "expected a comma or }");
        }
        if (!done) skip_blanks(p);
    }
    p->depth--;
    return node->kind == JSON_OBJECT ? check_duplicates(p, node) : SK_OK;
}

static sk_status take_value(struct parser *p, struct json *node) {
    if (!parser_more(p)) return json_fail(p, p->at, "the text ends where a value is expected");
    if (p->bytes[p->at] == '"') {
        node->kind = JSON_STRING;
        return take_string(p, &node->string);
    }
    if (take(p, '[')) {
        node->kind = JSON_ARRAY;
        return take_members(p, node, ']');
    }
    if (take(p, '{')) {
        node->kind = JSON_OBJECT;
        return take_members(p, node, '}');
    }
    if (take_word(p, "null")) {
        node->kind = JSON_NULL;
        return SK_OK;
    }
    node->boolean = take_word(p, "true");
    if (node->boolean || take_word(p, "false")) {
        node->kind = JSON_BOOL;
        return SK_OK;
    }
    return take_number(p, node);
}

sk_status json_parse(struct arena *arena, const char *bytes, size_t size, const char *what, struct json **out) {
    struct parser p = {.arena = arena, .bytes = bytes, .size = size, .what = what};
    struct placed *root = arena_alloc(arena, sizeof *root);
    if (!root) return SK_EMEMORY;
    skip_blanks(&p);
    TRY(take_value(&p, &root->json));
    skip_blanks(&p);
    if (parser_more(&p)) return json_fail(&p, p.at, "something follows the value");
    *out = &root->json;
    return SK_OK;
}

const struct json *json_get(const struct json *json, const char *key) {
    if (!json || json->kind != JSON_OBJECT) return NULL;
    for (const struct json *child = json->child; child; child = child->next) {
        if (strcmp(child->key, key) == 0) return child;
    }
    return NULL;
}

const char *json_string(const struct json *json, const char *key, const char *fallback) {
    const struct json *member = json_get(json, key);
    return member && member->kind == JSON_STRING ? member->string : fallback;
}

double json_number(const struct json *json, const char *key, double fallback) {
    const struct json *member = json_get(json, key);
    return member && member->kind == JSON_NUMBER ? member->number : fallback;
}

int64_t json_integer(const struct json *json, const char *key, int64_t fallback) {
    const struct json *member = json_get(json, key);
    return member && member->is_integer ? member->integer : fallback;
}

bool json_boolean(const struct json *json, const char *key, bool fallback) {
    const struct json *member = json_get(json, key);
    return member && member->kind == JSON_BOOL ? member->boolean : fallback;
}
