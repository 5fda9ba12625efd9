/* names_match.h — patterns of module names: "blocks.{}.{}.conv_pw", and the tables that are made of them.
 *
 * {} is a number, {a} one small letter (a = 0), a leading * any beginning. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_NAMES_MATCH_H
#define SK_FILES_NAMES_MATCH_H

#include "files/names.h"

/* What a module is, whatever its name. Those of one block in the order in which they work. */
enum module {
    STEM,
    STEM_NORM,
    EXPAND,
    EXPAND_NORM,
    DEPTHWISE,
    DEPTHWISE_NORM,
    SQUEEZE,
    EXCITE,
    PROJECT,
    PROJECT_NORM,
    SCALE,
    CONV1,
    CONV1_NORM,
    CONV2,
    CONV2_NORM,
    CONV3,
    CONV3_NORM,
    SHORTCUT,
    SHORTCUT_NORM,
    DOWN1,
    DOWN1_NORM,
    DOWN2,
    DOWN2_NORM,
    DOWN3,
    DOWN3_NORM,
    LAST,
    LAST_NORM,
    HIDDEN,
    HEAD,
    PIXELS, /* normalises pixels: goes into the preprocessing */
    MODULE_COUNT,
};

struct name_pattern {
    enum weights_source source;
    const char *pattern;
    enum module module;
    const char *sibling; /* only where this module is there, too; or NULL */
};

struct family_names {
    const char *family;
    const char *blocks;                /* pattern of the target's modules that begin with a block's name */
    const char *targets[MODULE_COUNT]; /* torchvision's name, with <block>, <last>, <j>, <j+1>; NULL: has none */
    const struct name_pattern *names;  /* ends with pattern NULL */
};

/* The tables of a family, or NULL. */
const struct family_names *names_of_family(const char *family);

enum { CAPTURES = 2 };
struct captures {
    int64_t number[CAPTURES];
    const char *text[CAPTURES]; /* as it stood, and its length */
    int length[CAPTURES], count;
};

/* Does the whole name fit? `prefix`: a beginning of it is enough, up to the end of the pattern. */
bool pattern_match(const char *pattern, const char *name, bool prefix, struct captures *captures);
/* The pattern with what another one captured. */
char *pattern_fill(struct arena *arena, const char *pattern, const struct captures *captures);

#endif
