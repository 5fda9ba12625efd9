/* mat5.c — reads as much of a MATLAB level 5 file as a struct array of numbers and texts needs.
 *
 * A header of 128 bytes, then elements: type u32, bytes u32, data padded to 8 (small ones keep up to 4 bytes in the tag).
 * A matrix (14) holds flags, dimensions, name, then its content; a compressed element (15) holds zlib's bytes of one. A
 * struct array holds the length of field names, the names, and matrices: all fields of the first item, of the second, …
 * "MAT-File Format", The MathWorks. SPDX-License-Identifier: Apache-2.0 */
#include "data/mat5.h"

#include <stdbool.h>
#include <string.h>

#include <zlib.h>

enum { HEAD = 128, INT8 = 1, UINT8, INT16, UINT16, INT32, UINT32, DOUBLE = 9, MATRIX = 14, COMPRESSED, UTF8 };
enum {
    STRUCT_CLASS = 2,
    CHAR_CLASS = 4,
    ROWS_MAX = 1 << 20,
    FIELDS_MAX = 64,
    FIELD_MAX = 64,
    INFLATED_MAX = 256 << 20
};

struct span {
    const uint8_t *at;
    size_t left;
};

struct element {
    uint32_t type;
    struct span data;
};

static uint32_t u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The next element of a span; false where it is broken or nothing is left. */
static bool next(struct span *span, struct element *element) {
    if (span->left < 8) return false;
    uint32_t type = u32(span->at), size = u32(span->at + 4);
    if (type >> 16) { /* small */
        size = type >> 16;
        *element = (struct element){type & 0xffff, {span->at + 4, size}};
        span->at += 8, span->left -= 8;
        return size <= 4;
    }
    span->at += 8, span->left -= 8;
    if (size > span->left) return false;
    *element = (struct element){type, {span->at, size}};
    size_t padding = type == COMPRESSED ? 0 : (8 - size % 8) % 8, all = size + padding;
    if (all > span->left) all = span->left;
    span->at += all, span->left -= all;
    return true;
}

/* A matrix's head: class, items, name; what is left of `in` is its content. */
struct matrix {
    uint32_t class;
    size_t items;
    struct span name, in;
};

static bool open_matrix(struct span data, struct matrix *matrix) {
    struct element flags, dims, name;
    if (!next(&data, &flags) || flags.data.left < 8 || !next(&data, &dims) || dims.type != INT32 ||
        dims.data.left % 4 || !next(&data, &name))
        return false;
    uint64_t items = 1;
    for (size_t i = 0; i < dims.data.left; i += 4) {
        items *= u32(dims.data.at + i);
        if (items > (uint64_t)ROWS_MAX * 64) return false;
    }
    *matrix = (struct matrix){flags.data.at[0], (size_t)items, name.data, data};
    return true;
}

/* The first number of a matrix. */
static bool read_number(struct span data, int64_t *value) {
    struct matrix matrix;
    struct element e;
    if (!open_matrix(data, &matrix) || matrix.items < 1 || !next(&matrix.in, &e)) return false;
    const uint8_t *p = e.data.at;
    size_t least = e.type == DOUBLE ? 8 : e.type >= INT32 ? 4 : e.type >= INT16 ? 2 : 1;
    if (e.data.left < least) return false;
    double real;
    switch (e.type) {
    case INT8: *value = (int8_t)p[0]; return true;
    case UINT8: *value = p[0]; return true;
    case INT16: *value = (int16_t)(p[0] | p[1] << 8); return true;
    case UINT16: *value = p[0] | p[1] << 8; return true;
    case INT32: *value = (int32_t)u32(p); return true;
    case UINT32: *value = u32(p); return true;
    case DOUBLE:
        memcpy(&real, p, sizeof real);
        if (!(real >= 0 && real < 1e9)) return false;
        *value = (int64_t)real;
        return true;
    default: return false;
    }
}

/* A text: letters of one or two bytes; only plain ones are read. */
static bool read_text(struct arena *arena, struct span data, char **text) {
    struct matrix matrix;
    struct element e;
    if (!open_matrix(data, &matrix) || matrix.class != CHAR_CLASS || matrix.items > 1024) return false;
    if (!next(&matrix.in, &e)) return false;
    size_t width = e.type == UINT16 ? 2 : e.type == UTF8 || e.type == INT8 || e.type == UINT8 ? 1 : 0;
    if (width == 0 || e.data.left < matrix.items * width) return false;
    *text = arena_alloc(arena, matrix.items + 1);
    for (size_t i = 0; *text && i < matrix.items; i++) {
        const uint8_t *letter = e.data.at + i * width;
        if (letter[0] < ' ' || letter[0] > 126 || (width == 2 && letter[1])) return false;
        (*text)[i] = (char)letter[0];
    }
    return *text != NULL;
}

