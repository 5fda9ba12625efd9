/* torch_random.c — Matsumoto and Nishimura's MT19937 (ACM TOMACS 8, 1998) and PyTorch's ways of using it.
 *
 * Fewer than 16 normal numbers at a time are drawn in double by Box and Muller, u2 before its logarithm as 1 - u2.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/torch_random.h"

#include <math.h>

void torch_random_seed(struct torch_random *random, uint64_t seed) {
    random->word[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < TORCH_WORDS; i++) {
        uint32_t before = random->word[i - 1];
        random->word[i] = 1812433253U * (before ^ before >> 30) + i;
    }
    random->at = TORCH_WORDS;
    random->has_kept = false;
}

static void refill(uint32_t *word) {
    for (int i = 0; i < TORCH_WORDS; i++) {
        uint32_t y = (word[i] & 0x80000000U) | (word[(i + 1) % TORCH_WORDS] & 0x7fffffffU);
        word[i] = word[(i + 397) % TORCH_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfU : 0);
    }
}

static uint32_t next(struct torch_random *random) {
    if (random->at == TORCH_WORDS) {
        refill(random->word);
        random->at = 0;
    }
    uint32_t y = random->word[random->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680U;
    y ^= y << 15 & 0xefc60000U;
    return y ^ y >> 18;
}

static double next_double(struct torch_random *random) {
    uint64_t high = next(random), low = next(random);
    return (double)((high << 32 | low) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

float torch_rand(struct torch_random *random) {
    return (float)(next(random) & ((1U << 24) - 1)) * 0x1p-24F;
}

float torch_randn(struct torch_random *random) {
    if (random->has_kept) {
        random->has_kept = false;
        return (float)random->kept;
    }
    double u1 = next_double(random), u2 = next_double(random);
    double radius = sqrt(-2 * log1p(-u2)), angle = 2 * acos(-1.0) * u1;
    random->kept = radius * sin(angle);
    random->has_kept = true;
    return (float)(radius * cos(angle));
}
