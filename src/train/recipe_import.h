/* recipe_import.h — other people's training settings as a recipe: every setting mapped, assumed, ignored or told.
 *
 * Settings are a command line of torchvision's references, timm's args.yaml or command line, or Model Garden's YAML. What a source
 * reads and what becomes of it is data: one import_<source>.def each. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_RECIPE_IMPORT_H
#define SK_TRAIN_RECIPE_IMPORT_H

#include "files/recipe.h"

/* mapped: given, and now in the recipe; assumed: the source's own default, written out; ignored: changes no result, or is
 * off; unmapped: changes the result, and no key says it. */
enum import_outcome { IMPORT_MAPPED, IMPORT_ASSUMED, IMPORT_IGNORED, IMPORT_UNMAPPED };

struct import_line {
    enum import_outcome outcome;
    const char *key, *value; /* theirs */
    const char *ours;        /* "schedule.lr 0.5, schedule.unit epoch", or "" */
    const char *note;        /* or "" */
};

struct recipe_import {
    const char *source; /* "torchvision", "timm", "model_garden" */
    struct recipe recipe;
    struct import_line *lines; /* what was given first, in the table's order */
    size_t count, capacity;
};

struct import_options {
    const char *source; /* NULL: found by its settings */
    int64_t world;      /* processes; 0: as the command says, else 1 */
    int64_t images;     /* training pictures, for lengths in steps; 0: ImageNet's */
};

/* A file: YAML, or a text with a command line. */
sk_status recipe_import_file(struct recipe_import *import, struct arena *arena, const char *path,
                             const struct import_options *options);
/* The same from memory; yaml: else a text. `name` stands for the file in sentences. */
sk_status recipe_import_text(struct recipe_import *import, struct arena *arena, const char *bytes, size_t size,
                             const char *name, bool yaml, const struct import_options *options);
/* A command line in words, program included. */
sk_status recipe_import_words(struct recipe_import *import, struct arena *arena, const char *const words[],
                              size_t count, const struct import_options *options);

const char *import_outcome_name(enum import_outcome outcome);

#endif
