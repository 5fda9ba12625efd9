/* test_jpeg.c — a JPEG's inverse DCT and a row's colours at every level, against sums written from their definitions.
 *
 * The transform's reference is its matrix in 64 bits, whose numbers are first compared with the cosines they stand for.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rng.h"
#include "kernels/kernels.h"

enum { GUARD = 64, MARK = 0xa5, STRIDE = 19 };

/* Rows 0 … 3; row 7 - y is row y with the odd columns negated. In units of 2^-13, as rounded by the sums of libjpeg's
 * thirteen-bit constants. */
static const int64_t cosines[4][8] = {{8192, 11363, 10703, 9633, 8192, 6437, 4433, 2260},
                                      {8192, 9633, 4433, -2259, -8192, -11362, -10704, -6436},
                                      {8192, 6437, -4433, -11362, -8192, 2261, 10704, 9633},
                                      {8192, 2260, -10703, -6436, 8192, 9633, -4433, -11363}};

static int64_t cosine(int y, int v) {
    return y < 4 ? cosines[y][v] : v % 2 ? -cosines[7 - y][v] : cosines[7 - y][v];
}

static int64_t floor_shift(int64_t x, int bits) {
    int64_t unit = (int64_t)1 << bits;
    return x >= 0 ? x / unit : -((-x + unit - 1) / unit);
}

static int64_t byte_of(int64_t x) {
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

/* Columns first, to 2 bits below the point, then rows. */
static void plain_block(const int32_t *coefficients, uint8_t *to) {
    int64_t half[64];
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            int64_t sum = 1 << 10;
            for (int v = 0; v < 8; v++) sum += cosine(y, v) * coefficients[8 * v + x];
            half[8 * y + x] = floor_shift(sum, 11);
        }
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            int64_t sum = 1 << 17;
            for (int u = 0; u < 8; u++) sum += cosine(x, u) * half[8 * y + u];
            to[8 * y + x] = (uint8_t)byte_of(floor_shift(sum, 18) + 128);
        }
}

static void the_reference_is_the_dct(void **state) {
    (void)state;
    const double pi = acos(-1.0);
    for (int y = 0; y < 8; y++)
        for (int v = 0; v < 8; v++) {
            double want = 8192 * (v == 0 ? 1 : sqrt(2) * cos((2 * y + 1) * v * pi / 16));
            assert_true(fabs((double)cosine(y, v) - want) <= 1.5);
        }
}

/* `sum` of magnitudes spread over the first `count` places of a drawn order. */
static void draw_block(struct rng *rng, int count, int sum, int32_t *coefficients) {
    memset(coefficients, 0, 64 * sizeof *coefficients);
    for (int left = sum, n = 0; n < count; n++) {
        int part = n == count - 1 ? left : (int)rng_below(rng, (uint64_t)left + 1);
        int32_t *place = &coefficients[rng_below(rng, 64)];
        *place += *place < 0 ? -part : *place > 0 ? part : rng_below(rng, 2) ? part : -part;
        left -= part;
    }
}

static void check_block(const struct kernels *kernels, const int32_t *coefficients, bool taken) {
    uint8_t want[64], got[8 * STRIDE + GUARD];
    plain_block(coefficients, want);
    memset(got, MARK, sizeof got);
    int32_t own[64], zeros[64] = {0};
    memcpy(own, coefficients, sizeof own);
    assert_int_equal(kernels->jpeg_block(own, got, STRIDE), taken);
    assert_memory_equal(own, zeros, sizeof own);
    for (int i = 0; i < (int)sizeof got; i++) {
        bool inside = taken && i < 8 * STRIDE && i % STRIDE < 8;
        assert_int_equal(got[i], inside ? want[i / STRIDE * 8 + i % STRIDE] : MARK);
    }
}

static void blocks_of(const struct kernels *kernels) {
    struct rng rng = rng_at(11, RNG_TEST, 0, 0);
    int32_t coefficients[64];
    for (int i = 0; i < 20000; i++) {
        int sum = i % 3 == 0 ? JPEG_SUM_MAX : (int)rng_below(&rng, 1 + JPEG_SUM_MAX / (1 + (unsigned)i % 20));
        draw_block(&rng, 1 + i % 64, sum, coefficients);
        check_block(kernels, coefficients, true);
    }
    /* The largest sums, whose signs all point the same way at one pixel; and what is beyond. */
    for (int pixel = 0; pixel < 64; pixel++)
        for (int over = 0; over < 2; over++) {
            for (int i = 0; i < 64; i++) {
                int64_t at = cosine(pixel / 8, i / 8) * cosine(pixel % 8, i % 8);
                coefficients[i] = (at < 0 ? -1 : 1) * (JPEG_SUM_MAX / 64 + (i < JPEG_SUM_MAX % 64 + over));
            }
            check_block(kernels, coefficients, over == 0);
        }
    for (int i = 0; i < 64; i++) coefficients[i] = 1 << 26; /* 2^32 in all */
    check_block(kernels, coefficients, false);
}

