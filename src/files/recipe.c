/* recipe.c — a recipe's values gathered: defaults, then a YAML file, then key=value, each with its place.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/recipe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/recipe_keys.h"
#include "files/yaml_flat.h"

/* The next comma that lies in no inner list, or NULL. */
static char *next_comma(char *at) {
    for (int depth = 0; *at; at++) {
        depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
        if (*at == ',' && depth <= 0) return at;
    }
    return NULL;
}

/* Is the whole text one list, rather than a list of lists without its own brackets? */
static bool in_brackets(const char *text, size_t length) {
    int depth = 0;
    for (size_t i = 0; i < length; i++) {
        depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
        if (depth == 0 && i + 1 < length) return false;
    }
    return length >= 2 && text[0] == '[' && text[length - 1] == ']';
}

/* Cut "[a, b]" or "a,b" into texts without blanks around them; an inner list is one text. "" and "[]" give none. */
static sk_status cut_list(struct arena *arena, const char *text, struct recipe_texts *texts) {
    size_t length = strlen(text);
    if (in_brackets(text, length)) text++, length -= 2;
    char *copy = arena_strndup(arena, text, length);
    const char **items = arena_array(arena, length + 1, sizeof *items);
    if (!copy || !items) return SK_EMEMORY;
    size_t count = 0;
    for (char *at = copy, *comma = NULL; at; at = comma ? comma + 1 : NULL) {
        comma = next_comma(at);
        char *end = comma ? comma : at + strlen(at);
        while (at < end && *at == ' ') at++;
        while (end > at && end[-1] == ' ') end--;
        *end = 0;
        items[count++] = at;
    }
    *texts = (struct recipe_texts){.text = items, .count = count == 1 && !*items[0] ? 0 : count, .is_list = true};
    return SK_OK;
}

static sk_status set_text(struct recipe *recipe, enum recipe_key_id id, const char *value) {
    struct recipe_texts texts = {.text = &value, .count = 1};
    size_t bad = 0;
    if (recipe_keys[id].type >= RECIPE_F64S) TRY(cut_list(recipe->arena, value, &texts));
    return recipe_read_value(recipe, id, &texts, &bad);
}

sk_status recipe_default(struct recipe *recipe, struct arena *arena) {
    *recipe = (struct recipe){.arena = arena};
    for (int id = 0; id < RECIPE_KEYS; id++) TRY(set_text(recipe, id, recipe_keys[id].preset));
    return SK_OK;
}

sk_status recipe_set(struct recipe *recipe, const char *key, const char *text) {
    int id = recipe_find_key(key);
    if (id < 0) return recipe_unknown_key(key);
    TRY(set_text(recipe, id, text));
    recipe->place[id] = (struct recipe_place){.origin = RECIPE_FROM_OVERRIDE};
    return SK_OK;
}

sk_status recipe_settle_key(struct recipe *recipe, enum recipe_key_id id, const char *text) {
    if (recipe_is_set(recipe, id)) return SK_OK;
    recipe->place[id] = (struct recipe_place){.origin = RECIPE_FROM_MODEL};
    return set_text(recipe, id, text);
}

sk_status recipe_override(struct recipe *recipe, const char *assignment) {
    const char *equals = strchr(assignment, '=');
    FAIL_IF(!equals || equals == assignment, SK_EUSAGE, "'%.80s': expected key=value", assignment);
    char *key = arena_strndup(recipe->arena, assignment, (size_t)(equals - assignment));
    if (!key) return SK_EMEMORY;
    return recipe_set(recipe, key, equals + 1);
}

bool recipe_is_assignment(const char *text) {
    const char *equals = strchr(text, '=');
    char key[YAML_KEY_MAX];
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof key) return false;
    snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
    if (key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.")]) return false;
    return recipe_find_key(key) >= 0 || (strchr(key, '.') && key[0] != '.');
}

