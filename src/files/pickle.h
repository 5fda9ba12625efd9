/* pickle.h — a restricted reader of Python's pickles that runs nothing: the inside of .pth files.
 *
 * Protocol 2 as torch.save writes it. A pickle is a program for a stack machine that may name any Python
 * function; here a name is only looked up in a list (pickle_globals.c), and what is called is one of our
 * own builders of tensors, dicts, numbers and strings. Everything else is refused by name.
 * Opcodes: CPython's Lib/pickletools.py. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_PICKLE_H
#define SK_FILES_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/tensor.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_DOUBLE,
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
};

/* A container may, by way of the memo, hold itself: never walk values without a bound. */
struct pickle_value {
    enum pickle_kind kind;
    uint32_t length; /* of a string */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *string;         /* in the pickle's bytes: valid UTF-8, not terminated */
        struct pickle_items *items; /* tuple, list; dict: key, value, key, value … */
        const struct pickle_global *global;
        struct pickle_storage *storage;
        struct pickle_tensor *tensor;
    };
};

struct pickle_items {
    struct pickle_value *at;
    size_t count, capacity;
};

/* What a global may be used for. */
enum pickle_use {
    USE_DICT,
    USE_LIST,
    USE_TUPLE,
    USE_STRING,
    USE_TENSOR,
    USE_PARAMETER,
    USE_STORAGE,
    USE_NAME,
    USE_REFUSED
};

struct pickle_global {
    const char *module, *name;
    enum pickle_use use;
    int dtype;       /* storages: an enum dtype, or -1 where siskin holds no such type */
    size_t bytes;    /* storages: of one element */
    const char *why; /* refused: the rest of the sentence */
};

/* A reference to numbers that stand outside the pickle. */
struct pickle_storage {
    const struct pickle_global *type;
    struct pickle_value key; /* a string */
    int64_t elements;
    int64_t view_offset, view_size; /* legacy files: the part of the elements that the tensor's storage is */
    const uint8_t *data;            /* for the container's reader: where the numbers are; NULL until bound */
};

/* Elements storage[offset + sum of index * stride]. The reader of the container checks the bounds. */
struct pickle_tensor {
    struct pickle_storage *storage;
    int64_t offset;
    struct shape shape;
    int64_t stride[SHAPE_MAX];
};

struct pickle {
    struct pickle_value root;
    size_t used; /* bytes, up to and with STOP */
    struct pickle_storage **storages;
    size_t storage_count, storage_capacity;
};

/* Run the pickle at the start of `bytes`, which must outlive its strings. */
sk_status pickle_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what, struct pickle *out);

bool pickle_equal(const struct pickle_value *value, const char *string);
/* The last value under a string key, or NULL; value may be NULL or no dict. */
const struct pickle_value *pickle_get(const struct pickle_value *value, const char *key);
const char *pickle_kind_name(enum pickle_kind kind); /* "a list" */

/* ---- between pickle.c and its parts ---- */
/* Fails with a sentence where a pickle may not name this. */
sk_status pickle_find_global(const char *module, const char *name, const struct pickle_global **global);
/* Build what calling `global` with `arguments` (a tuple) means. */
sk_status pickle_call(struct arena *arena, const struct pickle_global *global, const struct pickle_items *arguments,
                      struct pickle_value *result);
/* Read a persistent id, the tuple ("storage", type, key, location, elements[, view]). */
sk_status pickle_read_storage(struct arena *arena, const struct pickle_value *id, struct pickle_storage **storage);

#endif
