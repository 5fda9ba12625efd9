/* policy.c — draws a picture's operations from a policy, runs them, and is the transform that does so.
 *
 * The order in which a policy takes its random numbers is a run's identity: never changed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/policy.h"

#include <math.h>
#include <string.h>

#include "augment/transform.h"

/* ---- the tables ---- */

static const struct {
    enum policy_set set;
    struct policy_op op;
} set_rows[] = {
#define POLICY_OP(set, operation, scale, high, weight)                                                                 \
    {POLICY_SET_##set, {PIXEL_##operation, LEVEL_##scale, high, weight}},
#include "augment/policy_ops.def"
#undef POLICY_OP
};

static const struct policy_row list_rows[] = {
#define POLICY_ROW(list, ...) {POLICY_LIST_##list, {__VA_ARGS__}},
#include "augment/policy_lists.def"
#undef POLICY_ROW
};

/* Rows of one set or list stand together. */
const struct policy_op *policy_op_at(enum policy_set set, int index) {
    for (size_t i = 0; i < sizeof set_rows / sizeof *set_rows; i++)
        if (set_rows[i].set == set && index-- == 0) return &set_rows[i].op;
    return NULL;
}

const struct policy_row *policy_row_at(enum policy_list list, int index) {
    for (size_t i = 0; i < sizeof list_rows / sizeof *list_rows; i++)
        if (list_rows[i].list == list && index-- == 0) return &list_rows[i];
    return NULL;
}

static int set_size(enum policy_set set) {
    int n = 0;
    while (policy_op_at(set, n)) n++;
    return n;
}

static int list_size(enum policy_list list) {
    int n = 0;
    while (policy_row_at(list, n)) n++;
    return n;
}

struct policy_op policy_list_op(const struct policy *policy, enum pixel_op op) {
    static const enum policy_set sets[] = {[PIXEL_RULES_TORCHVISION] = POLICY_SET_TORCHVISION,
                                           [PIXEL_RULES_TIMM] = POLICY_SET_TIMM,
                                           [PIXEL_RULES_TF] = POLICY_SET_TF};
    struct policy_op found = {.op = op, .scale = LEVEL_NONE, .weight = 1}; /* torchvision's invert is in no set */
    for (int i = 0;; i++) {
        const struct policy_op *row = policy_op_at(sets[policy->of], i);
        if (!row) break;
        if (row->op == op) found = *row;
    }
    if (policy->of == PIXEL_RULES_TIMM && op == PIXEL_POSTERIZE) found.scale = policy->list_bits;
    if (policy->list == POLICY_LIST_3A && op == PIXEL_COLOR) found.scale = LEVEL_DESATURATE;
    if (op == PIXEL_BLUR) found = (struct policy_op){op, LEVEL_BLUR_DRAWN, 2, 1};
    return found;
}

/* ---- drawing ---- */

struct policy policy_default(void) {
    return (struct policy){
        .kind = POLICY_NONE,
        .layers = 2,
        .bins = 31,
        .magnitude = 9,
        .magnitude_max = 10,
        .probability = 1,
        .list_bits = LEVEL_BITS,
        .cutout_const = 40,
        .translate_const = 100,
        .translate_share = 0.45,
        .filter = POLICY_FILTER_BILINEAR,
        .mix_width = 3,
        .mix_alpha = 1,
    };
}

struct pixel_step policy_step(const struct policy *policy, const struct policy_op *op,
                              const struct policy_chance *chance, int height, int width) {
    struct level_context context = {
        .high = op->high,
        .translate_share = policy->translate_share,
        .translate_const = policy->translate_const,
        .cutout_const = policy->cutout_const,
        .draw = chance->draw,
        .side = op->op == PIXEL_TRANSLATE_Y ? height : width,
        .bins = policy->bins,
        .single = policy->of == PIXEL_RULES_TF && policy->magnitude_std > 0,
    };
    struct pixel_step step = {.op = op->op};
    step.argument = level_argument(op->scale, chance->level, chance->negative, &context);
    step.filter = policy->filter == POLICY_FILTER_RANDOM ? PIXEL_BICUBIC : (enum pixel_filter)policy->filter;
    return step;
}

double policy_level(const struct policy *policy, double magnitude, struct rng *rng) {
    if (policy->of == PIXEL_RULES_TORCHVISION || policy->of == PIXEL_RULES_TENSOR) return magnitude;
    double level = magnitude;
    if (policy->of == PIXEL_RULES_TF) {
        if (policy->magnitude_std > 0) level = (double)(float)fmin(fmax(level + rng_normal(rng), 0.0), 10.0);
        return level;
    }
    if (isinf(policy->magnitude_std))
        level = magnitude * rng_double(rng);
    else if (policy->magnitude_std > 0)
        level = magnitude + policy->magnitude_std * rng_normal(rng);
    return fmax(0.0, fmin(level, policy->magnitude_max));
}

struct pixel_step policy_draw_step(const struct policy *policy, const struct policy_op *op, double magnitude,
                                   struct rng *rng, int height, int width) {
    struct policy_chance chance = {.level = policy_level(policy, magnitude, rng)};
    if (level_is_signed(op->scale)) chance.negative = rng_u32(rng) >> 31;
    if (op->scale == LEVEL_BLUR_DRAWN) chance.draw = rng_double(rng);
    struct pixel_step step = policy_step(policy, op, &chance, height, width);
    bool moves = op->op >= PIXEL_SHEAR_X && op->op <= PIXEL_ROTATE;
    if (moves && policy->filter == POLICY_FILTER_RANDOM && rng_u32(rng) >> 31) step.filter = PIXEL_BILINEAR;
    if (op->op == PIXEL_CUTOUT) {
        step.row = (int)rng_below(rng, (uint64_t)height);
        step.column = (int)rng_below(rng, (uint64_t)width);
    }
    return step;
}

static void add_step(struct policy_draw *draw, struct pixel_step step) {
    if (draw->count < POLICY_STEPS && step.op != PIXEL_IDENTITY) draw->step[draw->count++] = step;
}

/* The operations that may be drawn; Model Garden's without the excluded ones. */
static int candidates(const struct policy *policy, const struct policy_op *found[32]) {
    int n = 0;
    for (int i = 0; n < 32; i++) {
        const struct policy_op *op = policy_op_at(policy->set, i);
        if (!op) break;
        if (policy->of != PIXEL_RULES_TF || !(policy->exclude >> op->op & 1)) found[n++] = op;
    }
    return n;
}

/* By weight, and without replacement: a weight that was drawn is gone. */
static int weighted(double *weight, int n, struct rng *rng) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += weight[i];
    double at = rng_double(rng) * sum;
    int last = 0;
    for (int i = 0; i < n; i++) {
        if (weight[i] <= 0) continue;
        last = i;
        if (at < weight[i]) break;
        at -= weight[i];
    }
    weight[last] = 0;
    return last;
}

