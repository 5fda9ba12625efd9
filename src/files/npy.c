/* npy.c — a strict parser for the Python dict literal that heads a .npy, and its writer.
 *
 * The header has exactly the keys descr, fortran_order and shape. SPDX-License-Identifier: Apache-2.0 */
#include "files/npy.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "files/chunks.h"

enum { HEADER_MAX = 65536, DESCR_MAX = 16, PREFIX = 10, ALIGNMENT = 64 };

static const char *const descriptions[DTYPE_COUNT] = {
    [F32] = "<f4", [F64] = "<f8", [F16] = "<f2", [BF16] = NULL, [U8] = "|u1",
    [S8] = "|i1",  [S16] = "<i2", [S32] = "<i4", [I64] = "<i8", [BOOL8] = "|b1",
};

struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

static bool accept(struct cursor *c, char sign) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != sign) return false;
    c->at++;
    return true;
}

static sk_status expect(struct cursor *c, char sign) {
    FAIL_IF(!accept(c, sign), SK_EFORMAT, "its header lacks a '%c' (at character %zu before its end)", sign,
            (size_t)(c->end - c->at));
    return SK_OK;
}

static bool accept_word(struct cursor *c, const char *word) {
    skip_blanks(c);
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

/* A quoted string of at most DESCR_MAX - 1 plain characters. */
static sk_status take_string(struct cursor *c, char out[DESCR_MAX]) {
    skip_blanks(c);
    FAIL_IF(c->at == c->end || (*c->at != '\'' && *c->at != '"'), SK_EFORMAT, "its header lacks a quoted string");
    char quote = *c->at++;
    size_t length = 0;
    while (c->at < c->end && *c->at != quote) {
        FAIL_IF(length == DESCR_MAX - 1 || *c->at < ' ' || *c->at > '~' || *c->at == '\\', SK_EFORMAT,
                "its header has a string that is too long or not plain");
        out[length++] = *c->at++;
    }
    FAIL_IF(c->at == c->end, SK_EFORMAT, "a string in its header is not closed");
    c->at++;
    out[length] = 0;
    return SK_OK;
}

static sk_status take_size(struct cursor *c, int64_t *size) {
    skip_blanks(c);
    const char *start = c->at;
    for (*size = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        int digit = *c->at - '0';
        FAIL_IF(*size > (INT64_MAX - digit) / 10, SK_EFORMAT, "a dimension of its shape is beyond 64 bits");
        *size = *size * 10 + digit;
    }
    FAIL_IF(c->at == start, SK_EFORMAT, "its shape is not a tuple of whole numbers of 0 or more");
    return SK_OK;
}

static sk_status take_shape(struct cursor *c, struct shape *shape) {
    *shape = (struct shape){.rank = 0};
    TRY(expect(c, '('));
    bool comma = true;
    while (!accept(c, ')')) {
        FAIL_IF(!comma, SK_EFORMAT, "its shape lacks a ',' between two dimensions");
        FAIL_IF(shape->rank == SHAPE_MAX, SK_EFORMAT, "its shape has more than %d dimensions", SHAPE_MAX);
        TRY(take_size(c, &shape->dim[shape->rank]));
        shape->rank++;
        comma = accept(c, ',');
    }
    FAIL_IF(shape->rank == 1 && !comma, SK_EFORMAT, "its shape (%lld) is no tuple: a comma is missing",
            (long long)shape->dim[0]);
    return SK_OK;
}

static sk_status read_description(const char *text, enum dtype *dtype) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        const char *known = descriptions[i];
        bool any_order = known && known[0] == '|' && (text[0] == '<' || text[0] == '>' || text[0] == '=');
        if (!known || (strcmp(text, known) != 0 && !(any_order && strcmp(text + 1, known + 1) == 0))) continue;
        *dtype = (enum dtype)i;
        return SK_OK;
    }
    FAIL_IF(text[0] == '>', SK_EFORMAT, "its numbers are big-endian (%s); save array.astype('<%s') instead", text,
            text + 1);
    FAIL_IF(strchr(text, 'O'), SK_EFORMAT,
            "it holds Python objects, which only a pickle could rebuild; siskin runs no code from files");
    return status_fail(SK_EFORMAT, "its type is '%s', but siskin reads <f2, <f4, <f8, |u1, |i1, <i2, <i4, <i8 and |b1",
                       text);
}

struct header {
    enum dtype dtype;
    bool fortran;
    struct shape shape;
};

static sk_status take_member(struct cursor *c, struct header *header, unsigned *seen) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[DESCR_MAX], text[DESCR_MAX];
    TRY(take_string(c, key));
    unsigned which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0) which++;
    FAIL_IF(which == 3, SK_EFORMAT, "its header has the key '%s', which .npy does not know", key);
    FAIL_IF(*seen & 1u << which, SK_EFORMAT, "its header has the key '%s' twice", key);
    *seen |= 1u << which;
    TRY(expect(c, ':'));
    if (which == 2) return take_shape(c, &header->shape);
    if (which == 1) {
        header->fortran = accept_word(c, "True");
        FAIL_IF(!header->fortran && !accept_word(c, "False"), SK_EFORMAT,
                "its fortran_order is neither True nor False");
        return SK_OK;
    }
    FAIL_IF(accept(c, '['), SK_EFORMAT, "it is an array of records, but siskin reads plain numbers");
    TRY(take_string(c, text));
    return read_description(text, &header->dtype);
}

