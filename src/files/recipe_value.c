/* recipe_value.c — one value of a recipe: read strictly from text, printed so that it reads back the same.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "files/recipe_keys.h"

static void *field_of(const struct recipe *recipe, const struct recipe_key *key) {
    return (char *)recipe + key->offset;
}

/* "schedule.lr: found '0.064abc', expected …" */
static sk_status mismatch(const struct recipe_key *key, const char *found, const char *expected) {
    char shown[128];
    printable(found, strlen(found), shown, sizeof shown);
    if (!*shown) return status_fail(SK_EUSAGE, "%s: found nothing, expected %s", key->name, expected);
    return status_fail(SK_EUSAGE, "%s: found '%s', expected %s", key->name, shown, expected);
}

static sk_status read_f64(const struct recipe_key *key, const char *text, double *value) {
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %.12g to %.12g", key->low, key->high);
    double number = 0;
    if (!parse_f64(text, &number) || number < key->low || number > key->high) return mismatch(key, text, expected);
    *value = number == 0 ? 0 : number; /* no negative zero */
    return SK_OK;
}

static sk_status read_i64(const struct recipe_key *key, const char *text, int64_t *value) {
    char expected[160];
    double number = 0;
    int64_t whole = 0;
    if (parse_i64(text, &whole) && (double)whole >= key->low && (double)whole <= key->high) {
        *value = whole;
        return SK_OK;
    }
    int n = snprintf(expected, sizeof expected, "a whole number from %.0f to %.0f", key->low, key->high);
    if (!parse_i64(text, &whole) && parse_f64(text, &number) && number == floor(number) && fabs(number) <= key->high)
        snprintf(expected + n, sizeof expected - (size_t)n, " without exponent or point: %.0f", number);
    return mismatch(key, text, expected);
}

static sk_status read_choice(const struct recipe_key *key, const char *text, int *value) {
    for (size_t i = 0; i < key->word_count; i++) {
        if (strcmp(key->words[i], text) != 0) continue;
        *value = (int)i;
        return SK_OK;
    }
    char expected[256];
    size_t at = 0;
    for (size_t i = 0; i < key->word_count && at < sizeof expected; i++)
        at += (size_t)snprintf(expected + at, sizeof expected - at, "%s%s", i ? " or " : "", key->words[i]);
    return mismatch(key, text, expected);
}

static sk_status read_text(const struct recipe *recipe, const struct recipe_key *key, const char *text,
                           const char **value) {
    if (!utf8_valid(text, strlen(text))) return mismatch(key, text, "text in UTF-8");
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) return mismatch(key, text, "text without control characters");
    }
    *value = arena_strdup(recipe->arena, text);
    return *value ? SK_OK : SK_EMEMORY;
}

static size_t item_size(enum recipe_type type) {
    return type == RECIPE_F64S ? sizeof(double) : type == RECIPE_I64S ? sizeof(int64_t) : sizeof(char *);
}

/* The three lists have one layout: pointer, count. */
static sk_status read_list(struct recipe *recipe, const struct recipe_key *key, const struct recipe_texts *texts,
                           size_t *bad) {
    /* One text is a list of one; a number stays apart from a list of numbers. */
    FAIL_IF(!texts->is_list && key->type != RECIPE_TEXTS, SK_EUSAGE, "%s: found '%.60s', expected a list: [a, b]",
            key->name, texts->text[0]);
    FAIL_IF(texts->count < key->fewest || texts->count > key->most, SK_EUSAGE,
            "%s: found %zu items, expected %zu to %zu", key->name, texts->count, key->fewest, key->most);
    char *items = arena_array(recipe->arena, texts->count, item_size(key->type));
    if (!items) return SK_EMEMORY;
    for (*bad = 0; *bad < texts->count; ++*bad) {
        void *item = items + *bad * item_size(key->type);
        const char *text = texts->text[*bad];
        if (key->type == RECIPE_F64S) TRY(read_f64(key, text, item));
        if (key->type == RECIPE_I64S) TRY(read_i64(key, text, item));
        if (key->type == RECIPE_TEXTS) TRY(read_text(recipe, key, text, (const char **)item));
    }
    *bad = 0;
    void *field = field_of(recipe, key);
    if (key->type == RECIPE_F64S) *(struct f64_list *)field = (struct f64_list){(double *)(void *)items, texts->count};
    if (key->type == RECIPE_I64S) *(struct i64_list *)field = (struct i64_list){(int64_t *)(void *)items, texts->count};
    if (key->type == RECIPE_TEXTS)
        *(struct text_list *)field = (struct text_list){(const char *const *)(void *)items, texts->count};
    return SK_OK;
}

