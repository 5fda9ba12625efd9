/* test_resample.c — sums of bytes along rows and down columns, and mirrored rows, at every level against plain loops.
 *
 * Inputs end where their memory ends, so that a sanitizer sees a read beyond; outputs have guards behind them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rng.h"
#include "kernels/kernels.h"

enum { GUARD = 64, MARK = 0xa5 };

struct windows {
    int32_t *first, *weights;
};

/* Windows that never fall and stay within `in`; weights as bicubic ones may be, negative too. */
static struct windows draw_windows(struct rng *rng, int in, int out, int taps, int stride) {
    struct windows w = {block_new((size_t)out * sizeof *w.first),
                        block_new((size_t)(out * stride) * sizeof *w.weights)};
    for (int o = 0; o < out; o++) w.first[o] = (int32_t)((int64_t)(in - taps) * o / (out > 1 ? out - 1 : 1));
    for (int i = 0; i < out * stride; i++)
        w.weights[i] = (int32_t)(rng_below(rng, 3u << RESAMPLE_BITS) / (unsigned)taps) - (1 << RESAMPLE_BITS) / taps;
    return w;
}

static uint8_t sum_of(const struct resample_job *job, int64_t o, const uint8_t *from, size_t step) {
    int64_t sum = 1 << (RESAMPLE_BITS - 1);
    for (int64_t k = 0; k < job->taps; k++) sum += (int64_t)from[(size_t)k * step] * job->weights[o * job->stride + k];
    sum = sum >= 0 ? sum / (1 << RESAMPLE_BITS) : 0;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

static uint8_t *noise_bytes(struct rng *rng, size_t count) {
    uint8_t *bytes = block_new(count);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(rng_below(rng, 4) ? rng_below(rng, 256) : rng_below(rng, 2) * 255);
    return bytes;
}

static void check_levels(const struct resample_job *job, bool across, const uint8_t *want, size_t count) {
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_of((enum isa)isa);
        if (!kernels || !cpu_has_isa((enum isa)isa)) continue;
        struct resample_job own = *job;
        own.to = block_new(count + GUARD);
        memset(own.to, MARK, count + GUARD);
        (across ? kernels->resample_across : kernels->resample_down)(&own);
        assert_memory_equal(own.to, want, count);
        for (int i = 0; i < GUARD; i++) assert_int_equal(own.to[count + (size_t)i], MARK);
        block_free(own.to);
    }
}

static void one_across(struct rng *rng, int rows, int in, int out, int taps, int channels) {
    struct windows w = draw_windows(rng, in, out, taps, taps + 2);
    size_t stride = (size_t)(in * channels) + 7;
    uint8_t *from = noise_bytes(rng, stride * (size_t)(rows - 1) + (size_t)(in * channels));
    uint8_t *want = block_new((size_t)(rows * out * channels));
    struct resample_job job = {.out = out,
                               .taps = taps,
                               .stride = taps + 2,
                               .first = w.first,
                               .weights = w.weights,
                               .from = from,
                               .from_stride = stride,
                               .rows = rows,
                               .in = in,
                               .channels = channels};
    for (int y = 0; y < rows; y++)
        for (int o = 0; o < out; o++)
            for (int c = 0; c < channels; c++)
                want[(y * out + o) * channels + c] =
                    sum_of(&job, o, from + (size_t)y * stride + (size_t)(w.first[o] * channels + c), (size_t)channels);
    check_levels(&job, true, want, (size_t)(rows * out * channels));
    block_free(from);
    block_free(want);
    block_free(w.first);
    block_free(w.weights);
}

static void sums_along_rows(void **state) {
    (void)state;
    struct rng rng = rng_at(3, RNG_TEST, 0, 0);
    static const int channels[] = {1, 3, 4};
    for (int c = 0; c < 3; c++)
        for (int rows = 1; rows <= 11; rows += rows < 6 ? 1 : 5)
            for (int taps = 1; taps <= 7; taps++)
                for (int out = 1; out <= 19; out += 3)
                    for (int in = taps; in <= taps + 24; in += 6) one_across(&rng, rows, in, out, taps, channels[c]);
}

static void sums_down_columns(void **state) {
    (void)state;
    struct rng rng = rng_at(4, RNG_TEST, 0, 0);
    for (int bytes = 1; bytes <= 150; bytes += bytes < 20 ? 1 : 13) {
        for (int taps = 1; taps <= 7; taps += 2) {
            const int out = 5, in = taps + 4;
            struct windows w = draw_windows(&rng, in, out, taps, taps);
            size_t stride = (size_t)bytes + 5;
            uint8_t *from = noise_bytes(&rng, stride * (size_t)(in - 1) + (size_t)bytes);
            uint8_t *want = block_new((size_t)(out * bytes));
            struct resample_job job = {.out = out,
                                       .taps = taps,
                                       .stride = taps,
                                       .first = w.first,
                                       .weights = w.weights,
                                       .from = from,
                                       .from_stride = stride,
                                       .row_bytes = bytes};
            for (int o = 0; o < out; o++)
                for (int x = 0; x < bytes; x++)
                    want[o * bytes + x] = sum_of(&job, o, from + (size_t)w.first[o] * stride + (size_t)x, stride);
            check_levels(&job, false, want, (size_t)(out * bytes));
            block_free(from);
            block_free(want);
            block_free(w.first);
            block_free(w.weights);
        }
    }
}

static void one_mirror(struct rng *rng, const struct kernels *kernels, int rows, int width, int channels) {
    size_t count = (size_t)(rows * width * channels);
    uint8_t *from = noise_bytes(rng, count), *to = block_new(count + GUARD);
    memset(to, MARK, count + GUARD);
    kernels->mirror_rows(from, to, rows, width, channels);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < width; x++)
            assert_memory_equal(to + (y * width + x) * channels, from + (y * width + width - 1 - x) * channels,
                                (size_t)channels);
    for (int i = 0; i < GUARD; i++) assert_int_equal(to[count + (size_t)i], MARK);
    block_free(from);
    block_free(to);
}

static void rows_mirrored(void **state) {
    (void)state;
    struct rng rng = rng_at(5, RNG_TEST, 0, 0);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_of((enum isa)isa);
        if (!kernels || !cpu_has_isa((enum isa)isa)) continue;
        for (int width = 1; width <= 40; width++)
            for (int channels = 1; channels <= 4; channels++)
                if (channels != 2) one_mirror(&rng, kernels, 3, width, channels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_along_rows),
        cmocka_unit_test(sums_down_columns),
        cmocka_unit_test(rows_mirrored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