/* ---- rows ---- */

static int64_t sample(const struct jpeg_row *row, int c, int64_t i) {
    i = i < 0 ? 0 : i >= row->samples ? row->samples - 1 : i;
    i -= row->colour_first;
    return row->down ? 3 * row->near[c][i] + row->far[c][i] : row->near[c][i];
}

static int64_t colour(const struct jpeg_row *row, int c, int64_t x) {
    if (row->across == 1) return row->near[c][x - row->colour_first];
    int64_t sum = 3 * sample(row, c, x / 2) + sample(row, c, x % 2 ? x / 2 + 1 : x / 2 - 1);
    return row->down ? (sum + (x % 2 ? 7 : 8)) / 16 : (sum + (x % 2 ? 2 : 1)) / 4;
}

static void plain_row(const struct jpeg_row *row, uint8_t *to) {
    for (int64_t x = row->first; x < row->first + row->count; x++, to += 3) {
        int64_t y = row->y[x - row->y_first], b = colour(row, 0, x) - 128, r = colour(row, 1, x) - 128;
        to[0] = (uint8_t)byte_of(y + floor_shift(91881 * r + 32768, 16));
        to[1] = (uint8_t)byte_of(y + floor_shift(-22554 * b - 46802 * r + 32768, 16));
        to[2] = (uint8_t)byte_of(y + floor_shift(116130 * b + 32768, 16));
    }
}

enum { WIDTH_MAX = 300, READABLE = 64 };

static void one_row(const struct kernels *kernels, struct rng *rng, int across, bool down) {
    static uint8_t light[WIDTH_MAX + READABLE], colours[4][WIDTH_MAX + READABLE], want[3 * WIDTH_MAX],
        got[3 * WIDTH_MAX + GUARD];
    int64_t width = (across == 2 ? 5 : 1) + (int64_t)rng_below(rng, WIDTH_MAX - 8);
    struct jpeg_row row = {.count = 1 + (int64_t)rng_below(rng, (uint64_t)width),
                           .across = across,
                           .down = down,
                           .samples = (width + across - 1) / across,
                           .y = light,
                           .to = got};
    row.first = (int64_t)rng_below(rng, (uint64_t)(width - row.count + 1));
    /* The planes begin with a unit that holds the sample before the first. */
    row.colour_first = row.first / across > 8 ? (row.first / across - 1) / 8 * 8 : 0;
    row.y_first = row.colour_first * across;
    for (int i = 0; i < WIDTH_MAX + READABLE; i++) {
        light[i] = (uint8_t)rng_below(rng, 256);
        for (int c = 0; c < 4; c++) colours[c][i] = (uint8_t)rng_below(rng, 256);
    }
    for (int c = 0; c < 2; c++) row.near[c] = colours[c], row.far[c] = colours[2 + c];
    plain_row(&row, want);
    memset(got, MARK, sizeof got);
    row.scratch = block_new(jpeg_row_scratch(row.count));
    kernels->jpeg_row(&row);
    block_free(row.scratch);
    assert_memory_equal(got, want, (size_t)row.count * 3);
    for (int i = 0; i < GUARD; i++) assert_int_equal(got[row.count * 3 + i], MARK);
}

/* All pairs of colours with light at three heights. */
static void every_colour(const struct kernels *kernels) {
    static uint8_t light[256 + READABLE], blue[256 + READABLE], red[256 + READABLE], want[3 * 256], got[3 * 256];
    void *scratch = block_new(jpeg_row_scratch(256));
    for (int y = 0; y < 3 * 256; y++) {
        struct jpeg_row row = {.count = 256, .across = 1, .samples = 256, .y = light, .to = got, .scratch = scratch};
        row.near[0] = row.far[0] = blue, row.near[1] = row.far[1] = red;
        memset(light, y / 256 * 127, sizeof light);
        memset(blue, y % 256, sizeof blue);
        for (int i = 0; i < 256; i++) red[i] = (uint8_t)i;
        plain_row(&row, want);
        kernels->jpeg_row(&row);
        assert_memory_equal(got, want, sizeof want);
    }
    block_free(scratch);
}

static void at_every_level(void **state) {
    (void)state;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_of((enum isa)isa);
        if (!kernels || !cpu_has_isa((enum isa)isa)) continue;
        struct rng rng = rng_at(12, RNG_TEST, 0, 0);
        blocks_of(kernels);
        for (int i = 0; i < 600; i++) one_row(kernels, &rng, 2, true);
        for (int i = 0; i < 600; i++) one_row(kernels, &rng, 2, false);
        for (int i = 0; i < 200; i++) one_row(kernels, &rng, 1, false);
        every_colour(kernels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_is_the_dct),
        cmocka_unit_test(at_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
