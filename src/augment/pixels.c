/* pixels.c — the table of operations, and what several of them need: targets, look-up tables, histograms.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/pixels.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *said;
    sk_status (*apply)(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                       struct picture *picture);
} ops[PIXEL_OPS] = {
#define PIXEL_OP(enumerator, name, function, said) [PIXEL_##enumerator] = {#name, said, pixel_##function},
#include "augment/pixel_ops.def"
#undef PIXEL_OP
};

sk_status pixel_apply(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                      struct picture *picture) {
    FAIL_IF(picture->channels != 1 && picture->channels != 3, SK_EINTERNAL,
            "%s: a picture has %d channels; expected 1 or 3", ops[step->op].name, picture->channels);
    if (style->rules == PIXEL_RULES_TENSOR) return pixel_tensor_apply(step, style, scratch, picture);
    return ops[step->op].apply(step, style, scratch, picture);
}

const char *pixel_op_name(enum pixel_op op) {
    return ops[op].name;
}

bool pixel_op_by_name(const char *name, enum pixel_op *op) {
    for (int i = 0; i < PIXEL_OPS; i++) {
        if (strcmp(name, ops[i].name) != 0) continue;
        *op = (enum pixel_op)i;
        return true;
    }
    return false;
}

/* The format is the table's; the argument is passed where it prints none, too, which C allows. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
void pixel_step_text(const struct pixel_step *step, char *text, size_t size) {
    snprintf(text, size, ops[step->op].said, step->argument);
}

sk_status pixel_identity(const struct pixel_step *step, const struct pixel_style *style, struct scratch *scratch,
                         struct picture *picture) {
    (void)step, (void)style, (void)scratch, (void)picture;
    return SK_OK;
}

uint8_t *pixel_target(struct scratch *scratch, const struct picture *picture) {
    enum scratch_use use = picture->pixels == scratch->slot[SCRATCH_PIXELS].data ? SCRATCH_PIXELS_2 : SCRATCH_PIXELS;
    return scratch_reserve(scratch, use, pixel_bytes(picture));
}

sk_status pixel_look_up(const struct pixel_table *table, struct scratch *scratch, struct picture *picture) {
    uint8_t *out = pixel_target(scratch, picture);
    if (!out) return SK_EMEMORY;
    const uint8_t *in = picture->pixels;
    size_t bytes = pixel_bytes(picture);
    if (picture->channels == 1) {
        for (size_t i = 0; i < bytes; i++) out[i] = table->value[0][in[i]];
    } else {
        for (size_t i = 0; i < bytes; i += 3) {
            out[i] = table->value[0][in[i]];
            out[i + 1] = table->value[1][in[i + 1]];
            out[i + 2] = table->value[2][in[i + 2]];
        }
    }
    picture->pixels = out;
    return SK_OK;
}

sk_status pixel_look_up_all(const uint8_t value[256], struct scratch *scratch, struct picture *picture) {
    struct pixel_table table;
    for (int c = 0; c < 3; c++) memcpy(table.value[c], value, 256);
    return pixel_look_up(&table, scratch, picture);
}

void pixel_histogram(const struct picture *picture, uint32_t count[3][256]) {
    memset(count, 0, 3 * 256 * sizeof count[0][0]);
    const uint8_t *in = picture->pixels, *end = in + pixel_bytes(picture);
    if (picture->channels == 1) {
        for (; in < end; in++) count[0][*in]++;
    } else {
        for (; in < end; in += 3) count[0][in[0]]++, count[1][in[1]]++, count[2][in[2]]++;
    }
}
