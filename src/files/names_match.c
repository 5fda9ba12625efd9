/* names_match.c — the tables of all families, and matching names against their patterns.
 *
 * The .def files are read twice: for what other sources call a family's modules, and for torchvision's names of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/names_match.h"

#include <string.h>

#include "base/text.h"

/* ---- the tables ---- */

#define BLOCKS(pattern)
#define TARGET(module, name)
#define NAME(source, pattern, module, sibling) {SOURCE_##source, pattern, module, sibling},

static const struct name_pattern mobilenet_v2[] = {
#include "files/names_mobilenet_v2.def"
    {0}};
static const struct name_pattern mobilenet_v3[] = {
#include "files/names_mobilenet_v3.def"
    {0}};
static const struct name_pattern efficientnet[] = {
#include "files/names_efficientnet.def"
    {0}};
static const struct name_pattern convnext[] = {
#include "files/names_convnext.def"
    {0}};
static const struct name_pattern resnet[] = {
#include "files/names_resnet.def"
    {0}};

#undef BLOCKS
#undef TARGET
#undef NAME
#define BLOCKS(pattern)      .blocks = pattern,
#define TARGET(module, name) .targets[module] = name,
#define NAME(source, pattern, module, sibling)

static const struct family_names families[] = {
    {.family = "mobilenet_v2",
#include "files/names_mobilenet_v2.def"
     .names = mobilenet_v2},
    {.family = "mobilenet_v3",
#include "files/names_mobilenet_v3.def"
     .names = mobilenet_v3},
    {.family = "efficientnet",
#include "files/names_efficientnet.def"
     .names = efficientnet},
    {.family = "efficientnet_lite",
#include "files/names_efficientnet.def"
     .names = efficientnet},
    {.family = "convnext",
#include "files/names_convnext.def"
     .names = convnext},
    {.family = "resnet",
#include "files/names_resnet.def"
     .names = resnet},
};
#undef BLOCKS
#undef TARGET
#undef NAME

const struct family_names *names_of_family(const char *family) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(family, families[i].family) == 0) return &families[i];
    return NULL;
}

/* ---- patterns ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A captured number or letter at `name`: how long it is, 0: none. */
static int capture(const char *pattern, const char *name, struct captures *captures) {
    int length = 0, at = captures->count;
    int64_t number = 0;
    if (at == CAPTURES) return 0;
    if (pattern[1] == 'a') {
        if (name[0] < 'a' || name[0] > 'z') return 0;
        number = name[0] - 'a';
        length = 1;
    } else {
        for (; length < 6 && is_digit(name[length]); length++) number = number * 10 + (name[length] - '0');
        if (length == 0 || is_digit(name[length])) return 0;
    }
    captures->number[at] = number;
    captures->text[at] = name;
    captures->length[at] = length;
    captures->count++;
    return length;
}

static bool match_here(const char *pattern, const char *name, bool prefix, struct captures *captures) {
    *captures = (struct captures){0};
    while (*pattern) {
        if (*pattern == '{') {
            int length = capture(pattern, name, captures);
            if (length == 0) return false;
            name += length;
            pattern = strchr(pattern, '}') + 1;
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return prefix || *name == '\0';
}

bool pattern_match(const char *pattern, const char *name, bool prefix, struct captures *captures) {
    if (pattern[0] != '*') return match_here(pattern, name, prefix, captures);
    for (const char *at = name; *at; at++)
        if (match_here(pattern + 1, at, prefix, captures)) return true;
    return false;
}

char *pattern_fill(struct arena *arena, const char *pattern, const struct captures *captures) {
    struct text text = {0};
    int next = 0;
    while (*pattern) {
        size_t plain = strcspn(pattern, "{");
        text_add_n(&text, pattern, plain);
        pattern += plain;
        if (*pattern == '\0') break;
        if (next < captures->count) text_add_n(&text, captures->text[next], (size_t)captures->length[next]);
        next++;
        pattern = strchr(pattern, '}') + 1;
    }
    char *filled = text_check(&text) == SK_OK ? arena_strdup(arena, text.data ? text.data : "") : NULL;
    text_free(&text);
    return filled;
}