static sk_status read_header(const char *text, size_t length, struct header *header) {
    struct cursor c = {text, text + length};
    unsigned seen = 0;
    *header = (struct header){.dtype = F32};
    TRY(expect(&c, '{'));
    bool comma = true;
    while (!accept(&c, '}')) {
        FAIL_IF(!comma, SK_EFORMAT, "its header lacks a ',' between two keys");
        TRY(take_member(&c, header, &seen));
        comma = accept(&c, ',');
    }
    FAIL_IF(seen != 7, SK_EFORMAT, "its header lacks one of descr, fortran_order and shape");
    skip_blanks(&c);
    FAIL_IF(c.at != c.end, SK_EFORMAT, "something follows the '}' of its header");
    return SK_OK;
}

static sk_status find_header(const uint8_t *bytes, size_t size, size_t *begin, size_t *length) {
    FAIL_IF(size < PREFIX || memcmp(bytes, "\x93NUMPY", 6) != 0, SK_EFORMAT, "this is no .npy file");
    FAIL_IF(bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0, SK_EFORMAT,
            "its format version is %d.%d, but siskin reads 1.0, 2.0 and 3.0", bytes[6], bytes[7]);
    *begin = bytes[6] == 1 ? PREFIX : PREFIX + 2;
    FAIL_IF(size < *begin, SK_EFORMAT, "its header is cut short");
    *length = 0;
    for (size_t i = *begin; i > 8; i--) *length = *length << 8 | bytes[i - 1];
    FAIL_IF(*length > HEADER_MAX, SK_EFORMAT, "its header has %zu bytes, more than %d", *length, HEADER_MAX);
    FAIL_IF(*length > size - *begin, SK_EFORMAT, "its header should have %zu bytes, but %zu follow; it is cut short",
            *length, size - *begin);
    return SK_OK;
}

/* From column-major, first index fastest, to row-major order. */
static void transpose(const struct shape *shape, size_t element, const uint8_t *from, int64_t count, uint8_t *to) {
    int64_t stride[SHAPE_MAX], next = 1, index[SHAPE_MAX] = {0}, at = 0;
    for (int d = 0; d < shape->rank; d++) {
        stride[d] = next;
        next *= shape->dim[d];
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(to + (size_t)i * element, from + (size_t)at * element, element);
        for (int d = shape->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < shape->dim[d]) break;
            at -= stride[d] * shape->dim[d];
            index[d] = 0;
        }
    }
}

static sk_status read_all(struct arena *arena, const uint8_t *bytes, size_t size, struct tensor *out) {
    size_t begin = 0, length = 0;
    TRY(find_header(bytes, size, &begin, &length));
    struct header header;
    TRY(read_header((const char *)bytes + begin, length, &header));
    int64_t count;
    TRY(shape_count(&header.shape, &count));
    const uint8_t *data = bytes + begin + length;
    size_t left = size - begin - length, element = dtype_size(header.dtype);
    char shape[128];
    FAIL_IF(
        (uint64_t)count > left / element || (uint64_t)count * element != left, SK_EFORMAT,
        "%zu bytes of numbers follow its header, which is not what shape %s of %s needs; it is cut short or damaged",
        left, shape_text(&header.shape, shape, sizeof shape), dtype_name(header.dtype));
    *out = (struct tensor){"", header.dtype, header.shape, (void *)(uintptr_t)data};
    bool transposed = header.fortran && header.shape.rank > 1;
    if (!transposed && (uintptr_t)data % element == 0) return SK_OK;
    out->data = arena_alloc(arena, left);
    if (!out->data) return SK_EMEMORY;
    if (transposed)
        transpose(&header.shape, element, data, count, out->data);
    else
        memcpy(out->data, data, left);
    return SK_OK;
}

sk_status npy_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what, struct tensor *out) {
    sk_status status = read_all(arena, bytes, size, out);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", what);
}

sk_status npy_open(struct arena *arena, const char *path, struct tensor *out) {
    uint8_t *bytes;
    size_t size;
    TRY(file_read(arena, path, SIZE_MAX / 4, &bytes, &size));
    return npy_parse(arena, bytes, size, path, out);
}

static sk_status layout(struct arena *arena, const void *what, struct chunks *file) {
    const struct tensor *tensor = what;
    const char *description = descriptions[tensor->dtype];
    FAIL_IF(!description, SK_EFORMAT, "NumPy has no type for %s; convert it to f32", dtype_name(tensor->dtype));
    char shape[200] = "";
    size_t used = 0;
    int rank = tensor->shape.rank;
    for (int d = 0; d < rank; d++) {
        const char *after = rank == 1 ? "," : d + 1 < rank ? ", " : "";
        char *part = arena_printf(arena, "%lld%s", (long long)tensor->shape.dim[d], after);
        if (!part) return SK_EMEMORY;
        size_t length = strlen(part); /* at most 21, so that 8 of them fit */
        memcpy(shape + used, part, length + 1);
        used += length;
    }
    char *dict = arena_printf(arena, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", description, shape);
    if (!dict) return SK_EMEMORY;
    size_t length = strlen(dict), whole = (PREFIX + length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *header = arena_alloc(arena, whole);
    if (!header) return SK_EMEMORY;
    memcpy(header, "\x93NUMPY\x01", 8); /* with its 0 */
    header[8] = (uint8_t)((whole - PREFIX) & 0xff);
    header[9] = (uint8_t)((whole - PREFIX) >> 8);
    memset(header + PREFIX, ' ', whole - PREFIX);
    memcpy(header + PREFIX, dict, length);
    header[whole - 1] = '\n';
    int64_t count;
    TRY(shape_count(&tensor->shape, &count));
    TRY(chunks_add(arena, file, header, whole));
    return chunks_add(arena, file, tensor->data, (size_t)count * dtype_size(tensor->dtype));
}

sk_status npy_encode(struct arena *arena, const struct tensor *tensor, uint8_t **bytes, size_t *size) {
    return chunks_encode(layout, tensor, arena, bytes, size);
}

sk_status npy_save(const char *path, const struct tensor *tensor) {
    return chunks_write(layout, tensor, path);
}