static void draw_rand(const struct policy *policy, struct rng *rng, int height, int width, struct policy_draw *draw) {
    const struct policy_op *op[32];
    double weight[32];
    int n = candidates(policy, op);
    bool by_weight = policy->set == POLICY_SET_TIMM_WEIGHTS || policy->set == POLICY_SET_TIMM_3AW;
    for (int i = 0; i < n; i++) weight[i] = op[i]->weight;
    for (int layer = 0; layer < policy->layers; layer++) {
        /* Model Garden draws of one more than there are, and leaves the picture alone for the last. */
        uint64_t choices = (uint64_t)n + (policy->of == PIXEL_RULES_TF);
        int i = by_weight ? weighted(weight, n, rng) : (int)rng_below(rng, choices);
        bool applied = policy->probability >= 1 || rng_double(rng) < policy->probability;
        if (!applied || i >= n) continue;
        add_step(draw, policy_draw_step(policy, op[i], policy->magnitude, rng, height, width));
    }
}

static void draw_auto(const struct policy *policy, struct rng *rng, int height, int width, struct policy_draw *draw) {
    const struct policy_row *row = policy_row_at(policy->list, (int)rng_below(rng, (uint64_t)list_size(policy->list)));
    for (int i = 0; i < 3 && row->step[i].op != PIXEL_IDENTITY; i++) {
        const struct policy_row_step *s = &row->step[i];
        if (rng_double(rng) >= s->probability) continue;
        const struct policy_op op = policy_list_op(policy, s->op);
        add_step(draw, policy_draw_step(policy, &op, s->level, rng, height, width));
    }
}

static void draw_trivial(const struct policy *policy, struct rng *rng, int height, int width,
                         struct policy_draw *draw) {
    const struct policy_op *op = policy_op_at(policy->set, (int)rng_below(rng, (uint64_t)set_size(policy->set)));
    double bin = (double)rng_below(rng, (uint64_t)policy->bins);
    add_step(draw, policy_draw_step(policy, op, bin, rng, height, width));
}

