/* recipe_import.c — a source's settings taken by its table, row by row, each with one line of what became of it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/recipe_import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/import_read.h"
#include "train/import_source.h"
#include "models/model.h"

/* ---- asking ---- */

static int find_row(const struct importing *im, const char *key) {
    const struct import_row *rows = im->source->rows;
    if (im->row && im->row->key == key) return (int)(im->row - rows); /* nearly always the row under way asks for itself */
    for (size_t i = 0; i < im->source->count; i++)
        if (rows[i].key[0] == key[0] && !strcmp(rows[i].key, key)) return (int)i;
    return -1;
}

const struct import_value *import_value(const struct importing *im, const char *key) {
    static const struct import_value none = {0};
    int row = find_row(im, key);
    return row < 0 ? &none : &im->values[row];
}

static bool is_none(const char *text) {
    return !*text || !strcmp(text, "null") || !strcmp(text, "None") || !strcmp(text, "~");
}

const char *import_text(const struct importing *im, const char *key) {
    int row = find_row(im, key);
    if (row < 0) return "";
    const struct import_value *value = &im->values[row];
    if (value->count) return is_none(value->text[0]) ? "" : value->text[0];
    return value->given ? "" : im->presets[row];
}

double import_number(const struct importing *im, const char *key) {
    double number = 0;
    return parse_f64(import_text(im, key), &number) ? number : 0;
}

bool import_on(const struct importing *im, const char *key) {
    const char *text = import_text(im, key);
    return !strcmp(text, "true") || !strcmp(text, "True") || !strcmp(text, "1");
}

bool import_is(const struct importing *im, const char *key, const char *text) {
    return !strcmp(import_text(im, key), text);
}

bool import_given(const struct importing *im, const char *key) {
    return import_value(im, key)->given;
}

bool import_is_off(const struct importing *im, const char *key) {
    const char *text = import_text(im, key);
    double number = 1;
    if (!*text || !strcmp(text, "false") || !strcmp(text, "False") || !strcmp(text, "none")) return true;
    return parse_f64(text, &number) && number == 0;
}

/* ---- answering ---- */

/* "--lr 0.5" as it is cited and told. */
static void add_theirs(const struct importing *im, const struct import_row *row, struct text *text) {
    const struct import_value *value = import_value(im, row->key);
    if (!value->count && row->arity != IMPORT_FLAG) text_add(text, im->presets[row - im->source->rows]);
    for (size_t i = 0; i < value->count; i++) text_addf(text, "%s%s", i ? " " : "", value->text[i]);
}

static sk_status cite(struct importing *im, const char *ours) {
    struct text text = {0};
    struct recipe *recipe = &im->import->recipe;
    struct recipe_citation *list = im->citations;
    text_addf(&text, "%s: %s", import_given(im, im->row->key) ? "given" : "its default", im->row->key);
    if (im->row->key[0] == '(') text.length = 0, text_addf(&text, "its code: %s", im->row->key);
    text_add(&text, " ");
    add_theirs(im, im->row, &text);
    char *kept = text.failed ? NULL : arena_strdup(im->arena, text.data);
    text_free(&text);
    if (!kept) return SK_EMEMORY;
    size_t at = 0;
    while (at < recipe->source_count && strcmp(list[at].key, ours) != 0) at++;
    recipe->source_count += at == recipe->source_count;
    list[at] = (struct recipe_citation){ours, kept, im->import->source};
    return SK_OK;
}

sk_status import_set(struct importing *im, const char *ours, const char *text) {
    char *key = arena_strdup(im->arena, ours);
    if (!key) return SK_EMEMORY;
    sk_status status = recipe_set(&im->import->recipe, ours, text);
    if (status != SK_OK) return status_prefix(status, "%s: %s", im->source->name, im->row->key);
    text_addf(&im->ours, "%s%s %s", im->ours.length ? ", " : "", ours, text);
    return cite(im, key);
}

sk_status import_set_number(struct importing *im, const char *ours, double value) {
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        double back = 0;
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (parse_f64(text, &back) && back == value) break;
    }
    return import_set(im, ours, text);
}

static void add_note(struct text *note, const char *format, va_list arguments) {
    char sentence[400];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    text_addf(note, "%s%s", note->length ? "; " : "", sentence);
}

void import_lacks(struct importing *im, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_note(&im->note, format, arguments);
    va_end(arguments);
    im->unmapped = true;
}

void import_note(struct importing *im, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_note(&im->note, format, arguments);
    va_end(arguments);
}

/* ---- rows' common functions ---- */