/* Which field is ours: 0 ILSVRC2012_ID, 1 WNID, 2 num_children; -1 another. */
static int field_of(const char *name, size_t width) {
    static const char *const ours[] = {"ILSVRC2012_ID", "WNID", "num_children"};
    for (int i = 0; i < 3; i++)
        if (strlen(ours[i]) < width && strncmp(name, ours[i], width) == 0) return i;
    return -1;
}

static bool read_rows(struct arena *arena, struct matrix *matrix, struct synset **synsets, size_t *count) {
    struct element length, names;
    if (!next(&matrix->in, &length) || length.data.left < 4 || !next(&matrix->in, &names)) return false;
    size_t width = u32(length.data.at);
    if (width == 0 || width > FIELD_MAX || names.data.left % width) return false;
    size_t fields = names.data.left / width;
    if (fields > FIELDS_MAX || matrix->items > ROWS_MAX || matrix->items > matrix->in.left / 8) return false;
    *synsets = arena_array(arena, matrix->items, sizeof **synsets);
    *count = matrix->items;
    for (size_t row = 0; *synsets && row < matrix->items; row++) {
        struct synset *synset = &(*synsets)[row];
        bool found[3] = {false};
        for (size_t f = 0; f < fields; f++) {
            struct element e;
            int field = field_of((const char *)names.data.at + f * width, width);
            if (!next(&matrix->in, &e) || e.type != MATRIX) return false;
            if (field < 0) continue;
            found[field] = true;
            if (field == 0 && !read_number(e.data, &synset->id)) return false;
            if (field == 1 && !read_text(arena, e.data, &synset->wnid)) return false;
            if (field == 2 && !read_number(e.data, &synset->children)) return false;
        }
        if (!found[0] || !found[1] || !found[2]) return false;
    }
    return *synsets != NULL;
}

/* zlib's bytes to a block. */
static sk_status expand(struct span from, const char *what, uint8_t **block, size_t *size) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)from.at, .avail_in = (uInt)from.left};
    size_t capacity = from.left * 4 + 4096;
    int result = inflateInit(&stream);
    *block = NULL;
    *size = 0;
    FAIL_IF(result != Z_OK, SK_EMEMORY, "%s: no memory to unpack it", what);
    do {
        uint8_t *grown = block_resize(*block, capacity);
        if (!grown) result = Z_MEM_ERROR;
        if (!grown) break;
        *block = grown;
        stream.next_out = *block + *size;
        stream.avail_out = (uInt)(capacity - *size);
        result = inflate(&stream, Z_NO_FLUSH);
        *size = capacity - stream.avail_out;
        capacity *= 2;
    } while (result == Z_OK && *size < INFLATED_MAX && (stream.avail_in > 0 || stream.avail_out == 0));
    inflateEnd(&stream);
    if (result == Z_STREAM_END) return SK_OK;
    block_free(*block);
    *block = NULL;
    return result == Z_MEM_ERROR ? SK_EMEMORY
                                 : status_fail(SK_EFORMAT, "%s: a broken compressed element, or one too large", what);
}

sk_status mat5_synsets(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                       struct synset **synsets, size_t *count) {
    FAIL_IF(size < HEAD || memcmp(bytes, "MATLAB 5.0", 10) != 0 || memcmp(bytes + 126, "IM", 2) != 0, SK_EFORMAT,
            "%s: no MATLAB file of level 5 in little-endian order", what);
    struct span file = {bytes + HEAD, size - HEAD};
    struct element element;
    while (next(&file, &element)) {
        uint8_t *block = NULL;
        size_t expanded;
        struct span inner = element.data;
        struct matrix matrix;
        if (element.type == COMPRESSED) {
            TRY(expand(element.data, what, &block, &expanded));
            struct span all = {block, expanded};
            if (!next(&all, &element)) element.type = 0;
            inner = element.data;
        }
        bool ours = element.type == MATRIX && open_matrix(inner, &matrix) && matrix.class == STRUCT_CLASS &&
                    matrix.name.left == 7 && memcmp(matrix.name.at, "synsets", 7) == 0;
        bool read = ours && read_rows(arena, &matrix, synsets, count);
        block_free(block);
        FAIL_IF(ours && !read, SK_EFORMAT,
                "%s: its array synsets is broken, or lacks ILSVRC2012_ID, WNID or num_children", what);
        if (read) return SK_OK;
    }
    return status_fail(SK_EFORMAT, "%s: there is no array \"synsets\" in it", what);
}