void policy_draw(const struct policy *policy, struct rng *rng, int height, int width, struct policy_draw *draw) {
    draw->count = draw->chains = 0;
    switch (policy->kind) {
    case POLICY_NONE: break;
    case POLICY_RAND: draw_rand(policy, rng, height, width, draw); break;
    case POLICY_AUTO: draw_auto(policy, rng, height, width, draw); break;
    case POLICY_TRIVIAL: draw_trivial(policy, rng, height, width, draw); break;
    case POLICY_MIX: policy_draw_mix(policy, rng, height, width, draw); break;
    }
}

/* ---- doing ---- */

sk_status policy_apply(const struct policy *policy, const struct policy_draw *draw, struct scratch *scratch,
                       struct picture *picture) {
    if (policy->kind == POLICY_MIX) return policy_apply_mix(policy, draw, scratch, picture);
    struct pixel_style style = {.rules = policy->of};
    memcpy(style.fill, policy->fill, sizeof style.fill);
    for (int i = 0; i < draw->count; i++) {
        TRY(pixel_apply(&draw->step[i], &style, scratch, picture));
        if (!scratch->trace) continue;
        char said[AUGMENT_TRACE_WIDTH];
        pixel_step_text(&draw->step[i], said, sizeof said);
        augment_say(scratch, "%s", said);
    }
    return SK_OK;
}

/* ---- the transform ---- */

sk_status policy_check(const struct policy *p) {
    if (p->kind == POLICY_NONE) return SK_OK;
    FAIL_IF(p->layers < 0 || p->layers > POLICY_LAYERS, SK_EUSAGE, "policy: %d layers; expected 0 to %d", p->layers,
            POLICY_LAYERS);
    FAIL_IF(!(p->magnitude >= 0 && isfinite(p->magnitude)), SK_EUSAGE,
            "policy: magnitude %g; expected a finite number of 0 or more", p->magnitude);
    FAIL_IF(p->bins < 2, SK_EUSAGE, "policy: %d bins; expected at least 2", p->bins);
    FAIL_IF(p->kind == POLICY_RAND && p->of == PIXEL_RULES_TORCHVISION &&
                !(p->magnitude < p->bins && p->magnitude == floor(p->magnitude)),
            SK_EUSAGE, "torchvision's randaugment: magnitude %g; expected a whole number from 0 to %d (bins - 1)",
            p->magnitude, p->bins - 1);
    FAIL_IF(!(p->magnitude_std >= 0), SK_EUSAGE, "policy: a magnitude deviation of %g; expected 0 or more",
            p->magnitude_std);
    FAIL_IF(!(p->probability >= 0 && p->probability <= 1), SK_EUSAGE, "policy: probability %g; expected 0 to 1",
            p->probability);
    const struct policy_op *op[32];
    FAIL_IF(p->kind == POLICY_RAND && candidates(p, op) == 0, SK_EUSAGE,
            "policy: every operation is excluded; leave at least one, or set the policy to none");
    FAIL_IF(p->kind == POLICY_RAND && (p->set == POLICY_SET_TIMM_WEIGHTS || p->set == POLICY_SET_TIMM_3AW) &&
                p->layers > set_size(p->set),
            SK_EUSAGE, "policy: %d layers of %d weighted operations, each drawn at most once", p->layers,
            set_size(p->set));
    return p->kind == POLICY_MIX ? policy_check_mix(p) : SK_OK;
}

static sk_status check(const struct augment_options *options) {
    return policy_check(&options->policy);
}

static sk_status apply(const struct augment_options *options, struct rng *rng, struct scratch *scratch,
                       struct picture *picture) {
    if (options->policy.kind == POLICY_NONE) return SK_OK;
    /* A grey picture of a colour data set has three channels in every source: a fill may be a colour. */
    if (picture->channels != options->preprocess.channels)
        TRY(preprocess_colour(&options->preprocess, picture, scratch, picture));
    struct policy_draw draw;
    policy_draw(&options->policy, rng, picture->height, picture->width, &draw);
    return policy_apply(&options->policy, &draw, scratch, picture);
}

static bool is_random(const struct augment_options *options) {
    return options->policy.kind != POLICY_NONE;
}

const struct transform transform_policy = {.check = check, .is_random = is_random, .apply = apply};
