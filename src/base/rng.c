/* rng.c — Philox4x32-10 and the distributions drawn from it.
 *
 * Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The order in which a
 * distribution takes its 32-bit numbers is part of a run's identity.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include <math.h>

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct rng rng_at(uint64_t seed, enum rng_stream stream, uint64_t step, uint64_t sample) {
    /* Samples beyond 32 bits, which no data set reaches, move to another key. */
    return (struct rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ (uint32_t)(sample >> 32)},
        .counter = {0, (uint32_t)sample, (uint32_t)step, (uint32_t)stream | (uint32_t)(step >> 32) << 8},
    };
}

uint32_t rng_u32(struct rng *rng) {
    if (rng->left == 0) {
        philox4x32(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->left = 4;
    }
    return rng->block[4 - rng->left--];
}

float rng_float(struct rng *rng) {
    return (float)(rng_u32(rng) >> 8) * 0x1p-24f;
}

static uint64_t rng_u64(struct rng *rng) {
    uint64_t high = rng_u32(rng);
    return high << 32 | rng_u32(rng);
}

double rng_double(struct rng *rng) {
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

uint64_t rng_below(struct rng *rng, uint64_t n) {
    if (n <= 1) return 0;
    uint64_t mask = n - 1;
    for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
    for (;;) { /* each try succeeds with more than one half */
        uint64_t value = (mask <= UINT32_MAX ? rng_u32(rng) : rng_u64(rng)) & mask;
        if (value < n) return value;
    }
}

double rng_normal(struct rng *rng) {
    if (rng->has_spare) {
        rng->has_spare = 0;
        return rng->spare;
    }
    double radius = sqrt(-2.0 * log(1.0 - rng_double(rng))); /* of (0,1], so never log(0) */
    double angle = 6.283185307179586476925 * rng_double(rng);
    rng->spare = radius * sin(angle);
    rng->has_spare = 1;
    return radius * cos(angle);
}

double rng_truncated_normal(struct rng *rng) {
    for (;;) {
        double value = rng_normal(rng);
        if (fabs(value) <= 2.0) return value;
    }
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; shapes below 1 by a power of a uniform. */
double rng_log_gamma(struct rng *rng, double shape) {
    double power = 0;
    if (shape < 1) {
        power = log(1 - rng_double(rng)) / shape;
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rng_normal(rng), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        double u = 1 - rng_double(rng); /* of (0,1] */
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return log(d * v) + power;
    }
}

void rng_shuffle(struct rng *rng, uint32_t *items, uint32_t n) {
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(rng, i), kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
