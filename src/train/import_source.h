/* import_source.h — what a table of settings is made of, and what its rows' functions work with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_IMPORT_SOURCE_H
#define SK_TRAIN_IMPORT_SOURCE_H

#include <stdbool.h>

#include "train/recipe_import.h"

enum import_arity { IMPORT_ONE, IMPORT_FLAG, IMPORT_MANY };

struct importing;
struct import_row {
    const char *key;     /* as in args.yaml, or dotted; "(…)": no setting, but what the source's code does */
    const char *aliases; /* more names on a command line: "b wd" (one letter: -b), or "" */
    enum import_arity arity;
    const char *preset; /* the source's default; "" = None, off */
    sk_status (*take)(struct importing *im, const struct import_row *row);
    const char *ours; /* for import_copy: our key */
    const char *note;
};

/* A row of import_<source>.def: key, aliases, arity, default, function, our key, remark. */
#define IMPORT_ROW(key, aliases, arity, preset, take, ours, note)                                                      \
    {#key, aliases, IMPORT_##arity, preset, take, ours, note},

struct import_value {
    const char *const *text;
    size_t count;
    bool given;
};

struct import_source {
    const char *name, *title; /* title begins a citation: "timm's train.py" */
    const struct import_row *rows;
    size_t count;
    bool dotted; /* keys of nested YAML; else flat names with _ or - */
    /* Positional words of its command line that are no setting, up to so many. */
    int positionals;
    /* Before the rows: presets that depend on others; may be NULL. */
    sk_status (*begin)(struct importing *im);
};
extern const struct import_source import_torchvision, import_timm, import_model_garden;

struct importing {
    struct recipe_import *import;
    struct arena *arena;
    const struct import_source *source;
    struct import_value *values; /* by row */
    const char **presets;        /* by row; begin() may change them */
    struct recipe_citation *citations;
    int64_t world, images;
    bool whole; /* a file that holds every setting, rather than a command line */
    /* the line under way */
    const struct import_row *row;
    struct text ours, note;
    bool unmapped, ignored;
};

/* ---- asking ---- */

const struct import_value *import_value(const struct importing *im, const char *key);
/* One text; "" where it is None or not there. */
const char *import_text(const struct importing *im, const char *key);
double import_number(const struct importing *im, const char *key); /* 0 where it is None or no number */
bool import_on(const struct importing *im, const char *key);       /* true, True, 1, or a flag that is given */
bool import_is(const struct importing *im, const char *key, const char *text);
bool import_given(const struct importing *im, const char *key);
/* None, "", or a number that is 0. */
bool import_is_off(const struct importing *im, const char *key);

/* ---- answering ---- */

/* Set our key, cite theirs, and say so on the row's line. */
sk_status import_set(struct importing *im, const char *ours, const char *text);
sk_status import_set_number(struct importing *im, const char *ours, double value);
/* Why the line's setting (or a part of it) is in no key. */
void import_lacks(struct importing *im, const char *format, ...) __attribute__((format(printf, 2, 3)));
void import_note(struct importing *im, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- rows' common functions ---- */

sk_status import_copy(struct importing *im, const struct import_row *row);   /* to row->ours, unless it is None */
sk_status import_ignore(struct importing *im, const struct import_row *row); /* row->note says why */
sk_status import_none(struct importing *im, const struct import_row *row);   /* no key: told where it is not off */
sk_status import_with(struct importing *im, const struct import_row *row);   /* read by another row: row->note */
sk_status import_under(struct importing *im,
                       const struct import_row *row); /* the same, ignored where that one is off */

/* To "key=value" in row->ours: what the source's code does without asking. */
sk_status import_copy_fixed(struct importing *im, const struct import_row *row);

/* MobileNetV3's "mobilenetv3_large_100" and such: our name, or NULL. */
const char *import_model_name(const char *theirs);

#endif
