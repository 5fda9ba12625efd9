/* resize_tf.c — windows along each side, then two passes in float32.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/resize_tf.h"

#include <math.h>
#include <string.h>

/* Where each output along one side looks: pixels first[o] … first[o] + taps - 1, those that are not there weigh 0. */
struct side {
    int in, out, taps;
    int *first;
    float *weight; /* (out,taps) */
};

static float cubic(float x) {
    const float a = -0.5F;
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static float triangle(float x) {
    return x < 1 ? 1 - x : 0;
}

/* Weights of what lies in the picture; they are brought to a sum of 1. */
static void finish(const struct side *s, int o) {
    float *weight = s->weight + (size_t)o * (size_t)s->taps, sum = 0;
    for (int k = 0; k < s->taps; k++) {
        int at = s->first[o] + k;
        if (at < 0 || at >= s->in) weight[k] = 0;
        sum += weight[k];
    }
    for (int k = 0; k < s->taps && sum != 0; k++) weight[k] /= sum;
}

static void fill_plain(const struct side *s, int o, enum resize_filter filter) {
    float scale = (float)s->in / (float)s->out, at = ((float)o + 0.5F) * scale - 0.5F, *w;
    w = s->weight + (size_t)o * (size_t)s->taps;
    if (filter == RESIZE_NEAREST) {
        s->first[o] = (int)floorf(((float)o + 0.5F) * scale);
        if (s->first[o] >= s->in) s->first[o] = s->in - 1;
        w[0] = 1;
        return;
    }
    float whole = floorf(at), part = at - whole;
    if (filter == RESIZE_BILINEAR) {
        s->first[o] = (int)whole;
        w[0] = 1 - part, w[1] = part;
    } else {
        enum { TABLE = 1024 };
        float step = (float)lrintf(part * TABLE) / TABLE;
        s->first[o] = (int)whole - 1;
        w[0] = cubic(step + 1), w[1] = cubic(step), w[2] = cubic(1 - step), w[3] = cubic(2 - step);
    }
    finish(s, o); /* at a border bilinear leaves one pixel, which then weighs 1 */
}

static void fill_wide(const struct side *s, int o, enum resize_filter filter) {
    float scale = (float)s->in / (float)s->out, widen = scale > 1 ? scale : 1;
    float radius = (filter == RESIZE_BICUBIC ? 2 : 1) * widen, middle = ((float)o + 0.5F) * scale;
    float *w = s->weight + (size_t)o * (size_t)s->taps;
    s->first[o] = (int)ceilf(middle - radius - 0.5F);
    for (int k = 0; k < s->taps; k++) {
        float x = fabsf((float)(s->first[o] + k) + 0.5F - middle) / widen;
        w[k] = filter == RESIZE_BICUBIC ? cubic(x) : triangle(x);
    }
    finish(s, o);
}

static int taps_of(int in, int out, const struct picture_resize *to) {
    if (to->filter == RESIZE_NEAREST) return 1;
    if (!to->antialias) return to->filter == RESIZE_BICUBIC ? 4 : 2;
    double widen = in > out ? (double)in / out : 1;
    return 2 * (int)ceil((to->filter == RESIZE_BICUBIC ? 2 : 1) * widen) + 1;
}

static size_t side_bytes(int out, int taps) {
    return (size_t)out * sizeof(int) + (size_t)out * (size_t)taps * sizeof(float);
}

static unsigned char *side_make(struct side *s, unsigned char *memory, const struct picture_resize *to) {
    s->first = (int *)(void *)memory;
    memory += (size_t)s->out * sizeof(int);
    s->weight = (float *)(void *)memory;
    for (int o = 0; o < s->out; o++) {
        if (to->antialias && to->filter != RESIZE_NEAREST)
            fill_wide(s, o, to->filter);
        else
            fill_plain(s, o, to->filter);
    }
    return memory + (size_t)s->out * (size_t)s->taps * sizeof(float);
}

/* Rows of the result in the source's width. */
static void pass_down(const struct side *s, const uint8_t *in, size_t stride, size_t row, float *out) {
    for (int o = 0; o < s->out; o++, out += row) {
        memset(out, 0, row * sizeof *out);
        for (int k = 0; k < s->taps; k++) {
            float weight = s->weight[(size_t)o * (size_t)s->taps + (size_t)k];
            if (weight == 0) continue;
            const uint8_t *from = in + (size_t)(s->first[o] + k) * stride;
            for (size_t j = 0; j < row; j++) out[j] += weight * (float)from[j];
        }
    }
}

static void pass_across(const struct side *s, const float *in, int rows, size_t channels, float *out) {
    for (int y = 0; y < rows; y++, in += (size_t)s->in * channels)
        for (int o = 0; o < s->out; o++)
            for (size_t c = 0; c < channels; c++) {
                float sum = 0;
                for (int k = 0; k < s->taps; k++) {
                    float weight = s->weight[(size_t)o * (size_t)s->taps + (size_t)k];
                    if (weight != 0) sum += weight * in[(size_t)(s->first[o] + k) * channels + c];
                }
                *out++ = sum;
            }
}

sk_status resize_tf(const struct picture *source, const struct picture_box *box, const struct picture_resize *to,
                    struct scratch *scratch, struct picture *result) {
    const struct picture from = *source;
    struct picture_box b = *box;
    size_t channels = (size_t)from.channels, count = (size_t)to->height * (size_t)to->width * channels;
    b.top -= scratch->part.top, b.left -= scratch->part.left;
    FAIL_IF(to->filter == RESIZE_BOX, SK_EUSAGE, "tf.image.resize has no box filter here: take bilinear or bicubic");
    FAIL_IF(scratch->part.shrink > 1 || b.top < 0 || b.left < 0 || b.height < 1 || b.width < 1 ||
                b.height > from.height - b.top || b.width > from.width - b.left,
            SK_EINTERNAL, "resize: the box (%d,%d) %dx%d leaves the picture of %dx%d", b.top, b.left, b.height, b.width,
            from.height, from.width);
    TRY(resize_check(&b, to->height, to->width));
    struct side down = {.in = b.height, .out = to->height, .taps = taps_of(b.height, to->height, to)};
    struct side across = {.in = b.width, .out = to->width, .taps = taps_of(b.width, to->width, to)};
    size_t row = (size_t)b.width * channels, stride = (size_t)from.width * channels;
    unsigned char *memory = scratch_reserve(scratch, SCRATCH_WEIGHTS,
                                            side_bytes(down.out, down.taps) + side_bytes(across.out, across.taps));
    float *between = scratch_reserve(scratch, SCRATCH_PASS, (size_t)to->height * row * sizeof(float));
    float *numbers = scratch_reserve(scratch, SCRATCH_NUMBERS, count * sizeof *numbers);
    uint8_t *bytes = scratch_reserve(scratch, SCRATCH_RESIZED, count);
    if (!memory || !between || !numbers || !bytes) return SK_EMEMORY;
    side_make(&across, side_make(&down, memory, to), to);
    pass_down(&down, from.pixels + (size_t)b.top * stride + (size_t)b.left * channels, stride, row, between);
    pass_across(&across, between, to->height, channels, numbers);
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)fminf(fmaxf(numbers[i], 0), 255);
    scratch->numbers = numbers;
    *result = (struct picture){.pixels = bytes, .height = to->height, .width = to->width, .channels = from.channels};
    return SK_OK;
}

sk_status resize_by(enum resize_by by, const struct picture *source, const struct picture_box *box,
                    const struct picture_resize *to, struct scratch *scratch, struct picture *result) {
    if (by == RESIZE_BY_TF) return resize_tf(source, box, to, scratch, result);
    if (to->antialias) return resize_part(source, box, to->height, to->width, to->filter, scratch, result);
    struct picture_box inside = *box;
    FAIL_IF(scratch->part.shrink > 1, SK_EINTERNAL, "resize: a shrunk picture is resized without antialias");
    inside.top -= scratch->part.top, inside.left -= scratch->part.left;
    return resize_plain_box(source, &inside, to->height, to->width, to->filter, scratch, result);
}
