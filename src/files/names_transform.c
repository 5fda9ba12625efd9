/* names_transform.c — transposing kernels and leaving out dimensions of one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/names_transform.h"

#include <string.h>

/* A transform: dimension i of the result is dimension axis[i] of the source. */
struct transpose {
    const char *name;
    int rank, axis[4];
};
static const struct transpose conv = {"conv (kh,kw,in,out) -> (out,in,kh,kw)", 4, {3, 2, 0, 1}};
static const struct transpose depthwise = {"depthwise (kh,kw,c,1) -> (c,1,kh,kw)", 4, {2, 3, 0, 1}};
static const struct transpose linear = {"linear (in,out) -> (out,in)", 2, {1, 0}};

/* Keras has (kh,kw,c,1) for its depthwise layers; Flax, and Keras where it says them by groups, (kh,kw,1,c). */
static const struct transpose *transpose_of(const struct tensor *from, const struct param *param) {
    const struct shape *shape = &from->shape;
    if (param->kind != PARAM_CONV && param->kind != PARAM_DEPTHWISE && param->kind != PARAM_LINEAR) return NULL;
    if (shape->rank == 2) return &linear;
    if (shape->rank != 4) return NULL;
    return param->kind == PARAM_DEPTHWISE && shape->dim[3] == 1 ? &depthwise : &conv;
}

static sk_status permute(struct arena *arena, const struct tensor *from, const struct transpose *how,
                         struct tensor *to) {
    int64_t stride[4], dim[4] = {1, 1, 1, 1}, step[4] = {0};
    size_t size = dtype_size(from->dtype);
    int64_t elements = shape_elements(&from->shape);
    uint8_t *out = arena_array(arena, (size_t)elements, size);
    if (!out) return SK_EMEMORY;
    for (int64_t i = how->rank - 1, s = 1; i >= 0; s *= from->shape.dim[i--]) stride[i] = s;
    *to = (struct tensor){.dtype = from->dtype, .shape = {.rank = how->rank}, .data = out};
    for (int i = 0; i < how->rank; i++) {
        to->shape.dim[i] = dim[4 - how->rank + i] = from->shape.dim[how->axis[i]];
        step[4 - how->rank + i] = stride[how->axis[i]];
    }
    const uint8_t *in = from->data;
    for (int64_t a = 0; elements && a < dim[0]; a++)
        for (int64_t b = 0; b < dim[1]; b++)
            for (int64_t c = 0; c < dim[2]; c++)
                for (int64_t d = 0; d < dim[3]; d++, out += size)
                    memcpy(out, in + (size_t)(a * step[0] + b * step[1] + c * step[2] + d * step[3]) * size, size);
    return SK_OK;
}

/* Equal but for dimensions of one. */
static bool same_but_ones(const struct shape *a, const struct shape *b) {
    int i = 0, j = 0;
    for (;;) {
        while (i < a->rank && a->dim[i] == 1) i++;
        while (j < b->rank && b->dim[j] == 1) j++;
        if (i == a->rank || j == b->rank) return i == a->rank && j == b->rank;
        if (a->dim[i++] != b->dim[j++]) return false;
    }
}

sk_status names_transform(struct arena *arena, const struct tensor *from, const struct param *param, bool channels_last,
                          struct tensor *to, const char **transform) {
    const struct transpose *how = channels_last ? transpose_of(from, param) : NULL;
    struct shape want = param_file_shape(param);
    char found[96], expected[96];
    *to = *from;
    *transform = "as it is";
    if (how) {
        TRY(permute(arena, from, how, to));
        *transform = how->name;
    }
    FAIL_IF(
        !same_but_ones(&to->shape, &want), SK_ESHAPE,
        "its shape %s%s%s does not become %s, which the model wants for %s; are the model's name and arguments (width, "
        "classes) right?",
        shape_text(&from->shape, found, sizeof found), how ? ", a " : "", how ? how->name : "",
        shape_text(&want, expected, sizeof expected), param->name);
    if (!shape_equal(&to->shape, &want) && !how) *transform = "reshaped by dimensions of one";
    to->shape = want;
    return SK_OK;
}