bool recipe_is_set(const struct recipe *recipe, enum recipe_key_id id) {
    enum recipe_origin origin = recipe->place[id].origin;
    return origin != RECIPE_FROM_DEFAULT && origin != RECIPE_FROM_MODEL;
}

/* ---- a file's entries ---- */

static sk_status take_citation(const struct yaml_entry *entry, struct recipe_citation *citation) {
    const char *key = entry->key + strlen("source.");
    FAIL_IF(entry->kind != YAML_TEXT, SK_EUSAGE, "source: expected one text for '%s'", key);
    if (strcmp(key, "recipe") != 0 && recipe_find_key(key) < 0 && !recipe_is_group(key)) {
        recipe_unknown_key(key);
        return status_prefix(SK_EUSAGE, "source");
    }
    FAIL_IF(!utf8_valid(entry->item[0].text, strlen(entry->item[0].text)), SK_EUSAGE, "source: not UTF-8");
    *citation = (struct recipe_citation){.key = key, .text = entry->item[0].text};
    return SK_OK;
}

static sk_status take_expectation(const struct yaml_entry *entry, struct recipe_expect *expect) {
    const char *epoch = entry->key + strlen("expect.");
    double ends[2];
    FAIL_IF(!parse_i64(epoch, &expect->epoch) || expect->epoch < 1, SK_EUSAGE,
            "expect: found '%.40s', expected an epoch's number from 1", epoch);
    bool sound = entry->kind == YAML_LIST && entry->count == 2;
    for (size_t i = 0; sound && i < 2; i++) sound = parse_f64(entry->item[i].text, &ends[i]);
    FAIL_IF(!sound || ends[0] < 0 || ends[0] > ends[1] || ends[1] > 100, SK_EUSAGE,
            "expect: epoch %s: expected [low, high] in per cent of top-1, 0 <= low <= high <= 100", epoch);
    expect->low = ends[0];
    expect->high = ends[1];
    return SK_OK;
}

static sk_status take_value(struct recipe *recipe, const struct yaml_entry *entry, const struct yaml_item **about) {
    int id = recipe_find_key(entry->key);
    if (id < 0) return recipe_unknown_key(entry->key);
    const char **list = arena_array(recipe->arena, entry->count, sizeof *list);
    if (!list) return SK_EMEMORY;
    for (size_t i = 0; i < entry->count; i++) list[i] = entry->item[i].text;
    struct recipe_texts texts = {.text = list, .count = entry->count, .is_list = entry->kind == YAML_LIST};
    size_t bad = 0;
    sk_status status = recipe_read_value(recipe, id, &texts, &bad);
    if (bad < entry->count) *about = &entry->item[bad];
    recipe->place[id] = (struct recipe_place){RECIPE_FROM_FILE, entry->line, entry->column};
    return status;
}

/* A group that stands where a key takes a value, or that does not exist. */
static sk_status check_group(const char *key) {
    FAIL_IF(recipe_find_key(key) >= 0, SK_EUSAGE, "%s: found a map, expected a value", key);
    if (!strcmp(key, "source") || !strcmp(key, "expect") || !strncmp(key, "source.", 7) || recipe_is_group(key))
        return SK_OK;
    return recipe_unknown_key(key);
}

static sk_status take_entry(struct recipe *recipe, const struct yaml_entry *entry, struct recipe_citation *citations,
                            struct recipe_expect *expects) {
    const struct yaml_item *about = NULL;
    sk_status status;
    if (entry->kind == YAML_GROUP)
        status = check_group(entry->key);
    else if (!strcmp(entry->key, "source") || !strcmp(entry->key, "expect"))
        status = status_fail(SK_EUSAGE, "%s: found a value, expected a map", entry->key);
    else if (!strncmp(entry->key, "source.", 7))
        status = take_citation(entry, &citations[recipe->source_count++]);
    else if (!strncmp(entry->key, "expect.", 7))
        status = take_expectation(entry, &expects[recipe->expect_count++]);
    else
        status = take_value(recipe, entry, &about);
    if (status == SK_OK || status == SK_EMEMORY) return status;
    if (about && entry->kind == YAML_LIST)
        return status_prefix(status, "%s:%d:%d", recipe->path, about->line, about->column);
    return status_prefix(status, "%s:%d:%d", recipe->path, entry->line, entry->column);
}

