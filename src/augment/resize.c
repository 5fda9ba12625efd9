/* resize.c — Pillow's antialiased resize: weights in double, then 22-bit fixed point, two passes with 8 bits between;
 * and torch's without antialias, in float32.
 *
 * Integer sums are exact, so the kernels may add in any order; only the weights' arithmetic must follow
 * Pillow's (libImaging/Resample.c) operation by operation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/resize.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

enum { SIDE_MAX = 1 << 24 };
static const int64_t pixels_max = 178956970; /* as for decoding */

static const char *const filter_names[RESIZE_FILTERS] = {
    [RESIZE_BOX] = "box",
    [RESIZE_BILINEAR] = "bilinear",
    [RESIZE_BICUBIC] = "bicubic",
    [RESIZE_NEAREST] = "nearest",
};

const char *resize_filter_name(enum resize_filter filter) {
    return filter_names[filter];
}

bool resize_filter_by_name(const char *name, enum resize_filter *filter) {
    for (int i = 0; i < RESIZE_FILTERS; i++) {
        if (strcmp(name, filter_names[i]) != 0) continue;
        *filter = (enum resize_filter)i;
        return true;
    }
    return false;
}

static double filter_support(enum resize_filter filter) {
    return filter == RESIZE_BICUBIC ? 2.0 : filter == RESIZE_BILINEAR ? 1.0 : 0.5;
}

