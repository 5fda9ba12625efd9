/* resample.c — pictures of bytes resized (per-ISA: compiled once per level).
 *
 * Weighted sums of bytes in int32, along rows and down columns. Along a row a pixel's channels are the lanes and four rows
 * go together, so that a weight is fetched once for them; with vectors of sixteen, five outputs whose windows lie in one
 * vector go together, and a weight's halves are multiplied in 16 bits. Down a column neighbouring bytes are the lanes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"

static const int32_t half = 1 << (RESAMPLE_BITS - 1);

/* One output of any number of channels, byte by byte: where a vector would read or write beyond a row's end. */
static void across_bytes(const struct resample_job *job, int64_t o, const uint8_t *from, uint8_t *to) {
    const int32_t *weights = job->weights + o * job->stride;
    from += job->first[o] * job->channels;
    for (int64_t c = 0; c < job->channels; c++) {
        int32_t sum = half;
        for (int64_t k = 0; k < job->taps; k++) sum += from[k * job->channels + c] * weights[k];
        sum >>= RESAMPLE_BITS;
        to[o * job->channels + c] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

/* Outputs whose last pixel of input, and which themselves, have a byte behind them in their row. */
static int64_t across_wide(const struct resample_job *job) {
    int64_t wide = job->channels == 4 ? job->out : job->channels == 3 ? job->out - 1 : 0;
    while (job->channels == 3 && wide > 0 && job->first[wide - 1] + job->taps >= job->in) wide--;
    return wide;
}

static void across_row(const struct resample_job *job, int64_t wide, const uint8_t *from, uint8_t *to) {
    const int32_t *weights = job->weights;
    for (int64_t o = 0; o < wide; o++, weights += job->stride) {
        const uint8_t *pixel = from + job->first[o] * job->channels;
        v4 sum = v4set(half);
        for (int64_t k = 0; k < job->taps; k++, pixel += job->channels)
            sum = v4muladd(v4bytes(pixel), v4set(weights[k]), sum);
        v4store_bytes(to + o * job->channels, sum, RESAMPLE_BITS);
    }
    for (int64_t o = wide; o < job->out; o++) across_bytes(job, o, from, to);
}

static void across_four_rows(const struct resample_job *job, int64_t wide, const uint8_t *from, uint8_t *to) {
    const int32_t *weights = job->weights;
    const size_t step = job->from_stride;
    const int64_t to_step = job->out * job->channels;
    for (int64_t o = 0; o < wide; o++, weights += job->stride) {
        const uint8_t *pixel = from + job->first[o] * job->channels;
        v4 first = v4set(half), second = first, third = first, fourth = first;
        for (int64_t k = 0; k < job->taps; k++, pixel += job->channels) {
            v4 weight = v4set(weights[k]);
            first = v4muladd(v4bytes(pixel), weight, first);
            second = v4muladd(v4bytes(pixel + step), weight, second);
            third = v4muladd(v4bytes(pixel + 2 * step), weight, third);
            fourth = v4muladd(v4bytes(pixel + 3 * step), weight, fourth);
        }
        uint8_t *out = to + o * job->channels;
        v4store_bytes(out, first, RESAMPLE_BITS);
        v4store_bytes(out + to_step, second, RESAMPLE_BITS);
        v4store_bytes(out + 2 * to_step, third, RESAMPLE_BITS);
        v4store_bytes(out + 3 * to_step, fourth, RESAMPLE_BITS);
    }
    for (int r = 0; r < 4; r++)
        for (int64_t o = wide; o < job->out; o++) across_bytes(job, o, from + (size_t)r * step, to + r * to_step);
}

/* ---- five outputs at once ---- */

enum { GROUP = 5, GROUP_TAPS = 16, GROUP_ROWS = 128, LOW_BITS = 11 };

struct group {
    int count, pairs, bytes; /* outputs; pairs of taps; of input */
    int16_t places[GROUP_TAPS / 2][32], high[GROUP_TAPS / 2][32], low[GROUP_TAPS / 2][32];
};

static bool group_fits(const struct resample_job *job) {
    if (WINDOW == 0 || job->channels != 3 || job->taps > GROUP_TAPS || job->rows < 8) return false;
    for (int64_t o = 0; o < job->out; o += GROUP) {
        int64_t last = o + GROUP < job->out ? o + GROUP - 1 : job->out - 1;
        if ((job->first[last] + job->taps - job->first[o]) * 3 > WINDOW) return false;
    }
    return true;
}

static void group_prepare(const struct resample_job *job, int64_t o, struct group *g) {
    int64_t left = job->out - o;
    g->count = left < GROUP ? (int)left : GROUP;
    g->pairs = (int)(job->taps + 1) / 2;
    g->bytes = (int)(job->first[o + g->count - 1] + job->taps - job->first[o]) * 3;
    memset(g->places, 0, (size_t)g->pairs * sizeof g->places[0]);
    memset(g->high, 0, (size_t)g->pairs * sizeof g->high[0]);
    memset(g->low, 0, (size_t)g->pairs * sizeof g->low[0]);
    for (int n = 0; n < g->count; n++) {
        const int32_t *weights = job->weights + (o + n) * job->stride;
        int place = (job->first[o + n] - job->first[o]) * 3;
        for (int k = 0; k < job->taps; k++, place += 3) {
            for (int c = 0; c < 3; c++) {
                int word = 2 * (3 * n + c) + k % 2;
                g->places[k / 2][word] = (int16_t)(place + c);
                g->high[k / 2][word] = (int16_t)(weights[k] >> LOW_BITS);
                g->low[k / 2][word] = (int16_t)(weights[k] & ((1 << LOW_BITS) - 1));
            }
        }
    }
}

static void group_rows(const struct resample_job *job, const struct group *g, int64_t rows, const uint8_t *from,
                       uint8_t *to) {
    for (int64_t row = 0; row < rows; row++, from += job->from_stride, to += job->out * 3) {
        vwindow window = vwindow_load(from, g->bytes);
        vi high = viset(0), low = viset(half);
        for (int k = 0; k < g->pairs; k++) {
            vi pair = vwindow_pick(window, viload(g->places[k]));
            high = vidot_add(pair, viload(g->high[k]), high);
            low = vidot_add(pair, viload(g->low[k]), low);
        }
        vistore_bytes_n(to, vijoin(high, low, LOW_BITS), RESAMPLE_BITS, 3 * g->count);
    }
}

static void across_groups(const struct resample_job *job) {
    for (int64_t row = 0; row < job->rows; row += GROUP_ROWS) {
        int64_t rows = job->rows - row < GROUP_ROWS ? job->rows - row : GROUP_ROWS;
        const uint8_t *from = job->from + (size_t)row * job->from_stride;
        uint8_t *to = job->to + row * job->out * 3;
        for (int64_t o = 0; o < job->out; o += GROUP) {
            struct group g;
            group_prepare(job, o, &g);
            group_rows(job, &g, rows, from + (size_t)job->first[o] * 3, to + 3 * o);
        }
    }
}

void KERNEL_NAME(resample_across)(const struct resample_job *job) {
    int64_t wide = across_wide(job), row = 0;
    const uint8_t *from = job->from;
    uint8_t *to = job->to;
    if (group_fits(job)) {
        across_groups(job);
        return;
    }
    for (; row + 4 <= job->rows; row += 4, from += 4 * job->from_stride, to += 4 * job->out * job->channels)
        across_four_rows(job, wide, from, to);
    for (; row < job->rows; row++, from += job->from_stride, to += job->out * job->channels)
        across_row(job, wide, from, to);
}

static void down_strip(const struct resample_job *job, const int32_t *weights, const uint8_t *from, uint8_t *to) {
    vi a = viset(half), b = a, c = a, d = a;
    for (int64_t k = 0; k < job->taps; k++, from += job->from_stride) {
        vi weight = viset(weights[k]);
        a = vimuladd(vibytes(from), weight, a);
        b = vimuladd(vibytes(from + VL), weight, b);
        c = vimuladd(vibytes(from + 2 * VL), weight, c);
        d = vimuladd(vibytes(from + 3 * VL), weight, d);
    }
    vistore_bytes(to, a, RESAMPLE_BITS);
    vistore_bytes(to + VL, b, RESAMPLE_BITS);
    vistore_bytes(to + 2 * VL, c, RESAMPLE_BITS);
    vistore_bytes(to + 3 * VL, d, RESAMPLE_BITS);
}

void KERNEL_NAME(resample_down)(const struct resample_job *job) {
    uint8_t *to = job->to;
    for (int64_t o = 0; o < job->out; o++, to += job->row_bytes) {
        const int32_t *weights = job->weights + o * job->stride;
        const uint8_t *from = job->from + (size_t)job->first[o] * job->from_stride;
        int64_t x = 0;
        for (; x + 4 * VL <= job->row_bytes; x += 4 * VL) down_strip(job, weights, from + x, to + x);
        for (; x + VL <= job->row_bytes; x += VL) {
            vi sum = viset(half);
            const uint8_t *row = from + x;
            for (int64_t k = 0; k < job->taps; k++, row += job->from_stride)
                sum = vimuladd(vibytes(row), viset(weights[k]), sum);
            vistore_bytes(to + x, sum, RESAMPLE_BITS);
        }
        for (; x < job->row_bytes; x++) {
            int32_t sum = half;
            for (int64_t k = 0; k < job->taps; k++) sum += from[(size_t)k * job->from_stride + (size_t)x] * weights[k];
            sum >>= RESAMPLE_BITS;
            to[x] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
    }
}