sk_status recipe_read_value(struct recipe *recipe, enum recipe_key_id id, const struct recipe_texts *texts,
                            size_t *bad) {
    const struct recipe_key *key = &recipe_keys[id];
    void *field = field_of(recipe, key);
    *bad = 0;
    if (key->type >= RECIPE_F64S) return read_list(recipe, key, texts, bad);
    FAIL_IF(texts->is_list, SK_EUSAGE, "%s: found a list, expected one value", key->name);
    switch (key->type) {
    case RECIPE_F64: return read_f64(key, texts->text[0], field);
    case RECIPE_I64: return read_i64(key, texts->text[0], field);
    case RECIPE_CHOICE: return read_choice(key, texts->text[0], field);
    case RECIPE_TEXT: return read_text(recipe, key, texts->text[0], field);
    default: break;
    }
    return parse_bool(texts->text[0], field) ? SK_OK : mismatch(key, texts->text[0], "true or false");
}

void recipe_print_f64(double value, struct text *text) {
    struct text number = {0};
    double back = 0;
    for (int digits = 6; digits <= 17; digits++) {
        number.length = 0;
        text_addf(&number, "%.*g", digits, value);
        if (number.failed || (parse_f64(number.data, &back) && back == value)) break;
    }
    /* "1e-05" is a text to other YAML readers; "1.0e-05" is a number to all. */
    const char *exponent = number.failed ? NULL : strchr(number.data, 'e');
    if (number.failed)
        text->failed = true;
    else if (exponent && !strchr(number.data, '.'))
        text_addf(text, "%.*s.0%s", (int)(exponent - number.data), number.data, exponent);
    else
        text_add(text, number.data);
    text_free(&number);
}

/* Letters, digits and a few signs, none of which means something to YAML where it stands. */
static bool is_plain(const char *value) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (!*value || !strchr(letters, *value)) return false;
    size_t plain = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-");
    return value[plain] == 0;
}

/* Characters beyond ASCII that libyaml takes for a line break, a byte-order mark or not printable. */
static int special_utf8(const unsigned char *c, unsigned *code) {
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) return *code = c[1], 2;
    if (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9)) return *code = 0x2000u + (c[2] & 0x3fu), 3;
    if (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf) return *code = 0xfeff, 3;
    if (c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe) return *code = 0xffc0u + (c[2] & 0x3fu), 3;
    return 0;
}

/* An inner list, as yaml_flat.h makes one text of it: "[3, 16, 16, 0, RE, 1]". */
static bool is_row(const char *value) {
    size_t length = strlen(value);
    if (length < 3 || value[0] != '[' || value[length - 1] != ']' || value[1] == ' ' || value[length - 2] == ' ')
        return false;
    for (size_t i = 1; i + 1 < length; i++) {
        bool gap = value[i] == ',' && value[i + 1] == ' ' && value[i - 1] != ' ' && value[i + 2] != ',';
        bool word = (value[i] >= 'a' && value[i] <= 'z') || (value[i] >= 'A' && value[i] <= 'Z') || value[i] == '_' ||
                    (value[i] >= '0' && value[i] <= '9');
        if (gap) i++;
        if (!gap && !word) return false;
    }
    return true;
}

