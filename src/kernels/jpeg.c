/* jpeg.c — what of JPEG is arithmetic: inverse DCT, colours to full size, YCbCr to RGB
 * (per-ISA, libsiskin alone).
 *
 * In the integers of libjpeg's "islow" and "fancy", so that every bit is theirs: Loeffler, Ligtenberg and Moschytz, "Practical
 * fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989. Loops of eight are left to the compiler's vectors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"

enum { DCT_BITS = 13, PASS_BITS = 2 };

/* Eight transforms side by side: m[k*8 + lane] in, the same places out. */
static inline void eight_transforms(int32_t *restrict m, int shift) {
    const int32_t round = 1 << (shift - 1);
    for (int i = 0; i < 8; i++) {
        int32_t z1 = (m[16 + i] + m[48 + i]) * 4433;
        int32_t even2 = z1 - m[48 + i] * 15137, even3 = z1 + m[16 + i] * 6270;
        int32_t even0 = (m[i] + m[32 + i]) * (1 << DCT_BITS), even1 = (m[i] - m[32 + i]) * (1 << DCT_BITS);
        int32_t a = even0 + even3, d = even0 - even3, b = even1 + even2, c = even1 - even2;
        int32_t odd0 = m[56 + i], odd1 = m[40 + i], odd2 = m[24 + i], odd3 = m[8 + i];
        int32_t z3 = odd0 + odd2, z4 = odd1 + odd3, z5 = (z3 + z4) * 9633;
        int32_t z2 = (odd1 + odd2) * -20995;
        z1 = (odd0 + odd3) * -7373;
        z3 = z3 * -16069 + z5;
        z4 = z4 * -3196 + z5;
        odd0 = odd0 * 2446 + z1 + z3;
        odd1 = odd1 * 16819 + z2 + z4;
        odd2 = odd2 * 25172 + z2 + z3;
        odd3 = odd3 * 12299 + z1 + z4;
        m[i] = (a + odd3 + round) >> shift;
        m[56 + i] = (a - odd3 + round) >> shift;
        m[8 + i] = (b + odd2 + round) >> shift;
        m[48 + i] = (b - odd2 + round) >> shift;
        m[16 + i] = (c + odd1 + round) >> shift;
        m[40 + i] = (c - odd1 + round) >> shift;
        m[24 + i] = (d + odd0 + round) >> shift;
        m[32 + i] = (d - odd0 + round) >> shift;
    }
}

static inline uint8_t clamped(int32_t x) {
    x = x < 0 ? 0 : x;
    return (uint8_t)(x > 255 ? 255 : x);
}

static inline uint8_t clamped_word(int16_t x) {
    x = x < 0 ? 0 : x;
    return (uint8_t)(x > 255 ? 255 : x);
}

bool KERNEL_NAME(jpeg_block)(int32_t *restrict coefficients, uint8_t *to, int64_t stride) {
    int32_t m[64], turned[64];
    uint32_t sum = 0, every = 0; /* a single one may be so large that the sum wraps */
    for (int i = 0; i < 64; i++) {
        uint32_t magnitude = (uint32_t)(coefficients[i] < 0 ? -coefficients[i] : coefficients[i]);
        m[i] = coefficients[i];
        coefficients[i] = 0;
        sum += magnitude;
        every |= magnitude;
    }
    if (every > 8191 || sum > JPEG_SUM_MAX) return false;
    eight_transforms(m, DCT_BITS - PASS_BITS);
    transpose_eight(m, turned);
    eight_transforms(turned, DCT_BITS + PASS_BITS + 3);
    transpose_eight(turned, m);
    uint8_t bytes[64];
    for (int i = 0; i < 64; i++) bytes[i] = clamped(m[i] + 128);
    for (int y = 0; y < 8; y++) memcpy(to + y * stride, bytes + (size_t)(8 * y), 8);
    return true;
}

