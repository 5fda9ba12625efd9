/* msgpack.c — the reader of Flax's msgpack: nested maps with names, arrays as extension types 1 to 3.
 *
 * An array is an extension whose body is again msgpack: [shape, dtype's name, raw little-endian bytes]. One of more than
 * 2^30 bytes is a map of chunks. Lengths are checked against what is left before anything is allocated; depth and the
 * number of values are capped. Specification: msgpack/msgpack spec.md. SPDX-License-Identifier: Apache-2.0 */
#include "files/msgpack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { DEPTH_MAX = 64, VALUES_MAX = 1 << 20, EXT_ARRAY = 1, EXT_COMPLEX = 2, EXT_SCALAR = 3, NAME_MAX_BYTES = 1000 };
static const char CHUNKED[] = "__msgpack_chunked_array__";

enum kind { NIL, TRUTH, INTEGER, REAL, STRING, BINARY, LIST, MAP, ARRAY, COMPLEX };

/* A value; the values of a list or map are a chain. */
struct value {
    enum kind kind;
    int64_t integer;      /* INTEGER, TRUTH */
    const uint8_t *bytes; /* STRING, BINARY */
    size_t size, count;   /* bytes; members */
    const char *key;      /* as a member of a map */
    struct value *child, *next;
    struct tensor tensor; /* ARRAY */
};

struct reader {
    struct arena *arena;
    const uint8_t *base; /* for places in sentences */
    const uint8_t *at, *end;
    size_t values;
};

static sk_status fail_at(const struct reader *reader, const char *text) {
    return status_fail(SK_EFORMAT, "at byte %zu: %s", (size_t)(reader->at - reader->base), text);
}

#define NEED(reader, bytes)                                                                                            \
    FAIL_IF((uint64_t)((reader)->end - (reader)->at) < (uint64_t)(bytes), SK_EFORMAT,                                  \
            "at byte %zu: %" PRIu64 " bytes should follow, but only %zu are left; the file is cut short or damaged",   \
            (size_t)((reader)->at - (reader)->base), (uint64_t)(bytes), (size_t)((reader)->end - (reader)->at))

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static sk_status take_number(struct reader *reader, int width, uint64_t *number) {
    NEED(reader, width);
    *number = 0;
    for (int i = 0; i < width; i++) *number = *number << 8 | *reader->at++;
    return SK_OK;
}

static sk_status read_value(struct reader *reader, int depth, struct value *value);

static sk_status take_bytes(struct reader *reader, enum kind kind, uint64_t size, struct value *value) {
    NEED(reader, size);
    value->kind = kind;
    value->bytes = reader->at;
    value->size = (size_t)size;
    reader->at += size;
    return SK_OK;
}

static sk_status add_member(struct reader *reader, struct value ***tail, struct value **member) {
    if (++reader->values > VALUES_MAX) return fail_at(reader, "it has more than a million values");
    *member = **tail = arena_alloc(reader->arena, sizeof **member);
    if (!*member) return SK_EMEMORY;
    *tail = &(*member)->next;
    return SK_OK;
}

static sk_status read_list(struct reader *reader, int depth, uint64_t count, struct value *value) {
    struct value **tail = &value->child, *member = NULL;
    NEED(reader, count); /* a value has a byte at least */
    value->kind = LIST;
    value->count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) {
        TRY(add_member(reader, &tail, &member));
        TRY(read_value(reader, depth + 1, member));
    }
    return SK_OK;
}

static int by_text(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static sk_status check_keys(struct reader *reader, const struct value *map) {
    const char **keys = arena_array(reader->arena, map->count, sizeof *keys);
    size_t n = 0;
    if (!keys) return SK_EMEMORY;
    for (const struct value *member = map->child; member; member = member->next) keys[n++] = member->key;
    qsort(keys, n, sizeof *keys, by_text);
    char shown[80];
    for (size_t i = 1; i < n; i++)
        FAIL_IF(strcmp(keys[i - 1], keys[i]) == 0, SK_EFORMAT, "at byte %zu: a map has the key '%s' twice",
                (size_t)(reader->at - reader->base), printable(keys[i], strlen(keys[i]), shown, sizeof shown));
    return SK_OK;
}

static sk_status read_key(struct reader *reader, const char **key) {
    struct value text = {0};
    TRY(read_value(reader, DEPTH_MAX, &text)); /* at the depth cap, where lists and maps are refused */
    if (text.kind != STRING) return fail_at(reader, "a map's key is not a string");
    const char *bytes = (const char *)text.bytes;
    if (text.size > NAME_MAX_BYTES || memchr(bytes, 0, text.size) || !utf8_valid(bytes, text.size))
        return fail_at(reader, "a map's key is too long, has a zero byte or is not valid UTF-8");
    *key = arena_strndup(reader->arena, bytes, text.size);
    return *key ? SK_OK : SK_EMEMORY;
}

static sk_status read_map(struct reader *reader, int depth, uint64_t count, struct value *value) {
    struct value **tail = &value->child, *member = NULL;
    NEED(reader, 2 * count); /* count has 32 bits at most */
    value->kind = MAP;
    value->count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) {
        TRY(add_member(reader, &tail, &member));
        TRY(read_key(reader, &member->key));
        TRY(read_value(reader, depth + 1, member));
    }
    return check_keys(reader, value);
}