static double filter_weight(enum resize_filter filter, double x) {
    if (filter == RESIZE_BOX) return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    x = fabs(x);
    if (filter == RESIZE_BILINEAR) return x < 1.0 ? 1.0 - x : 0.0;
    const double a = -0.5; /* Keys' constant; torch without antialias has -0.75 */
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

/* Along one axis: output position o is the sum of `count` inputs from `first`, times weights[o * taps + k]; then all have
 * `used` inputs, some with weights of 0, so that a kernel's loops have one length. */
struct axis {
    int out, taps, used;
    int32_t *first, *count; /* (out) */
    int32_t *weights;       /* (out,taps) */
    double *exact;          /* (taps) while a window is made */
};

static int axis_taps(double length, int out, enum resize_filter filter) {
    double scale = length / out;
    return (int)ceil(filter_support(filter) * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
}

static size_t axis_bytes(int out, int taps) {
    return (size_t)taps * sizeof(double) + (size_t)out * 2 * sizeof(int32_t) +
           (size_t)out * (size_t)taps * sizeof(int32_t) + sizeof(double);
}

static unsigned char *axis_place(struct axis *axis, unsigned char *memory, int out, int taps) {
    axis->out = out;
    axis->taps = taps;
    axis->used = 0;
    axis->exact = (double *)memory;
    axis->first = (int32_t *)(axis->exact + taps);
    axis->count = axis->first + out;
    axis->weights = axis->count + out;
    size_t used = axis_bytes(out, taps);
    return memory + used / sizeof(double) * sizeof(double);
}

/* Where the inputs of an axis lie: `length` of them from `from` on, which need not be whole where the picture is shrunk;
 * pixels 0 … in-1 are there. */
struct span {
    double from, length;
    int in;
};

/* Widen every window to the longest; the last ones begin further left. */
static void axis_even(struct axis *axis, int in) {
    for (int o = 0; o < axis->out; o++) {
        int32_t *weights = axis->weights + (size_t)o * (size_t)axis->taps;
        int count = axis->count[o], spare = axis->first[o] + axis->used - in;
        memset(weights + count, 0, (size_t)(axis->used - count) * sizeof *weights);
        if (spare <= 0) continue;
        memmove(weights + spare, weights, (size_t)count * sizeof *weights);
        memset(weights, 0, (size_t)spare * sizeof *weights);
        axis->first[o] -= spare;
    }
}

static void axis_fill(struct axis *axis, const struct span *span, enum resize_filter filter) {
    double scale = span->length / axis->out;
    double widen = scale < 1.0 ? 1.0 : scale;
    double support = filter_support(filter) * widen, shrink = 1.0 / widen;
    for (int o = 0; o < axis->out; o++) {
        double centre = span->from + (o + 0.5) * scale, sum = 0.0;
        int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        if (first < 0) first = 0;
        if (end > span->in) end = span->in;
        int count = end - first;
        for (int k = 0; k < count; k++) {
            axis->exact[k] = filter_weight(filter, (k + first - centre + 0.5) * shrink);
            sum += axis->exact[k];
        }
        int32_t *weights = axis->weights + (size_t)o * (size_t)axis->taps;
        for (int k = 0; k < count; k++) {
            double w = (sum != 0.0 ? axis->exact[k] / sum : axis->exact[k]) * (1 << RESAMPLE_BITS);
            weights[k] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
        }
        axis->first[o] = first;
        axis->count[o] = count;
        if (count > axis->used) axis->used = count;
    }
    axis_even(axis, span->in);
}

/* Pillow walks its affine grid by repeated addition; so do we. */
static void resize_nearest(const uint8_t *in, size_t stride, int in_height, int in_width, struct picture *result) {
    double down = (double)in_height / result->height, across = (double)in_width / result->width;
    size_t channels = (size_t)result->channels;
    uint8_t *out = result->pixels;
    double y_in = down * 0.5;
    for (int y = 0; y < result->height; y++, y_in += down) {
        int row = (int)y_in < in_height ? (int)y_in : in_height - 1;
        double x_in = across * 0.5;
        for (int x = 0; x < result->width; x++, x_in += across, out += channels) {
            int column = (int)x_in < in_width ? (int)x_in : in_width - 1;
            memcpy(out, in + (size_t)row * stride + (size_t)column * channels, channels);
        }
    }
}

/* Up to version 12 Pillow always began with the horizontal pass. Version 13 begins with the vertical one where the
 * height shrinks by more than twice as many pixels as the width; that changes a few bytes by one level. */
static bool vertical_first(int in_height, int in_width, const struct picture *result) {
    int64_t less_height = (int64_t)in_height - result->height, less_width = (int64_t)in_width - result->width;
    return less_height > 0 && less_height > 2 * less_width;
}

/* The pixels that are read: rows of `stride` bytes, and the two spans among them. */
struct view {
    const uint8_t *pixels;
    size_t stride;
    struct span down, across;
};

static struct resample_job job_of(const struct axis *axis, const uint8_t *from, size_t from_stride, uint8_t *to) {
    return (struct resample_job){.out = axis->out,
                                 .taps = axis->used,
                                 .stride = axis->taps,
                                 .first = axis->first,
                                 .weights = axis->weights,
                                 .from = from,
                                 .from_stride = from_stride,
                                 .to = to};
}

/* (rows,in,C) to (rows,axis->out,C). */
static void pass_across(const struct kernels *kernels, const struct axis *axis, const struct view *view, int rows,
                        int channels, uint8_t *to) {
    struct resample_job job = job_of(axis, view->pixels, view->stride, to);
    job.rows = rows;
    job.in = view->across.in;
    job.channels = channels;
    kernels->resample_across(&job);
}

/* (in,row_bytes) to (axis->out,row_bytes). */
static void pass_down(const struct kernels *kernels, const struct axis *axis, const struct view *view, size_t row_bytes,
                      uint8_t *to) {
    struct resample_job job = job_of(axis, view->pixels, view->stride, to);
    job.row_bytes = (int64_t)row_bytes;
    kernels->resample_down(&job);
}

static sk_status resize_filtered(const struct view *view, enum resize_filter filter, struct scratch *scratch,
                                 struct picture *result) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_run_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    int in_height = view->down.in, in_width = view->across.in, channels = result->channels;
    int across_taps = axis_taps(view->across.length, result->width, filter);
    int down_taps = axis_taps(view->down.length, result->height, filter);
    unsigned char *memory = scratch_reserve(
        scratch, SCRATCH_WEIGHTS, axis_bytes(result->width, across_taps) + axis_bytes(result->height, down_taps) + 64);
    if (!memory) return SK_EMEMORY;
    struct axis across, down;
    memory = axis_place(&across, memory, result->width, across_taps);
    axis_place(&down, memory, result->height, down_taps);

    size_t out_stride = (size_t)result->width * (size_t)channels;
    bool wide = view->across.length != result->width || view->across.from != 0;
    bool high = view->down.length != result->height || view->down.from != 0;
    if (wide) axis_fill(&across, &view->across, filter);
    if (high) axis_fill(&down, &view->down, filter);
    if (!high) {
        pass_across(kernels, &across, view, in_height, channels, result->pixels);
        return SK_OK;
    }
    if (!wide) {
        pass_down(kernels, &down, view, out_stride, result->pixels);
        return SK_OK;
    }
    bool down_first = vertical_first(in_height, in_width, result);
    struct view between = *view;
    between.stride = down_first ? (size_t)in_width * (size_t)channels : out_stride;
    uint8_t *memory_between =
        scratch_reserve(scratch, SCRATCH_PASS, between.stride * (size_t)(down_first ? result->height : in_height));
    if (!memory_between) return SK_EMEMORY;
    between.pixels = memory_between;
    if (down_first) {
        pass_down(kernels, &down, view, between.stride, memory_between);
        pass_across(kernels, &across, &between, result->height, channels, result->pixels);
    } else {
        pass_across(kernels, &across, view, in_height, channels, memory_between);
        pass_down(kernels, &down, &between, out_stride, result->pixels);
    }
    return SK_OK;
}

sk_status resize_check(const struct picture_box *box, int height, int width) {
    FAIL_IF(height < 1 || width < 1 || height > SIDE_MAX || width > SIDE_MAX || (int64_t)height * width > pixels_max,
            SK_EDATA, "a picture of %dx%d pixels cannot be resized to %dx%d: more than %lld pixels", box->height,
            box->width, height, width, (long long)pixels_max);
    /* Between the passes the picture has one old and one new side. */
    FAIL_IF((int64_t)box->height * width > 4 * pixels_max, SK_EDATA,
            "a picture of %dx%d pixels cannot be resized to %dx%d: too many pixels between the passes", box->height,
            box->width, height, width);
    return SK_OK;
}

static sk_status check_source(const struct picture *source, const struct picture_box *box) {
    FAIL_IF(source->channels != 1 && source->channels != 3 && source->channels != 4, SK_EINTERNAL,
            "resize: a picture has %d channels; expected 1, 3 or 4", source->channels);
    FAIL_IF(box->top < 0 || box->left < 0 || box->height < 1 || box->width < 1 ||
                box->height > source->height - box->top || box->width > source->width - box->left,
            SK_EINTERNAL, "resize: the box (%d,%d) %dx%d leaves the picture of %dx%d", box->top, box->left, box->height,
            box->width, source->height, source->width);
    return SK_OK;
}

sk_status resize_picture(const struct picture *source, const struct picture_box *box, int height, int width,
                         enum resize_filter filter, struct scratch *scratch, struct picture *result) {
    struct picture_box whole = {.height = source->height, .width = source->width};
    if (!box) box = &whole;
    TRY(check_source(source, box));
    TRY(resize_check(box, height, width));
    size_t channels = (size_t)source->channels, stride = (size_t)source->width * channels;
    const uint8_t *in = source->pixels + (size_t)box->top * stride + (size_t)box->left * channels;
    if (box->height == source->height && box->width == source->width && height == box->height && width == box->width) {
        *result =
            (struct picture){.pixels = source->pixels, .height = height, .width = width, .channels = source->channels};
        return SK_OK;
    }
    uint8_t *out = scratch_reserve(scratch, SCRATCH_RESIZED, (size_t)height * (size_t)width * channels);
    if (!out) return SK_EMEMORY;
    *result = (struct picture){.pixels = out, .height = height, .width = width, .channels = (int)channels};
    if (height == box->height && width == box->width) {
        for (int y = 0; y < height; y++) {
            memcpy(out + (size_t)y * (size_t)width * channels, in + (size_t)y * stride, (size_t)width * channels);
        }
        return SK_OK;
    }
    if (filter == RESIZE_NEAREST) {
        resize_nearest(in, stride, box->height, box->width, result);
        return SK_OK;
    }
    struct view view = {in, stride, {0, box->height, box->height}, {0, box->width, box->width}};
    return resize_filtered(&view, filter, scratch, result);
}

/* Along one side of a shrunk picture: the pixels that a stretch of the whole touches, and where in them it lies. */
static struct span shrunk_span(int begin, int length, int shrink, int have, int *first) {
    double from = (double)begin / shrink, to = (double)(begin + length) / shrink;
    int end = (int)ceil(to);
    *first = (int)from;
    if (end > have) end = have;
    if (*first >= end) *first = end - 1;
    /* The last pixel of a picture may stand for fewer than the others. */
    if (to > end) to = end;
    return (struct span){from - *first, to - from, end - *first};
}

struct picture_box resize_whole(const struct picture *source, const struct scratch *scratch) {
    const struct picture_part *part = &scratch->part;
    return (struct picture_box){.height = part->height ? part->height : source->height,
                                .width = part->width ? part->width : source->width};
}

sk_status resize_part(const struct picture *source, const struct picture_box *box, int height, int width,
                      enum resize_filter filter, struct scratch *scratch, struct picture *result) {
    const struct picture_part *part = &scratch->part;
    struct picture_box inside = *box;
    inside.top -= part->top;
    inside.left -= part->left;
    if (part->shrink <= 1) return resize_picture(source, &inside, height, width, filter, scratch, result);
    int top, left;
    struct view view = {.stride = (size_t)source->width * (size_t)source->channels};
    view.down = shrunk_span(inside.top, inside.height, part->shrink, source->height, &top);
    view.across = shrunk_span(inside.left, inside.width, part->shrink, source->width, &left);
    inside = (struct picture_box){top, left, view.down.in, view.across.in};
    TRY(check_source(source, &inside));
    TRY(resize_check(&inside, height, width));
    view.pixels = source->pixels + (size_t)top * view.stride + (size_t)left * (size_t)source->channels;
    uint8_t *out = scratch_reserve(scratch, SCRATCH_RESIZED, (size_t)height * (size_t)width * (size_t)source->channels);
    if (!out) return SK_EMEMORY;
    *result = (struct picture){.pixels = out, .height = height, .width = width, .channels = source->channels};
    if (filter != RESIZE_NEAREST) return resize_filtered(&view, filter, scratch, result);
    resize_nearest(view.pixels, view.stride, inside.height, inside.width, result);
    return SK_OK;
}

/* ---- without antialias ---- */

enum { PLAIN_TAPS = 4 };

/* Where one output position looks. */
struct plain_window {
    int count, index[PLAIN_TAPS];
    float weight[PLAIN_TAPS];
};

static float cubic_near(float x, float a) {
    return ((a + 2) * x - (a + 3)) * x * x + 1;
}

static float cubic_far(float x, float a) {
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static int within(int index, int in) {
    return index < 0 ? 0 : index >= in ? in - 1 : index;
}

/* In float32 as torch does; its "nearest" looks at the left of a pixel, not at its middle. */
static struct plain_window plain_window(int in, int out, int o, enum resize_filter filter) {
    float scale = (float)in / (float)out;
    if (filter == RESIZE_NEAREST) return (struct plain_window){1, {within((int)floorf((float)o * scale), in)}, {1}};
    float at = scale * ((float)o + 0.5F) - 0.5F;
    if (filter == RESIZE_BILINEAR) {
        if (at < 0) at = 0;
        int first = within((int)at, in);
        float part = fminf(fmaxf(at - (float)first, 0), 1);
        return (struct plain_window){2, {first, within(first + 1, in)}, {1 - part, part}};
    }
    const float a = -0.75F;
    float whole = floorf(at), x = at - whole;
    int first = (int)whole - 1;
    return (struct plain_window){
        PLAIN_TAPS,
        {within(first, in), within(first + 1, in), within(first + 2, in), within(first + 3, in)},
        {cubic_far(x + 1, a), cubic_near(x, a), cubic_near(1 - x, a), cubic_far(1 - x + 1, a)}};
}

static uint8_t plain_pixel(const struct plain_window *down, const struct plain_window *across, const uint8_t *in,
                           size_t stride, size_t channels) {
    float sum = 0;
    for (int i = 0; i < down->count; i++) {
        const uint8_t *row = in + (size_t)down->index[i] * stride;
        float line = 0;
        for (int k = 0; k < across->count; k++)
            line += across->weight[k] * (float)row[(size_t)across->index[k] * channels];
        sum += down->weight[i] * line;
    }
    return (uint8_t)rintf(fminf(fmaxf(sum, 0), 255));
}

sk_status resize_plain(const struct picture *source, int height, int width, enum resize_filter filter,
                       struct scratch *scratch, struct picture *result) {
    const struct picture_box whole = {.height = source->height, .width = source->width};
    *result = *source;
    if (height == source->height && width == source->width && filter != RESIZE_BOX) return SK_OK;
    return resize_plain_box(source, &whole, height, width, filter, scratch, result);
}

sk_status resize_plain_box(const struct picture *source, const struct picture_box *box, int height, int width,
                           enum resize_filter filter, struct scratch *scratch, struct picture *result) {
    struct picture from = *source;
    size_t channels = (size_t)from.channels, stride = (size_t)from.width * channels;
    FAIL_IF(filter == RESIZE_BOX, SK_EUSAGE, "the box filter has no form without antialias");
    TRY(check_source(source, box));
    TRY(resize_check(box, height, width));
    from.pixels += (size_t)box->top * stride + (size_t)box->left * channels;
    from.height = box->height, from.width = box->width;
    struct plain_window *across = scratch_reserve(scratch, SCRATCH_WEIGHTS, (size_t)width * sizeof *across);
    uint8_t *out = scratch_reserve(scratch, SCRATCH_RESIZED, (size_t)height * (size_t)width * channels);
    if (!across || !out) return SK_EMEMORY;
    *result = (struct picture){.pixels = out, .height = height, .width = width, .channels = from.channels};
    for (int x = 0; x < width; x++) across[x] = plain_window(from.width, width, x, filter);
    for (int y = 0; y < height; y++) {
        struct plain_window down = plain_window(from.height, height, y, filter);
        for (int x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++)
                *out++ = plain_pixel(&down, &across[x], from.pixels + c, stride, channels);
    }
    return SK_OK;
}
