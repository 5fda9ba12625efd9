/* rng.h — counter-based random numbers: Philox4x32-10 keyed by (seed, stream), counted by (step, sample, index).
 *
 * A number is a function of its address alone, so that threads, worker order, a kill and a resume
 * change nothing. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_RNG_H
#define SK_BASE_RNG_H

#include <stdint.h>

/* One use of randomness each; never reorder (the numbers are part of a run's identity), append only. */
enum rng_stream {
    RNG_INIT,    /* weights: step 0, sample = parameter index */
    RNG_SHUFFLE, /* order of an epoch: step = epoch */
    RNG_AUGMENT, /* pictures: step = epoch, sample = picture */
    RNG_SPLIT,   /* train/val split */
    RNG_DROPOUT, /* step = micro step, sample = row; + node's own number */
    RNG_TEST,
    RNG_MIX, /* Mixup and CutMix: step = epoch, sample = batch */
    RNG_SWEEP, /* points of a random sweep: sample = point */
};

/* The 10-round block function: counter[4] and key[2] to out[4]. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A sequence at one address. Copyable; two sequences at one address give the same numbers. */
struct rng {
    uint32_t key[2];
    uint32_t counter[4]; /* [0] block, [1] sample, [2] step low, [3] stream | step high << 8 */
    uint32_t block[4];
    int left; /* numbers of `block` not yet given */
    int has_spare;
    double spare; /* the second normal of a pair */
};
struct rng rng_at(uint64_t seed, enum rng_stream stream, uint64_t step, uint64_t sample);

uint32_t rng_u32(struct rng *rng);
/* Uniform in [0,1) with 24 bits (exact in float), in double with 53 bits, integer in [0, n) without bias. */
float rng_float(struct rng *rng);
double rng_double(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t n);
/* Standard normal (Box-Muller in double, both values used). Truncated at +-2 by rejection. */
double rng_normal(struct rng *rng);
double rng_truncated_normal(struct rng *rng);
/* Logarithm of a Gamma(shape) number, shape > 0: shapes near 0 give numbers that no double holds. */
double rng_log_gamma(struct rng *rng, double shape);
/* items[0 … n-1], filled by the caller, shuffled in place (Fisher-Yates). */
void rng_shuffle(struct rng *rng, uint32_t *items, uint32_t n);

#endif