/* ---- arrays ---- */

/* NumPy's names of the types that siskin holds; another type's array is no weight. */
static const char *const numpy_names[DTYPE_COUNT] = {
    [F32] = "float32", [F64] = "float64", [F16] = "float16", [BF16] = "bfloat16", [U8] = "uint8",
    [S8] = "int8",     [S16] = "int16",   [S32] = "int32",   [I64] = "int64",     [BOOL8] = "bool",
};

static sk_status read_dimensions(const struct reader *reader, const struct value *list, struct shape *shape) {
    if (list->kind != LIST && list->kind != MAP) return fail_at(reader, "an array's shape is not a list");
    FAIL_IF(list->count > SHAPE_MAX, SK_EFORMAT, "at byte %zu: an array has %zu dimensions; siskin holds at most %d",
            (size_t)(reader->at - reader->base), list->count, SHAPE_MAX);
    *shape = (struct shape){.rank = 0};
    for (const struct value *dim = list->child; dim; dim = dim->next) {
        if (dim->kind != INTEGER || dim->integer < 0)
            return fail_at(reader, "a dimension of an array is not a whole number of 0 or more");
        shape->dim[shape->rank++] = dim->integer;
    }
    return SK_OK;
}

static enum dtype numpy_dtype(const struct value *name) {
    int found = 0;
    while (found < DTYPE_COUNT &&
           (strlen(numpy_names[found]) != name->size || memcmp(name->bytes, numpy_names[found], name->size) != 0))
        found++;
    return (enum dtype)found;
}

/* The body of extension 1 or 3. An array of another type than those that siskin holds stays without a tensor. */
static sk_status read_array(struct reader *reader, struct value *value) {
    struct value body = {0};
    TRY(read_value(reader, DEPTH_MAX - 2, &body));
    const struct value *shape = body.child, *name = shape ? shape->next : NULL, *data = name ? name->next : NULL;
    if (body.kind != LIST || body.count != 3 || name->kind != STRING || data->kind != BINARY)
        return fail_at(reader, "an array is not [shape, name of its type, bytes]");
    value->kind = COMPLEX; /* until its type is known */
    struct tensor *tensor = &value->tensor;
    TRY(read_dimensions(reader, shape, &tensor->shape));
    tensor->dtype = numpy_dtype(name);
    if (tensor->dtype == DTYPE_COUNT) return SK_OK;
    int64_t count, element = (int64_t)dtype_size(tensor->dtype);
    TRY(shape_count(&tensor->shape, &count));
    char text[96];
    FAIL_IF(count > INT64_MAX / element || (uint64_t)(count * element) != data->size, SK_EFORMAT,
            "at byte %zu: an array has %zu bytes, which is not what shape %s of %s needs",
            (size_t)(reader->at - reader->base), data->size, shape_text(&tensor->shape, text, sizeof text),
            numpy_names[tensor->dtype]);
    value->kind = ARRAY;
    tensor->data = (void *)(uintptr_t)data->bytes; /* not aligned yet: see take_tensor */
    return SK_OK;
}

static sk_status read_extension(struct reader *reader, uint64_t size, struct value *value) {
    NEED(reader, size + 1);
    int type = *reader->at++;
    struct reader inner = *reader;
    inner.end = reader->at + size;
    reader->at = inner.end;
    value->kind = COMPLEX;
    if (type == EXT_COMPLEX) return SK_OK; /* no weight: not looked at */
    FAIL_IF(type != EXT_ARRAY && type != EXT_SCALAR, SK_EFORMAT,
            "at byte %zu: extension type %d is none that Flax writes (1 to 3)", (size_t)(inner.at - reader->base),
            type > 127 ? type - 256 : type);
    TRY(read_array(&inner, value));
    if (inner.at != inner.end) return fail_at(&inner, "bytes of nothing follow an array");
    reader->values = inner.values;
    return SK_OK;
}

