/* torch_random.h — PyTorch's CPU generator, as far as learning-rate noise draws from it: MT19937, rand(1), randn(1).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TORCH_RANDOM_H
#define SK_TRAIN_TORCH_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

enum { TORCH_WORDS = 624 };

struct torch_random {
    uint32_t word[TORCH_WORDS];
    int at;
    double kept; /* the second number of a Box-Muller pair */
    bool has_kept;
};
/* torch.Generator().manual_seed(seed) */
void torch_random_seed(struct torch_random *random, uint64_t seed);
/* torch.rand(1).item() and torch.randn(1).item(): floats. */
float torch_rand(struct torch_random *random);
float torch_randn(struct torch_random *random);

#endif
