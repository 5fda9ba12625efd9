/* recipe_keys.h — keys.def as a table, and one value of it: read from text, printed, compared.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_RECIPE_KEYS_H
#define SK_FILES_RECIPE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"
#include "files/recipe.h"

enum recipe_type {
    RECIPE_F64,
    RECIPE_I64,
    RECIPE_BOOL,
    RECIPE_CHOICE,
    RECIPE_TEXT,
    RECIPE_F64S,
    RECIPE_I64S,
    RECIPE_TEXTS
};

struct recipe_key {
    const char *name, *preset, *help;
    enum recipe_type type;
    size_t offset;            /* of the field in struct recipe */
    double low, high;         /* of a number, or of a list's numbers */
    size_t fewest, most;      /* items of a list */
    const char *const *words; /* of a choice */
    size_t word_count;
};
extern const struct recipe_key recipe_keys[RECIPE_KEYS];

/* The key of that name, or -1. */
int recipe_find_key(const char *name);
/* SK_EUSAGE: "unknown key 'x'; did you mean 'y'?", or that it is a group. */
sk_status recipe_unknown_key(const char *name);
/* True where keys begin with "name.". */
bool recipe_is_group(const char *name);

/* Read `count` texts (1 where !is_list) into the key's field. The sentence begins with the key's name; *bad is
 * the text it is about. */
struct recipe_texts {
    const char *const *text;
    size_t count;
    bool is_list;
};
sk_status recipe_read_value(struct recipe *recipe, enum recipe_key_id id, const struct recipe_texts *texts,
                            size_t *bad);

/* The key's value as YAML: 0.1, [1, 2], "a text". */
void recipe_print_value(const struct recipe *recipe, enum recipe_key_id id, struct text *text);
/* The shortest decimal that reads back as the same double; a text, quoted where YAML needs it. */
void recipe_print_f64(double value, struct text *text);
void recipe_print_text(const char *value, struct text *text);

#endif
