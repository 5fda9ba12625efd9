/* policy_mix.c — AugMix as timm and torchvision have it: chains of operations on the same picture, weighed into one, and
 * that against the picture as it came.
 *
 * Hendrycks et al., "AugMix: a simple data processing method to improve robustness and uncertainty", 2020.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "augment/policy.h"
#include "augment/transform.h"

sk_status policy_check_mix(const struct policy *p) {
    bool tensor = p->of == PIXEL_RULES_TENSOR;
    bool wide = p->mix_width < 1 || p->mix_width > POLICY_CHAINS;
    int deepest = tensor && !wide ? POLICY_STEPS / p->mix_width : POLICY_DEPTH;
    FAIL_IF(wide || p->mix_depth < 0 || p->mix_depth > deepest || !(p->mix_alpha > 0), SK_EUSAGE,
            "augmix: width %d, depth %d, alpha %g; expected 1 to %d, 1 to %d, a number above 0", p->mix_width,
            p->mix_depth, p->mix_alpha, POLICY_CHAINS, deepest);
    FAIL_IF(tensor && p->filter != POLICY_FILTER_NEAREST && p->filter != POLICY_FILTER_BILINEAR, SK_EUSAGE,
            "torchvision's augmix turns tensors, for which it knows the filters nearest and bilinear alone");
    FAIL_IF(tensor && !(p->magnitude >= 1 && p->magnitude <= p->bins && p->magnitude == floor(p->magnitude)), SK_EUSAGE,
            "torchvision's augmix: severity %g; expected a whole number from 1 to %d", p->magnitude, p->bins);
    return SK_OK;
}

/* Instead of a sum and a blend at the end: one blend a chain with what gives nearly the same weights. */
static void blended_weights(struct policy_draw *draw) {
    float left = 1;
    for (int i = draw->chains; i-- > 0;) {
        float weight = draw->weight[i] * draw->share;
        draw->weight[i] = left > 0 ? weight / left : 0; /* a chain behind took all: alphas near 0 */
        left *= 1 - draw->weight[i];
    }
}

/* One sum of all: the chains' shares are in their weights. */
static void shared_weights(struct policy_draw *draw) {
    draw->kept = 1 - draw->share;
    for (int i = 0; i < draw->chains; i++) draw->weight[i] *= draw->share;
}

void policy_draw_mix(const struct policy *policy, struct rng *rng, int height, int width, struct policy_draw *draw) {
    double part[POLICY_CHAINS], most = -INFINITY, sum = 0;
    int ops = 0;
    while (policy_op_at(policy->set, ops)) ops++;
    draw->chains = policy->mix_width;
    for (int i = 0; i < draw->chains; i++) {
        part[i] = rng_log_gamma(rng, policy->mix_alpha);
        most = fmax(most, part[i]);
    }
    for (int i = 0; i < draw->chains; i++) sum += part[i] = exp(part[i] - most);
    for (int i = 0; i < draw->chains; i++) draw->weight[i] = (float)(part[i] / sum);
    double a = rng_log_gamma(rng, policy->mix_alpha), b = rng_log_gamma(rng, policy->mix_alpha);
    draw->share = (float)(1 / (1 + exp(b - a))); /* Beta(alpha, alpha) */
    for (int i = 0; i < draw->chains; i++) {
        int depth = policy->mix_depth > 0 ? policy->mix_depth : 1 + (int)rng_below(rng, 3);
        for (int k = 0; k < depth; k++) {
            const struct policy_op *op = policy_op_at(policy->set, (int)rng_below(rng, (uint64_t)ops));
            double magnitude = policy->magnitude;
            if (policy->of == PIXEL_RULES_TENSOR) magnitude = (double)rng_below(rng, (uint64_t)magnitude);
            draw->step[draw->count++] = policy_draw_step(policy, op, magnitude, rng, height, width);
        }
        draw->chain_end[i] = draw->count;
    }
    if (policy->mix_blended) blended_weights(draw);
    if (policy->of == PIXEL_RULES_TENSOR) shared_weights(draw);
}

/* The picture after one chain, in *result. */
static sk_status run_chain(const struct policy *policy, const struct policy_draw *draw, int chain,
                           struct scratch *scratch, struct picture *result) {
    struct pixel_style style = {.rules = policy->of, .filled = policy->filled};
    memcpy(style.fill, policy->fill, sizeof style.fill);
    if (scratch->trace) augment_say(scratch, "chain of weight %.3g:", (double)draw->weight[chain]);
    for (int i = chain ? draw->chain_end[chain - 1] : 0; i < draw->chain_end[chain]; i++) {
        TRY(pixel_apply(&draw->step[i], &style, scratch, result));
        if (!scratch->trace) continue;
        char said[AUGMENT_TRACE_WIDTH];
        pixel_step_text(&draw->step[i], said, sizeof said);
        augment_say(scratch, "  %s", said);
    }
    return SK_OK;
}

sk_status policy_apply_mix(const struct policy *policy, const struct policy_draw *draw, struct scratch *scratch,
                           struct picture *picture) {
    size_t bytes = pixel_bytes(picture);
    float *sum = scratch_reserve(scratch, SCRATCH_MIX, bytes * (sizeof *sum + 2));
    if (!sum) return SK_EMEMORY;
    uint8_t *source = (uint8_t *)(sum + bytes), *mixed = source + bytes; /* operations take turns with their targets */
    memcpy(source, picture->pixels, bytes);
    memcpy(mixed, picture->pixels, bytes);
    bool tensor = policy->of == PIXEL_RULES_TENSOR;
    for (size_t i = 0; i < bytes; i++) sum[i] = tensor ? draw->kept * (float)source[i] : 0;
    for (int chain = 0; chain < draw->chains; chain++) {
        struct picture result = *picture;
        result.pixels = source;
        TRY(run_chain(policy, draw, chain, scratch, &result));
        const float weight = draw->weight[chain];
        if (policy->mix_blended) {
            for (size_t i = 0; i < bytes; i++) mixed[i] = pixel_blend(mixed[i], result.pixels[i], weight);
        } else {
            for (size_t i = 0; i < bytes; i++) sum[i] += weight * (float)result.pixels[i];
        }
    }
    if (tensor) {
        augment_say(scratch, "with %.3g of the picture as it came", (double)draw->kept);
        for (size_t i = 0; i < bytes; i++) mixed[i] = (uint8_t)sum[i];
    } else if (!policy->mix_blended) {
        augment_say(scratch, "mixed with a share of %.3g", (double)draw->share);
        for (size_t i = 0; i < bytes; i++)
            mixed[i] = pixel_blend(source[i], (uint8_t)fminf(sum[i], 255.0F), draw->share);
    }
    picture->pixels = mixed;
    return SK_OK;
}
