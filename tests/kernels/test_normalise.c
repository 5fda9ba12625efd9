/* test_normalise.c — bytes to numbers at every level, bit for bit against two divisions a number.
 *
 * Where the kernel's quotient is not the division's, preprocessing goes by a table instead; the settings here are ones
 * that models are trained with, and for which it must not come to that. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

static float by_division(const struct normalise_job *job, uint8_t byte, int64_t channel) {
    volatile float share = (float)byte / job->divisor; /* rounded here, not fused with what follows */
    volatile float centred = share - job->mean[channel];
    return centred / job->std[channel];
}

/* All 256 bytes at every place of a pixel, `count` of them, at the address `offset` bytes into a block. */
static void run_case(struct normalise_job job, int64_t count, int64_t offset) {
    uint8_t *bytes = malloc((size_t)(count + offset) + 1);
    assert_non_null(bytes);
    for (int64_t i = 0; i < count; i++) bytes[offset + i] = (uint8_t)(i * 37 + count + i / 256);
    job.from = bytes + offset;
    job.count = count;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (!case_level(isa)) continue;
        job.to = case_output(count);
        case_level(isa)->normalise_bytes(&job);
        for (int64_t i = 0; i < count; i++) {
            float expected = by_division(&job, job.from[i], i % job.channels);
            if (memcmp(&job.to[i], &expected, sizeof expected) != 0)
                fail_msg("%s: number %d of %d of byte %d is %.9g, expected %.9g", cpu_isa_name((enum isa)isa), (int)i,
                         (int)count, job.from[i], (double)job.to[i], (double)expected);
        }
        case_release(job.to, count);
    }
    free(bytes);
}

static const struct normalise_job settings[] = {
    {.channels = 3, .divisor = 255, .mean = {0.485F, 0.456F, 0.406F}, .std = {0.229F, 0.224F, 0.225F}},
    {.channels = 3, .divisor = 255, .mean = {0.5F, 0.5F, 0.5F}, .std = {0.5F, 0.5F, 0.5F}},
    {.channels = 3, .divisor = 1, .mean = {123.675F, 116.28F, 103.53F}, .std = {58.395F, 57.12F, 57.375F}},
    {.channels = 3, .divisor = 127.5F, .mean = {1, 1, 1}, .std = {1, 1, 1}},
    {.channels = 1, .divisor = 255, .mean = {0.1307F}, .std = {0.3081F}},
    {.channels = 1, .divisor = 255, .mean = {0}, .std = {1}},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static void every_byte(void **state) {
    (void)state;
    for (int i = 0; i < SETTINGS; i++) run_case(settings[i], 3 * 256 * 4, 0);
}

/* Ends within a vector, within three of them, and pictures smaller than one. */
static void every_length(void **state) {
    (void)state;
    for (int64_t pixels = 0; pixels < 70; pixels++)
        for (int i = 0; i < SETTINGS; i += 4) run_case(settings[i], pixels * settings[i].channels, pixels % 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte), cmocka_unit_test(every_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
