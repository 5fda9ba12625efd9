/* tensor.c — shapes, element types and their conversion to f32.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tensor.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[DTYPE_COUNT] = {
    [F32] = {"f32", 4}, [F64] = {"f64", 8}, [F16] = {"f16", 2}, [BF16] = {"bf16", 2}, [U8] = {"u8", 1},
    [S8] = {"s8", 1},   [S16] = {"s16", 2}, [S32] = {"s32", 4}, [I64] = {"i64", 8},   [BOOL8] = {"bool", 1},
};

size_t dtype_size(enum dtype dtype) {
    return dtypes[dtype].size;
}

const char *dtype_name(enum dtype dtype) {
    return dtypes[dtype].name;
}

sk_status shape_count(const struct shape *shape, int64_t *count) {
    FAIL_IF(shape->rank < 0 || shape->rank > SHAPE_MAX, SK_ESHAPE, "a shape has %d dimensions; expected 0 to %d",
            shape->rank, SHAPE_MAX);
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        char text[192];
        FAIL_IF(shape->dim[i] < 0, SK_ESHAPE, "shape %s has a negative dimension",
                shape_text(shape, text, sizeof text));
        empty |= shape->dim[i] == 0;
    }
    for (int i = 0; i < shape->rank && !empty; i++) {
        char text[192];
        FAIL_IF(__builtin_mul_overflow(product, shape->dim[i], &product), SK_ESHAPE,
                "shape %s has more elements than 64 bits can count", shape_text(shape, text, sizeof text));
    }
    *count = empty ? 0 : product;
    return SK_OK;
}

int64_t shape_elements(const struct shape *shape) {
    int64_t product = 1;
    for (int i = 0; i < shape->rank; i++) product *= shape->dim[i];
    return product;
}

bool shape_equal(const struct shape *a, const struct shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

const char *shape_text(const struct shape *shape, char *text, size_t size) {
    if (size == 0) return text;
    size_t used = (size_t)snprintf(text, size, "(");
    for (int i = 0; i < shape->rank && i < SHAPE_MAX && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)shape->dim[i]);
    }
    if (used < size) snprintf(text + used, size - used, ")");
    return text;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

extern inline float bf16_to_f32(uint16_t bits);
extern inline uint16_t f32_to_bf16(float value);

/* By bits alone, so that flushing denormals cannot change a result. */
float f16_to_f32(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
    if (exponent == 0x1f) return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0) return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    if (fraction == 0) return float_of(sign);
    exponent = 113; /* a denormal f16 is a normal f32 */
    while (!(fraction & 0x400u)) {
        fraction <<= 1;
        exponent--;
    }
    return float_of(sign | exponent << 23 | (fraction & 0x3ffu) << 13);
}

#define CONVERT(type)                                                                                                  \
    do {                                                                                                               \
        const type *items = source;                                                                                    \
        for (int64_t i = 0; i < count; i++) target[i] = (float)items[i];                                               \
    } while (0)

void tensor_to_f32(enum dtype from, const void *source, float *target, int64_t count) {
    const uint16_t *halves = source;
    const uint8_t *bytes = source;
    switch (from) {
    case F32:
        if (count > 0) memmove(target, source, (size_t)count * sizeof *target);
        break;
    case F16:
        for (int64_t i = 0; i < count; i++) target[i] = f16_to_f32(halves[i]);
        break;
    case BF16:
        for (int64_t i = 0; i < count; i++) target[i] = bf16_to_f32(halves[i]);
        break;
    case BOOL8:
        for (int64_t i = 0; i < count; i++) target[i] = bytes[i] ? 1.0f : 0.0f;
        break;
    case F64: CONVERT(double); break;
    case U8: CONVERT(uint8_t); break;
    case S8: CONVERT(int8_t); break;
    case S16: CONVERT(int16_t); break;
    case S32: CONVERT(int32_t); break;
    case I64: CONVERT(int64_t); break;
    case DTYPE_COUNT: break;
    }
}