sk_status import_copy(struct importing *im, const struct import_row *row) {
    const struct import_value *value = import_value(im, row->key);
    struct text list = {0};
    if (value->count < 2) {
        const char *text = import_text(im, row->key);
        if (*text) return import_set(im, row->ours, text);
        im->ignored = true;
        return SK_OK;
    }
    for (size_t i = 0; i < value->count; i++) text_addf(&list, "%s%s", i ? "," : "", value->text[i]);
    sk_status status = text_check(&list);
    if (status == SK_OK) status = import_set(im, row->ours, list.data);
    text_free(&list);
    return status;
}

/* ours is "key=value". */
sk_status import_copy_fixed(struct importing *im, const struct import_row *row) {
    size_t length = strcspn(row->ours, "=");
    char *key = arena_strndup(im->arena, row->ours, length);
    if (!key) return SK_EMEMORY;
    import_note(im, "%s", row->note);
    return import_set(im, key, row->ours + length + 1);
}

sk_status import_ignore(struct importing *im, const struct import_row *row) {
    im->ignored = true;
    import_note(im, "%s", row->note);
    return SK_OK;
}

sk_status import_none(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key) || !strcmp(import_text(im, row->key), im->presets[row - im->source->rows])) {
        im->ignored = true;
        import_note(im, "off");
    } else {
        import_lacks(im, "%s", row->note);
    }
    return SK_OK;
}

sk_status import_with(struct importing *im, const struct import_row *row) {
    text_addf(&im->ours, "with %s", row->note);
    return SK_OK;
}

sk_status import_under(struct importing *im, const struct import_row *row) {
    im->ignored = import_is_off(im, row->note);
    if (!im->ignored) return import_with(im, row);
    import_note(im, "read with %s, which is off", row->note);
    return SK_OK;
}

const char *import_model_name(const char *theirs) {
    static const char *const names[][2] = {
        {"mobilenetv2_100", "mobilenet_v2"},
        {"mobilenetv3_large_100", "mobilenet_v3_large"},
        {"mobilenetv3_small_100", "mobilenet_v3_small"},
        {"MobileNetV2", "mobilenet_v2"},
        {"MobileNetV3Large", "mobilenet_v3_large"},
        {"MobileNetV3Small", "mobilenet_v3_small"},
    };
    const struct model_family *family;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i][0], theirs)) return names[i][1];
    return model_find(theirs, &family) == SK_OK ? theirs : NULL;
}

const char *import_outcome_name(enum import_outcome outcome) {
    static const char *const names[] = {"mapped", "assumed", "ignored", "unmapped"};
    return names[outcome];
}

/* ---- one line each ---- */

static const char *kept(struct arena *arena, struct text *text) {
    const char *copy = text->failed ? NULL : arena_strdup(arena, text->data ? text->data : "");
    text_free(text);
    return copy;
}

static sk_status add_line(struct importing *im, const struct import_line *line) {
    struct recipe_import *import = im->import;
    import->lines = arena_grow(im->arena, import->lines, &import->capacity, import->count + 1, sizeof *import->lines);
    if (!import->lines || !line->value || !line->ours || !line->note) return SK_EMEMORY;
    import->lines[import->count++] = *line;
    return SK_OK;
}

static sk_status take_row(struct importing *im, const struct import_row *row) {
    struct text theirs = {0};
    im->row = row;
    im->unmapped = im->ignored = false;
    sk_status status = row->take(im, row);
    if (status == SK_OK) add_theirs(im, row, &theirs);
    struct import_line line = {
        .outcome = im->unmapped                 ? IMPORT_UNMAPPED
                   : im->ignored                ? IMPORT_IGNORED
                   : import_given(im, row->key) ? IMPORT_MAPPED
                                                : IMPORT_ASSUMED,
        .key = row->key,
        .value = kept(im->arena, &theirs),
        .ours = kept(im->arena, &im->ours),
        .note = kept(im->arena, &im->note),
    };
    TRY(status);
    return add_line(im, &line);
}

sk_status import_take(struct importing *im) {
    struct recipe *recipe = &im->import->recipe;
    TRY(recipe_default(recipe, im->arena));
    im->citations = arena_array(im->arena, RECIPE_KEYS + 1, sizeof *im->citations);
    if (!im->citations) return SK_EMEMORY;
    recipe->source = im->citations;
    im->citations[recipe->source_count++] = (struct recipe_citation){"recipe", im->source->title, im->source->name};
    im->import->source = im->source->name;
    if (im->source->begin) TRY(im->source->begin(im));
    for (int given = 1; given >= 0; given--)
        for (size_t i = 0; i < im->source->count; i++)
            if (im->values[i].given == (given == 1)) TRY(take_row(im, &im->source->rows[i]));
    return recipe_check(recipe);
}

sk_status import_unknown(struct importing *im, const char *key, const char *value) {
    struct import_line line = {IMPORT_UNMAPPED, key, value, "", "this source has no such setting"};
    return add_line(im, &line);
}
