/* recipe_file.c — a recipe's YAML: values, `source:`, `expect:`, `lint_ok:`, and the recipe that it begins with, `base:`.
 *
 * A file with a base holds only what differs; the base is read first, over the defaults. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/recipe_keys.h"
#include "files/yaml_flat.h"

enum { BASES_MAX = 6 };

/* What a file adds to; each list has room for the base's items and as many as the file has entries. */
struct taking {
    struct recipe *recipe;
    struct recipe_citation *citations;
    struct recipe_expect *expects;
    struct recipe_excuse *excuses;
    int level;
};

/* A text that a list keeps: one item, UTF-8. */
static sk_status check_text(const struct yaml_entry *entry, const char *list, const char *key) {
    FAIL_IF(entry->kind != YAML_TEXT, SK_EUSAGE, "%s: expected one text for '%s'", list, key);
    FAIL_IF(!utf8_valid(entry->item[0].text, strlen(entry->item[0].text)), SK_EUSAGE, "%s: not UTF-8", list);
    return SK_OK;
}

static sk_status take_citation(struct taking *taking, const struct yaml_entry *entry) {
    struct recipe *recipe = taking->recipe;
    const char *key = entry->key + strlen("source.");
    TRY(check_text(entry, "source", key));
    if (strcmp(key, "recipe") != 0 && recipe_find_key(key) < 0 && !recipe_is_group(key)) {
        recipe_unknown_key(key);
        return status_prefix(SK_EUSAGE, "source");
    }
    size_t at = 0;
    while (at < recipe->source_count && strcmp(taking->citations[at].key, key) != 0) at++;
    recipe->source_count += at == recipe->source_count;
    taking->citations[at] = (struct recipe_citation){key, entry->item[0].text, recipe->path};
    return SK_OK;
}