void recipe_print_text(const char *value, struct text *text) {
    if (is_plain(value)) {
        text_add(text, value);
        return;
    }
    text_add(text, "\"");
    for (const unsigned char *c = (const unsigned char *)value; *c;) {
        unsigned code = 0;
        int special = special_utf8(c, &code);
        if (special)
            text_addf(text, "\\u%04X", code);
        else if (*c == '"' || *c == '\\')
            text_addf(text, "\\%c", *c);
        else if (*c < ' ' || *c == 0x7f)
            text_addf(text, "\\x%02X", *c);
        else
            text_add_n(text, (const char *)c, 1);
        c += special ? special : 1;
    }
    text_add(text, "\"");
}

static size_t list_count(const struct recipe_key *key, const void *field) {
    if (key->type == RECIPE_F64S) return ((const struct f64_list *)field)->count;
    if (key->type == RECIPE_I64S) return ((const struct i64_list *)field)->count;
    return ((const struct text_list *)field)->count;
}

void recipe_print_value(const struct recipe *recipe, enum recipe_key_id id, struct text *text) {
    const struct recipe_key *key = &recipe_keys[id];
    const void *field = field_of(recipe, key);
    switch (key->type) {
    case RECIPE_F64: recipe_print_f64(*(const double *)field, text); return;
    case RECIPE_I64: text_addf(text, "%lld", (long long)*(const int64_t *)field); return;
    case RECIPE_BOOL: text_add(text, *(const bool *)field ? "true" : "false"); return;
    case RECIPE_CHOICE: text_add(text, key->words[*(const int *)field]); return;
    case RECIPE_TEXT: recipe_print_text(*(const char *const *)field, text); return;
    default: break;
    }
    text_add(text, "[");
    for (size_t i = 0; i < list_count(key, field); i++) {
        if (i) text_add(text, ", ");
        if (key->type == RECIPE_F64S) recipe_print_f64(((const struct f64_list *)field)->item[i], text);
        if (key->type == RECIPE_I64S) text_addf(text, "%lld", (long long)((const struct i64_list *)field)->item[i]);
        const char *item = key->type == RECIPE_TEXTS ? ((const struct text_list *)field)->item[i] : NULL;
        if (item && is_row(item))
            text_add(text, item);
        else if (item)
            recipe_print_text(item, text);
    }
    text_add(text, "]");
}

sk_status recipe_value(const struct recipe *recipe, enum recipe_key_id id, struct text *text) {
    recipe_print_value(recipe, id, text);
    return text_check(text);
}

bool recipe_value_equal(const struct recipe *a, const struct recipe *b, enum recipe_key_id id) {
    const struct recipe_key *key = &recipe_keys[id];
    const void *x = field_of(a, key), *y = field_of(b, key);
    switch (key->type) {
    case RECIPE_F64: return *(const double *)x == *(const double *)y;
    case RECIPE_I64: return *(const int64_t *)x == *(const int64_t *)y;
    case RECIPE_BOOL: return *(const bool *)x == *(const bool *)y;
    case RECIPE_CHOICE: return *(const int *)x == *(const int *)y;
    case RECIPE_TEXT: return !strcmp(*(const char *const *)x, *(const char *const *)y);
    default: break;
    }
    bool same = list_count(key, x) == list_count(key, y);
    for (size_t i = 0; same && i < list_count(key, x); i++) {
        if (key->type == RECIPE_F64S)
            same = ((const struct f64_list *)x)->item[i] == ((const struct f64_list *)y)->item[i];
        if (key->type == RECIPE_I64S)
            same = ((const struct i64_list *)x)->item[i] == ((const struct i64_list *)y)->item[i];
        if (key->type == RECIPE_TEXTS)
            same = !strcmp(((const struct text_list *)x)->item[i], ((const struct text_list *)y)->item[i]);
    }
    return same;
}