/* Samples first … first+count-1 of a colour, mixed of two rows, with one more at each end; the picture's own ends repeat. */
static void mix_rows(const struct jpeg_row *row, int c, int64_t first, int64_t count, int16_t *restrict to) {
    const uint8_t *near = row->near[c] - row->colour_first, *far = row->far[c] - row->colour_first;
    int64_t from = first > 0 ? first - 1 : 0, end = first + count < row->samples ? first + count + 1 : row->samples;
    int16_t *out = to + (from - (first - 1));
    near += from;
    far += from;
    if (row->down)
        for (int64_t i = 0; i < end - from; i++) out[i] = (int16_t)(3 * near[i] + far[i]);
    else
        for (int64_t i = 0; i < end - from; i++) out[i] = near[i];
    if (first == 0) to[0] = to[1];
    if (first + count == row->samples) to[count + 1] = to[count];
}

/* Every sample becomes two, each nearer to its own. All fits in 16 bits, which twice as many lanes have. */
static inline void widen(const int16_t *restrict mixed, int64_t count, int left, int right, int shift,
                         uint8_t *restrict to) {
    for (int64_t i = 0; i < count; i++) {
        uint16_t own = (uint16_t)(3 * mixed[i + 1]);
        to[2 * i] = (uint8_t)((uint16_t)(own + mixed[i] + left) >> shift);
        to[2 * i + 1] = (uint8_t)((uint16_t)(own + mixed[i + 2] + right) >> shift);
    }
}

static void colours(const uint8_t *restrict y, const uint8_t *restrict cb, const uint8_t *restrict cr, int64_t count,
                    uint8_t *restrict rgb, int64_t plane) {
    uint8_t *restrict red = rgb, *restrict green = rgb + plane, *restrict blue = rgb + 2 * plane;
    const int32_t half = 1 << 15;
    /* 16 bits where they do: (n * x + half) >> 16 is ((n * 2x >> 16) + 1) >> 1, and n may be 65536 more or less. */
    for (int64_t i = 0; i < count; i++) {
        int16_t light = y[i], b = (int16_t)(cb[i] - 128), r = (int16_t)(cr[i] - 128);
        int16_t more_red = (int16_t)((26345 * (int16_t)(2 * r)) >> 16);
        int16_t less_blue = (int16_t)((-14942 * (int16_t)(2 * b)) >> 16);
        red[i] = clamped_word((int16_t)(light + r + ((int16_t)(more_red + 1) >> 1)));
        blue[i] = clamped_word((int16_t)(light + 2 * b + ((int16_t)(less_blue + 1) >> 1)));
    }
    for (int64_t i = 0; i < count; i++)
        green[i] = clamped(y[i] + ((-22554 * (cb[i] - 128) - 46802 * (cr[i] - 128) + half) >> 16));
}

void KERNEL_NAME(jpeg_row)(const struct jpeg_row *row) {
    /* Whole vectors, into room that is there: what is made behind the row is not used. */
    int64_t whole = (row->count + 63) / 64 * 64, plane = whole + 64;
    uint8_t *rgb = row->scratch, *wide[2] = {rgb + 3 * plane, rgb + 4 * plane};
    int16_t *mixed = (int16_t *)(void *)(rgb + 6 * plane); /* even: the scratch is aligned */
    const uint8_t *colour[2];
    for (int c = 0; c < 2; c++) {
        colour[c] = row->near[c] + (row->first - row->colour_first);
        if (row->across == 1) continue;
        int64_t first = row->first / 2, count = (row->first + row->count + 1) / 2 - first;
        mix_rows(row, c, first, count, mixed);
        if (row->down)
            widen(mixed, (count + 31) / 32 * 32, 8, 7, 4, wide[c]);
        else
            widen(mixed, (count + 31) / 32 * 32, 1, 2, 2, wide[c]);
        colour[c] = wide[c] + row->first % 2;
    }
    colours(row->y + (row->first - row->y_first), colour[0], colour[1], whole, rgb, plane);
    int64_t x = 0;
    for (; x + 16 <= row->count; x += 16)
        interleave_three(rgb + x, rgb + plane + x, rgb + 2 * plane + x, row->to + 3 * x);
    for (; x < row->count; x++)
        for (int c = 0; c < 3; c++) row->to[3 * x + c] = rgb[c * plane + x];
}
