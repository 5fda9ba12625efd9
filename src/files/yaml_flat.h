/* yaml_flat.h — a YAML document of maps, lists and scalars as a flat array of (dotted key, texts, place).
 *
 * The part of YAML that a recipe needs: nested maps, lists of scalars, plain and quoted scalars; a list in a list
 * becomes one text of the outer list, "[a, b]". Anchors,
 * aliases, tags, further documents, maps in lists and duplicate keys are refused with a sentence.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_YAML_FLAT_H
#define SK_FILES_YAML_FLAT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

enum { YAML_BYTES_MAX = 1 << 20, YAML_ENTRIES_MAX = 2048, YAML_KEY_MAX = 200, YAML_DEPTH_MAX = 8, YAML_ROW_MAX = 500 };

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_GROUP };

struct yaml_item {
    const char *text;
    int line, column; /* from 1 */
};

struct yaml_entry {
    const char *key; /* "augment.flip" */
    enum yaml_kind kind;
    struct yaml_item *item; /* one for YAML_TEXT, the elements for YAML_LIST, none for YAML_GROUP */
    size_t count, capacity;
    int line, column; /* of the value */
};

struct yaml_flat {
    struct yaml_entry *entry; /* in the file's order */
    size_t count, capacity;
};

/* `name` stands for the file in sentences. An empty document gives no entries. */
sk_status yaml_flatten(struct arena *arena, const char *bytes, size_t size, const char *name, struct yaml_flat *flat);

#endif
