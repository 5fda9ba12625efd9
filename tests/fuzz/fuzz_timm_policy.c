/* fuzz_timm_policy.c — timm's policy strings, and what is drawn of those that are taken, on a small picture.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "augment/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char words[128];
    if (size >= sizeof words) return 0;
    memcpy(words, data, size);
    words[size] = 0;
    struct policy policy = policy_default();
    if (policy_from_timm(words, &policy) != SK_OK) return 0;
    if (policy_check(&policy) != SK_OK) __builtin_trap(); /* what is taken is sound */
    static struct scratch scratch;
    uint8_t pixels[5 * 7 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37);
    for (uint64_t i = 0; i < 4; i++) {
        struct picture picture = {pixels, 5, 7, 3};
        struct policy_draw draw;
        struct rng rng = rng_at(1, RNG_TEST, 0, i);
        policy_draw(&policy, &rng, 5, 7, &draw);
        if (policy_apply(&policy, &draw, &scratch, &picture) != SK_OK) __builtin_trap();
    }
    return 0;
}