static int by_epoch(const void *a, const void *b) {
    int64_t x = ((const struct recipe_expect *)a)->epoch, y = ((const struct recipe_expect *)b)->epoch;
    return (x > y) - (x < y);
}

static sk_status take_entries(struct recipe *recipe, const struct yaml_flat *flat) {
    struct recipe_citation *citations = arena_array(recipe->arena, flat->count, sizeof *citations);
    struct recipe_expect *expects = arena_array(recipe->arena, flat->count, sizeof *expects);
    if (!citations || !expects) return SK_EMEMORY;
    for (size_t i = 0; i < flat->count; i++) TRY(take_entry(recipe, &flat->entry[i], citations, expects));
    qsort(expects, recipe->expect_count, sizeof *expects, by_epoch);
    for (size_t i = 1; i < recipe->expect_count; i++) {
        FAIL_IF(expects[i].epoch == expects[i - 1].epoch, SK_EUSAGE, "%s: expect: epoch %lld stands twice",
                recipe->path, (long long)expects[i].epoch);
    }
    recipe->source = citations;
    recipe->expect = expects;
    return SK_OK;
}

sk_status recipe_parse(struct recipe *recipe, struct arena *arena, const char *bytes, size_t size, const char *name) {
    struct yaml_flat flat;
    TRY(recipe_default(recipe, arena));
    recipe->path = arena_strdup(arena, name);
    if (!recipe->path) return SK_EMEMORY;
    TRY(yaml_flatten(arena, bytes, size, recipe->path, &flat));
    return take_entries(recipe, &flat);
}

sk_status recipe_load(struct recipe *recipe, struct arena *arena, const char *path) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(file_read(arena, path, YAML_BYTES_MAX, &bytes, &size));
    return recipe_parse(recipe, arena, (const char *)bytes, size, path);
}

/* ---- where a value came from ---- */

sk_status recipe_origin_text(const struct recipe *recipe, enum recipe_key_id id, struct text *text) {
    const struct recipe_place *place = &recipe->place[id];
    if (place->origin == RECIPE_FROM_FILE)
        text_addf(text, "%s:%d", recipe->path, place->line);
    else
        text_add(text, place->origin == RECIPE_FROM_DEFAULT ? "default"
                       : place->origin == RECIPE_FROM_MODEL ? "the model's"
                                                            : "override");
    return text_check(text);
}

sk_status recipe_fail(const struct recipe *recipe, enum recipe_key_id id, const char *format, ...) {
    char sentence[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    const struct recipe_place *place = &recipe->place[id];
    if (place->origin == RECIPE_FROM_FILE)
        return status_fail(SK_EUSAGE, "%s:%d:%d: %s: %s", recipe->path, place->line, place->column,
                           recipe_keys[id].name, sentence);
    return status_fail(SK_EUSAGE, "%s%s: %s", recipe_keys[id].name, recipe_is_set(recipe, id) ? "" : " (default)",
                       sentence);
}

sk_status recipe_fail_word(const struct recipe *recipe, enum recipe_key_id id, const char *found,
                           const char *const names[], size_t count) {
    struct text list = {0};
    for (size_t i = 0; i < count; i++) text_addf(&list, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", names[i]);
    const char *near = nearest_word(found, names, count);
    if (near) text_addf(&list, "; did you mean '%s'?", near);
    sk_status status = text_check(&list);
    if (status == SK_OK) status = recipe_fail(recipe, id, "found '%.80s', expected %s", found, list.data);
    text_free(&list);
    return status;
}
