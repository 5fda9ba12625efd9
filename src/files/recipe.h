/* recipe.h — a training recipe: typed values from defaults, a YAML file and key=value, each with its origin.
 *
 * keys.def says every key once; this header turns it into struct recipe. A number that is not wholly a
 * number, a word that is no choice and a key that does not exist are errors that name file, line and column.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_RECIPE_H
#define SK_FILES_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

struct f64_list {
    const double *item;
    size_t count;
};
struct i64_list {
    const int64_t *item;
    size_t count;
};
struct text_list {
    const char *const *item;
    size_t count;
};

/* One enum per CHOICE row, "enum recipe_data_exif { CHOICE_EXIF_APPLY, … }". */
#define RECIPE_STRIP(...)      __VA_ARGS__
#define WORD(enumerator, word) enumerator,
#define RECIPE_ENUM_F64(field, range)
#define RECIPE_ENUM_I64(field, range)
#define RECIPE_ENUM_BOOL(field, range)
#define RECIPE_ENUM_TEXT(field, range)
#define RECIPE_ENUM_F64S(field, range)
#define RECIPE_ENUM_I64S(field, range)
#define RECIPE_ENUM_TEXTS(field, range)
#define RECIPE_ENUM_CHOICE(field, words)            enum recipe_##field{RECIPE_STRIP words};
#define KEY(type, name, field, preset, range, help) RECIPE_ENUM_##type(field, range)
#include "files/keys.def"
#undef KEY
#undef WORD

/* RECIPE_schedule_lr, … : a key's number. */
enum recipe_key_id {
#define KEY(type, name, field, preset, range, help) RECIPE_##field,
#include "files/keys.def"
#undef KEY
    RECIPE_KEYS
};

/* RECIPE_FROM_MODEL: a default too, but the network's own. */
enum recipe_origin { RECIPE_FROM_DEFAULT, RECIPE_FROM_FILE, RECIPE_FROM_OVERRIDE, RECIPE_FROM_MODEL };

struct recipe_place {
    enum recipe_origin origin;
    int line, column; /* of the value, where it came from a file */
    const char *path; /* of that file: the recipe's own, or one that it begins with (`base:`) */
    int level;        /* 0: the recipe's own; 1: its base; 2: that one's base … */
};

/* `source:` says where a value was published; `path` is the file that says so. */
struct recipe_citation {
    const char *key, *text, *path;
};

/* `lint_ok:` a mistake that is reproduced on purpose: the lint's name and the reason. */
struct recipe_excuse {
    const char *lint, *reason, *path;
};

/* `expect:` the top-1 accuracy in per cent, low to high, that a right run has after `epoch` epochs. */
struct recipe_expect {
    int64_t epoch;
    double low, high;
};

/* Plain data; lists and texts live in the arena it was made with, which outlives it. */
struct recipe {
#define RECIPE_C_F64                                double
#define RECIPE_C_I64                                int64_t
#define RECIPE_C_BOOL                               bool
#define RECIPE_C_CHOICE                             int
#define RECIPE_C_TEXT                               const char *
#define RECIPE_C_F64S                               struct f64_list
#define RECIPE_C_I64S                               struct i64_list
#define RECIPE_C_TEXTS                              struct text_list
#define KEY(type, name, field, preset, range, help) RECIPE_C_##type field;
#include "files/keys.def"
#undef KEY
    struct recipe_place place[RECIPE_KEYS];
    struct arena *arena;
    const char *path; /* of the file, or NULL */
    const struct recipe_citation *source;
    size_t source_count;
    const struct recipe_expect *expect; /* by rising epoch; never a base's */
    size_t expect_count;
    const struct recipe_excuse *excuse;
    size_t excuse_count;
};

/* The defaults. */
sk_status recipe_default(struct recipe *recipe, struct arena *arena);
/* The defaults, then a file; one with `base: NAME` begins with the values of that file (NAME.yaml in the same folder, or
 * a path from there), its citations and excuses, and not with its expectations. */
sk_status recipe_load(struct recipe *recipe, struct arena *arena, const char *path);
/* The same from memory, where no base can be found; `name` stands for the file in sentences. */
sk_status recipe_parse(struct recipe *recipe, struct arena *arena, const char *bytes, size_t size, const char *name);
/* "schedule.lr=0.1"; lists as a,b,c or [a, b, c]. */
sk_status recipe_override(struct recipe *recipe, const char *assignment);
/* Set one key from text, as an override does. */
sk_status recipe_set(struct recipe *recipe, const char *key, const char *text);
/* Give a key that was not set the default of the network that the recipe names; it still counts as not set. */
sk_status recipe_settle_key(struct recipe *recipe, enum recipe_key_id id, const char *text);
/* What no single key can say: list lengths that must agree, low above high. Call it after the last override. */
sk_status recipe_check(const struct recipe *recipe);

/* True where a value came from a file or an override. */
bool recipe_is_set(const struct recipe *recipe, enum recipe_key_id id);
/* True where `text` is "key=…" with a key that exists or that has a dot: for telling arguments apart. */
bool recipe_is_assignment(const char *text);

/* SK_EUSAGE with the sentence "recipe.yaml:12:7: schedule.lr: …". */
sk_status recipe_fail(const struct recipe *recipe, enum recipe_key_id id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same where `found` is none of names[count]: lists them and says which is nearest. */
sk_status recipe_fail_word(const struct recipe *recipe, enum recipe_key_id id, const char *found,
                           const char *const names[], size_t count);

/* A key's name; its value as a recipe would write it; "default", "recipe.yaml:12", "override". */
const char *recipe_key_name(enum recipe_key_id id);
sk_status recipe_value(const struct recipe *recipe, enum recipe_key_id id, struct text *text);
sk_status recipe_origin_text(const struct recipe *recipe, enum recipe_key_id id, struct text *text);
const char *recipe_key_help(enum recipe_key_id id);
/* A choice's word: recipe_word(RECIPE_preprocess_filter, recipe->preprocess_filter). */
const char *recipe_word(enum recipe_key_id id, int value);

/* The fully resolved recipe as YAML; reads back equal. */
sk_status recipe_write(const struct recipe *recipe, struct text *text);
/* A recipe to keep and edit: the maps first, then only what is set. */
sk_status recipe_write_set(const struct recipe *recipe, struct text *text);
/* The same with each value's origin behind it; only_set leaves the defaults out. */
sk_status recipe_show(const struct recipe *recipe, bool only_set, struct text *text);
/* True where every value, citation and expectation is the same, wherever it came from. */
bool recipe_equal(const struct recipe *a, const struct recipe *b);
/* True where one key's values are the same. */
bool recipe_value_equal(const struct recipe *a, const struct recipe *b, enum recipe_key_id id);

/* docs/recipes.md: every key, type, default, range and help. */
sk_status recipe_markdown(struct text *text);

#endif
