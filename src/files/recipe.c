/* recipe.c — a recipe's values gathered: defaults, then a YAML file, then key=value, each with its place.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/recipe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* ---- where a value came from ---- */

sk_status recipe_origin_text(const struct recipe *recipe, enum recipe_key_id id, struct text *text) {
    const struct recipe_place *place = &recipe->place[id];
    if (place->origin == RECIPE_FROM_FILE)
        text_addf(text, "%s:%d", place->path, place->line);
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
        return status_fail(SK_EUSAGE, "%s:%d:%d: %s: %s", place->path, place->line, place->column, recipe_keys[id].name,
                           sentence);
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
