/* recipe_write.c — the fully resolved recipe as YAML, and the same with every value's origin.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "files/recipe_keys.h"

/* Write the groups of `name` that `last` was not in, each on its line; returns the last part, its depth. */
static const char *open_groups(struct text *text, const char *last, const char *name, int *depth) {
    *depth = 0;
    bool same = true;
    for (const char *part = name;;) {
        const char *dot = strchr(part, '.');
        if (!dot) return part;
        size_t length = (size_t)(dot + 1 - name);
        same = same && !strncmp(last, name, length);
        if (!same) text_addf(text, "%*s%.*s:\n", 2 * *depth, "", (int)(dot - part), part);
        part = dot + 1;
        ++*depth;
    }
}

static void write_origins(const struct recipe *recipe, struct text *text) {
    if (recipe->source_count) text_add(text, "source:\n");
    for (size_t i = 0; i < recipe->source_count; i++) {
        text_addf(text, "  %s: ", recipe->source[i].key);
        recipe_print_text(recipe->source[i].text, text);
        text_add(text, "\n");
    }
    if (recipe->expect_count) text_add(text, "expect:\n");
    for (size_t i = 0; i < recipe->expect_count; i++) {
        text_addf(text, "  %lld: [", (long long)recipe->expect[i].epoch);
        recipe_print_f64(recipe->expect[i].low, text);
        text_add(text, ", ");
        recipe_print_f64(recipe->expect[i].high, text);
        text_add(text, "]\n");
    }
    if (recipe->excuse_count) text_add(text, "lint_ok:\n");
    for (size_t i = 0; i < recipe->excuse_count; i++) {
        text_addf(text, "  %s: ", recipe->excuse[i].lint);
        recipe_print_text(recipe->excuse[i].reason, text);
        text_add(text, "\n");
    }
}

sk_status recipe_write(const struct recipe *recipe, struct text *text) {
    const char *last = "";
    for (int id = 0; id < RECIPE_KEYS; id++) {
        int depth = 0;
        const char *part = open_groups(text, last, recipe_keys[id].name, &depth);
        text_addf(text, "%*s%s: ", 2 * depth, "", part);
        recipe_print_value(recipe, id, text);
        text_add(text, "\n");
        last = recipe_keys[id].name;
    }
    write_origins(recipe, text);
    return text_check(text);
}

static const char *citation_of(const struct recipe *recipe, const char *key) {
    for (size_t i = 0; i < recipe->source_count; i++) {
        if (!strcmp(recipe->source[i].key, key)) return recipe->source[i].text;
    }
    return NULL;
}

sk_status recipe_write_set(const struct recipe *recipe, struct text *text) {
    const char *last = "";
    write_origins(recipe, text);
    for (int id = 0; id < RECIPE_KEYS; id++) {
        int depth = 0;
        if (!recipe_is_set(recipe, id)) continue;
        const char *dot = strchr(recipe_keys[id].name, '.');
        size_t group = dot ? (size_t)(dot - recipe_keys[id].name) : 0;
        if (!*last || (dot && strncmp(last, recipe_keys[id].name, group + 1) != 0)) text_add(text, "\n");
        const char *part = open_groups(text, last, recipe_keys[id].name, &depth);
        text_addf(text, "%*s%s: ", 2 * depth, "", part);
        recipe_print_value(recipe, id, text);
        text_add(text, "\n");
        last = recipe_keys[id].name;
    }
    return text_check(text);
}

sk_status recipe_show(const struct recipe *recipe, bool only_set, struct text *text) {
    enum { COLUMN = 56 };
    for (int id = 0; id < RECIPE_KEYS; id++) {
        if (only_set && !recipe_is_set(recipe, id)) continue;
        size_t begin = text->length;
        text_addf(text, "%s: ", recipe_keys[id].name);
        recipe_print_value(recipe, id, text);
        size_t width = text->length - begin;
        text_addf(text, "%*s # ", width < COLUMN ? (int)(COLUMN - width) : 0, "");
        TRY(recipe_origin_text(recipe, id, text));
        const char *citation = citation_of(recipe, recipe_keys[id].name);
        if (citation) {
            text_add(text, "; ");
            recipe_print_text(citation, text);
        }
        text_add(text, "\n");
    }
    write_origins(recipe, text);
    return text_check(text);
}

bool recipe_equal(const struct recipe *a, const struct recipe *b) {
    bool same = a->source_count == b->source_count && a->expect_count == b->expect_count &&
                a->excuse_count == b->excuse_count;
    for (int id = 0; same && id < RECIPE_KEYS; id++) same = recipe_value_equal(a, b, id);
    for (size_t i = 0; same && i < a->source_count; i++)
        same = !strcmp(a->source[i].key, b->source[i].key) && !strcmp(a->source[i].text, b->source[i].text);
    for (size_t i = 0; same && i < a->expect_count; i++) {
        const struct recipe_expect *x = &a->expect[i], *y = &b->expect[i];
        same = x->epoch == y->epoch && x->low == y->low && x->high == y->high;
    }
    for (size_t i = 0; same && i < a->excuse_count; i++)
        same = !strcmp(a->excuse[i].lint, b->excuse[i].lint) && !strcmp(a->excuse[i].reason, b->excuse[i].reason);
    return same;
}
