/* tensor.h — element types, shapes, and a tensor as the files and the data know it: a name, a shape, bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_TENSOR_H
#define SK_BASE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

enum { SHAPE_MAX = 8 };

enum dtype { F32, F64, F16, BF16, U8, S8, S16, S32, I64, BOOL8, DTYPE_COUNT };

struct shape {
    int rank;
    int64_t dim[SHAPE_MAX];
};

struct tensor {
    const char *name; /* owned by the arena that holds the tensor */
    enum dtype dtype;
    struct shape shape;
    void *data; /* contiguous, row-major, little-endian */
};

size_t dtype_size(enum dtype dtype);
const char *dtype_name(enum dtype dtype); /* "f32", … */

/* Number of elements; fails where the product leaves int64 or a dimension is negative. */
sk_status shape_count(const struct shape *shape, int64_t *count);
/* The same where the shape is already known to be sound. */
int64_t shape_elements(const struct shape *shape);
bool shape_equal(const struct shape *a, const struct shape *b);
/* "(3, 224, 224)" into text[size]; returns text. */
const char *shape_text(const struct shape *shape, char *text, size_t size);

/* bf16 and f16 <-> f32, nearest even. */
inline float bf16_to_f32(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}
inline uint16_t f32_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* A NaN whose payload sits in the low half would round to infinity: keep it quiet instead. */
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return (uint16_t)((nan ? bits | 0x400000u : bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
float f16_to_f32(uint16_t bits);

/* Convert `count` elements to f32 (every dtype but I64 exactly or nearest-even). */
void tensor_to_f32(enum dtype from, const void *source, float *target, int64_t count);

#endif