static sk_status take_excuse(struct taking *taking, const struct yaml_entry *entry) {
    struct recipe *recipe = taking->recipe;
    const char *lint = entry->key + strlen("lint_ok.");
    TRY(check_text(entry, "lint_ok", lint));
    FAIL_IF(!entry->item[0].text[0], SK_EUSAGE, "lint_ok: expected a reason for '%s'", lint);
    FAIL_IF(lint[strspn(lint, "abcdefghijklmnopqrstuvwxyz0123456789_")], SK_EUSAGE,
            "lint_ok: '%.60s' is no lint's name", lint);
    size_t at = 0;
    while (at < recipe->excuse_count && strcmp(taking->excuses[at].lint, lint) != 0) at++;
    recipe->excuse_count += at == recipe->excuse_count;
    taking->excuses[at] = (struct recipe_excuse){lint, entry->item[0].text, recipe->path};
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

static sk_status take_value(struct taking *taking, const struct yaml_entry *entry, const struct yaml_item **about) {
    struct recipe *recipe = taking->recipe;
    int id = recipe_find_key(entry->key);
    if (id < 0) return recipe_unknown_key(entry->key);
    const char **list = arena_array(recipe->arena, entry->count, sizeof *list);
    if (!list) return SK_EMEMORY;
    for (size_t i = 0; i < entry->count; i++) list[i] = entry->item[i].text;
    struct recipe_texts texts = {.text = list, .count = entry->count, .is_list = entry->kind == YAML_LIST};
    size_t bad = 0;
    sk_status status = recipe_read_value(recipe, id, &texts, &bad);
    if (bad < entry->count) *about = &entry->item[bad];
    recipe->place[id] =
        (struct recipe_place){RECIPE_FROM_FILE, entry->line, entry->column, recipe->path, taking->level};
    return status;
}

/* The maps beside the keys. */
static bool is_map(const char *key) {
    return !strcmp(key, "source") || !strcmp(key, "expect") || !strcmp(key, "lint_ok");
}

/* A group that stands where a key takes a value, or that does not exist. */
static sk_status check_group(const char *key) {
    FAIL_IF(recipe_find_key(key) >= 0, SK_EUSAGE, "%s: found a map, expected a value", key);
    if (is_map(key) || !strncmp(key, "source.", 7) || recipe_is_group(key)) return SK_OK;
    return recipe_unknown_key(key);
}

static sk_status take_entry(struct taking *taking, const struct yaml_entry *entry) {
    struct recipe *recipe = taking->recipe;
    const struct yaml_item *about = NULL;
    sk_status status = SK_OK;
    if (entry->kind == YAML_GROUP)
        status = check_group(entry->key);
    else if (is_map(entry->key))
        status = status_fail(SK_EUSAGE, "%s: found a value, expected a map", entry->key);
    else if (!strncmp(entry->key, "source.", 7))
        status = take_citation(taking, entry);
    else if (!strncmp(entry->key, "expect.", 7))
        status = take_expectation(entry, &taking->expects[recipe->expect_count++]);
    else if (!strncmp(entry->key, "lint_ok.", 8))
        status = take_excuse(taking, entry);
    else if (strcmp(entry->key, "base") != 0)
        status = take_value(taking, entry, &about);
    if (status == SK_OK || status == SK_EMEMORY) return status;
    if (about && entry->kind == YAML_LIST)
        return status_prefix(status, "%s:%d:%d", recipe->path, about->line, about->column);
    return status_prefix(status, "%s:%d:%d", recipe->path, entry->line, entry->column);
}

static int by_epoch(const void *a, const void *b) {
    int64_t x = ((const struct recipe_expect *)a)->epoch, y = ((const struct recipe_expect *)b)->epoch;
    return (x > y) - (x < y);
}

static sk_status check_expectations(const struct recipe *recipe, struct recipe_expect *expects) {
    qsort(expects, recipe->expect_count, sizeof *expects, by_epoch);
    for (size_t i = 1; i < recipe->expect_count; i++) {
        FAIL_IF(expects[i].epoch == expects[i - 1].epoch, SK_EUSAGE, "%s: expect: epoch %lld stands twice",
                recipe->path, (long long)expects[i].epoch);
    }
    return SK_OK;
}

static sk_status take_entries(struct recipe *recipe, const struct yaml_flat *flat, int level) {
    struct arena *arena = recipe->arena;
    struct taking taking = {
        .recipe = recipe,
        .level = level,
        .citations = arena_array(arena, recipe->source_count + flat->count, sizeof *taking.citations),
        .expects = arena_array(arena, flat->count, sizeof *taking.expects),
        .excuses = arena_array(arena, recipe->excuse_count + flat->count, sizeof *taking.excuses),
    };
    if (!taking.citations || !taking.expects || !taking.excuses) return SK_EMEMORY;
    for (size_t i = 0; i < recipe->source_count; i++) taking.citations[i] = recipe->source[i];
    for (size_t i = 0; i < recipe->excuse_count; i++) taking.excuses[i] = recipe->excuse[i];
    recipe->expect_count = 0; /* a base's curve is not this recipe's */
    for (size_t i = 0; i < flat->count; i++) TRY(take_entry(&taking, &flat->entry[i]));
    TRY(check_expectations(recipe, taking.expects));
    recipe->source = taking.citations;
    recipe->expect = taking.expects;
    recipe->excuse = taking.excuses;
    return SK_OK;
}

static sk_status load_over(struct recipe *recipe, const char *path, int depth);

/* The base beside the file: NAME, NAME.yaml or a path from the file's folder. depth < 0: from memory. */
static sk_status take_base(struct recipe *recipe, const struct yaml_flat *flat, const char *name, int depth) {
    const struct yaml_entry *entry = NULL;
    for (size_t i = 0; i < flat->count && !entry; i++)
        if (!strcmp(flat->entry[i].key, "base")) entry = &flat->entry[i];
    if (!entry) return SK_OK;
    FAIL_IF(entry->kind != YAML_TEXT || !entry->item[0].text[0], SK_EUSAGE,
            "%s:%d:%d: base: expected the name of one recipe", name, entry->line, entry->column);
    FAIL_IF(depth < 0, SK_EUSAGE, "%s:%d:%d: base: only a recipe in a file has others beside it", name, entry->line,
            entry->column);
    FAIL_IF(depth >= BASES_MAX, SK_EUSAGE, "%s:%d:%d: base: more than %d recipes, one the base of the other", name,
            entry->line, entry->column, BASES_MAX);
    const char *base = entry->item[0].text, *extension = path_extension(base);
    bool whole = !strcmp(extension, ".yaml") || !strcmp(extension, ".yml");
    size_t length = base[0] == '/' ? 0 : (size_t)(path_base(name) - name);
    char *folder = arena_strndup(recipe->arena, name, length);
    char *path = folder ? arena_printf(recipe->arena, "%s%s%s", folder, base, whole ? "" : ".yaml") : NULL;
    if (!path) return SK_EMEMORY;
    sk_status status = load_over(recipe, path, depth + 1);
    if (status == SK_OK || status == SK_EMEMORY) return status;
    return status_prefix(status, "%s:%d:%d: base", name, entry->line, entry->column);
}

static sk_status parse_over(struct recipe *recipe, const char *bytes, size_t size, const char *name, int depth) {
    struct yaml_flat flat;
    TRY(yaml_flatten(recipe->arena, bytes, size, name, &flat));
    TRY(take_base(recipe, &flat, name, depth));
    recipe->path = name;
    return take_entries(recipe, &flat, depth > 0 ? depth : 0);
}

static sk_status load_over(struct recipe *recipe, const char *path, int depth) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(file_read(recipe->arena, path, YAML_BYTES_MAX, &bytes, &size));
    return parse_over(recipe, (const char *)bytes, size, path, depth);
}

sk_status recipe_parse(struct recipe *recipe, struct arena *arena, const char *bytes, size_t size, const char *name) {
    TRY(recipe_default(recipe, arena));
    char *kept = arena_strdup(arena, name);
    if (!kept) return SK_EMEMORY;
    recipe->path = kept;
    return parse_over(recipe, bytes, size, kept, -1);
}

sk_status recipe_load(struct recipe *recipe, struct arena *arena, const char *path) {
    TRY(recipe_default(recipe, arena));
    char *kept = arena_strdup(arena, path);
    if (!kept) return SK_EMEMORY;
    recipe->path = kept;
    return load_over(recipe, kept, 0);
}