/* ---- values ---- */

/* The forms from 0xc0 to 0xdf, each with its width of length or number. */
static sk_status read_marked(struct reader *reader, int mark, int depth, struct value *value) {
    static const int widths[32] = {
        [0x04] = 1, [0x05] = 2, [0x06] = 4, [0x07] = 1, [0x08] = 2, [0x09] = 4, [0x0a] = 4, [0x0b] = 8,
        [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8, [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8,
        [0x19] = 1, [0x1a] = 2, [0x1b] = 4, [0x1c] = 2, [0x1d] = 4, [0x1e] = 2, [0x1f] = 4};
    uint64_t number = 0;
    int width = widths[mark - 0xc0];
    if (width) TRY(take_number(reader, width, &number));
    switch (mark) {
    case 0xc0: value->kind = NIL; return SK_OK;
    case 0xc2:
    case 0xc3:
        value->kind = TRUTH;
        value->integer = mark == 0xc3;
        return SK_OK;
    case 0xc4:
    case 0xc5:
    case 0xc6: return take_bytes(reader, BINARY, number, value);
    case 0xc7:
    case 0xc8:
    case 0xc9: return read_extension(reader, number, value);
    case 0xca:
    case 0xcb: value->kind = REAL; return SK_OK;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        value->kind = number > INT64_MAX ? REAL : INTEGER; /* no dimension is so large */
        value->integer = (int64_t)(number & INT64_MAX);
        return SK_OK;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: /* two's complement of that width */
        value->kind = INTEGER;
        if (width < 8 && number >> (8 * width - 1)) number |= ~(uint64_t)0 << (8 * width);
        memcpy(&value->integer, &number, sizeof number);
        return SK_OK;
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8: return read_extension(reader, (uint64_t)1 << (mark - 0xd4), value);
    case 0xd9:
    case 0xda:
    case 0xdb: return take_bytes(reader, STRING, number, value);
    case 0xdc:
    case 0xdd: return read_list(reader, depth, number, value);
    case 0xde:
    case 0xdf: return read_map(reader, depth, number, value);
    default: return fail_at(reader, "byte c1 begins no value");
    }
}

static sk_status read_value(struct reader *reader, int depth, struct value *value) {
    NEED(reader, 1);
    int mark = *reader->at;
    bool nests = (mark >= 0x80 && mark <= 0x9f) || mark >= 0xdc;
    if (depth >= DEPTH_MAX && nests && mark < 0xe0) return fail_at(reader, "its maps are nested more than 64 deep");
    reader->at++;
    if (mark <= 0x7f || mark >= 0xe0) {
        value->kind = INTEGER;
        value->integer = mark <= 0x7f ? mark : mark - 256;
        return SK_OK;
    }
    if (mark <= 0x8f) return read_map(reader, depth, (uint64_t)(mark & 15), value);
    if (mark <= 0x9f) return read_list(reader, depth, (uint64_t)(mark & 15), value);
    if (mark <= 0xbf) return take_bytes(reader, STRING, (uint64_t)(mark & 31), value);
    return read_marked(reader, mark, depth, value);
}

/* ---- names ---- */

struct walk {
    struct arena *arena;
    struct weights *out;
    size_t capacity, others;
    char name[NAME_MAX_BYTES + 1];
};

static const struct value *member_of(const struct value *map, const char *key) {
    const struct value *member = map->child;
    while (member && strcmp(member->key, key) != 0) member = member->next;
    return member;
}

static sk_status add_tensor(struct walk *walk, const struct tensor *tensor) {
    struct weights *out = walk->out;
    out->tensors = arena_grow(walk->arena, out->tensors, &walk->capacity, out->count + 1, sizeof *out->tensors);
    if (!out->tensors) return SK_EMEMORY;
    struct tensor *kept = &out->tensors[out->count];
    *kept = *tensor;
    kept->name = arena_strdup(walk->arena, walk->name);
    if (!kept->name) return SK_EMEMORY;
    out->count++;
    return SK_OK;
}

static sk_status take_tensor(struct walk *walk, const struct tensor *tensor) {
    struct tensor copy = *tensor;
    size_t size = (size_t)shape_elements(&tensor->shape) * dtype_size(tensor->dtype);
    copy.data = arena_alloc(walk->arena, size);
    if (!copy.data) return SK_EMEMORY;
    if (size) memcpy(copy.data, tensor->data, size);
    return add_tensor(walk, &copy);
}

/* A map {CHUNKED: true, shape: {"0": …}, chunks: {"0": array, …}}: chunks are flat parts of the array, in order. */
static sk_status take_chunks(struct walk *walk, const struct value *map) {
    const struct value *shape = member_of(map, "shape"), *chunks = member_of(map, "chunks");
    struct reader nowhere = {0};
    struct tensor whole = {0};
    bool sound = shape && chunks && (chunks->kind == MAP || chunks->kind == LIST) && chunks->count > 0 &&
                 read_dimensions(&nowhere, shape, &whole.shape) == SK_OK;
    FAIL_IF(!sound, SK_EFORMAT, "the chunked array '%s' is not a shape and chunks", walk->name);
    int64_t count, have = 0;
    TRY(shape_count(&whole.shape, &count));
    size_t i = 0;
    for (const struct value *chunk = chunks->child; chunk; chunk = chunk->next, i++) {
        int64_t index = (int64_t)i;
        bool in_order = !chunk->key || (parse_i64(chunk->key, &index) && index == (int64_t)i);
        FAIL_IF(!in_order || chunk->kind != ARRAY || chunk->tensor.dtype != chunks->child->tensor.dtype, SK_EFORMAT,
                "the chunked array '%s' has a chunk that is no array, of another type or out of order", walk->name);
        have += shape_elements(&chunk->tensor.shape); /* each counted by its bytes: no overflow */
    }
    FAIL_IF(have != count, SK_EFORMAT, "the chunks of '%s' have %" PRId64 " numbers, but its shape %" PRId64,
            walk->name, have, count);
    whole.dtype = chunks->child->tensor.dtype;
    size_t element = dtype_size(whole.dtype);
    uint8_t *to = whole.data = arena_alloc(walk->arena, (size_t)count * element);
    if (!to) return SK_EMEMORY;
    for (const struct value *chunk = chunks->child; chunk; chunk = chunk->next) {
        size_t size = (size_t)shape_elements(&chunk->tensor.shape) * element;
        if (size) memcpy(to, chunk->tensor.data, size);
        to += size;
    }
    return add_tensor(walk, &whole);
}

/* Depth is that of the values, at most DEPTH_MAX. */
static sk_status walk_map(struct walk *walk, const struct value *map) {
    size_t length = strlen(walk->name);
    for (const struct value *member = map->child; member; member = member->next) {
        size_t more = strlen(member->key) + (length > 0);
        char shown[80];
        FAIL_IF(length + more > NAME_MAX_BYTES || more == (length > 0), SK_EFORMAT,
                "the name of an entry under '%s' is empty or too long",
                printable(walk->name, length, shown, sizeof shown));
        if (length > 0) walk->name[length] = '/';
        memcpy(walk->name + length + (length > 0), member->key, strlen(member->key) + 1);
        if (member->kind == MAP && member_of(member, CHUNKED))
            TRY(take_chunks(walk, member));
        else if (member->kind == MAP)
            TRY(walk_map(walk, member));
        else if (member->kind == ARRAY)
            TRY(take_tensor(walk, &member->tensor));
        else
            walk->others++;
        walk->name[length] = '\0';
    }
    return SK_OK;
}

static sk_status read_all(struct arena *arena, const uint8_t *bytes, size_t size, struct weights *out) {
    struct reader reader = {.arena = arena, .base = bytes, .at = bytes, .end = bytes + size};
    struct value root = {0};
    TRY(read_value(&reader, 0, &root));
    FAIL_IF(root.kind != MAP, SK_EFORMAT, "it is not a map of names, as Flax's files are");
    FAIL_IF(reader.at != reader.end, SK_EFORMAT, "%zu bytes of nothing follow its end",
            (size_t)(reader.end - reader.at));
    struct walk walk = {.arena = arena, .out = out};
    TRY(walk_map(&walk, &root));
    FAIL_IF(out->count == 0, SK_EFORMAT, "it holds no arrays");
    if (walk.others) {
        out->note =
            arena_printf(arena, "%zu entries of the file are no array of numbers that siskin holds", walk.others);
        if (!out->note) return SK_EMEMORY;
    }
    return weights_check(out); /* "a/b" may be a key of its own */
}

bool msgpack_begins(const uint8_t *bytes, size_t size) {
    return size > 1 && ((bytes[0] > 0x80 && bytes[0] <= 0x8f) || bytes[0] == 0xde || bytes[0] == 0xdf);
}

sk_status msgpack_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what, struct weights *out) {
    *out = (struct weights){.format = WEIGHTS_MSGPACK, .key = ""};
    sk_status status = read_all(arena, bytes, size, out);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", what);
}
