/* policy.h — random policies: RandAugment, AutoAugment, TrivialAugmentWide, AugMix; of torchvision, timm, Model Garden.
 *
 * Drawing and doing are apart: policy_draw fills a list of operations with their arguments, policy_apply runs it.
 * Cubuk et al., "RandAugment", 2019; Müller and Hutter, "TrivialAugment", 2021; Hendrycks et al., "AugMix", 2020.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_POLICY_H
#define SK_AUGMENT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "augment/levels.h"
#include "augment/pixels.h"
#include "base/rng.h"

enum policy_kind { POLICY_NONE, POLICY_RAND, POLICY_AUTO, POLICY_TRIVIAL, POLICY_MIX };

/* The sets of policy_ops.def. */
enum policy_set {
    POLICY_SET_TORCHVISION,
    POLICY_SET_TRIVIAL,
    POLICY_SET_TIMM,
    POLICY_SET_TIMM_INCREASING,
    POLICY_SET_TIMM_WEIGHTS,
    POLICY_SET_TIMM_3A,
    POLICY_SET_TIMM_3AW,
    POLICY_SET_TIMM_MIX,
    POLICY_SET_TENSOR_MIX,
    POLICY_SET_TENSOR_MIX_FEW,
    POLICY_SET_TF,
};

/* The lists of policy_lists.def, and how posterize reads its level in timm: v0r and originalr are v0 and imagenet. */
enum policy_list {
    POLICY_LIST_IMAGENET,
    POLICY_LIST_CIFAR10,
    POLICY_LIST_SVHN,
    POLICY_LIST_V0,
    POLICY_LIST_SIMPLE,
    POLICY_LIST_PANOPTIC,
    POLICY_LIST_VIT,
    POLICY_LIST_3A,
};

enum policy_filter { POLICY_FILTER_NEAREST, POLICY_FILTER_BILINEAR, POLICY_FILTER_BICUBIC, POLICY_FILTER_RANDOM };

enum { POLICY_STEPS = 64, POLICY_CHAINS = 16, POLICY_LAYERS = 16, POLICY_DEPTH = 4 };

/* Plain data. Start from policy_default. */
struct policy {
    enum policy_kind kind;
    enum pixel_rules of;
    enum policy_set set;        /* POLICY_RAND, POLICY_TRIVIAL, POLICY_MIX */
    enum policy_list list;      /* POLICY_AUTO */
    enum level_scale list_bits; /* POLICY_AUTO of timm: LEVEL_BITS, LEVEL_BITS_FALLING or LEVEL_BITS_ORIGINAL */
    int layers, bins;           /* bins: torchvision */
    double magnitude;           /* 0 to 10, or a bin; torchvision's AugMix: bins below it are drawn */
    double magnitude_std;       /* timm: INFINITY = uniform from 0 to magnitude; tf: above 0 means 1 */
    double magnitude_max;       /* timm */
    double probability;         /* of each operation drawn */
    double cutout_const, translate_const, translate_share;
    uint32_t exclude; /* tf: bit of an enum pixel_op */
    enum policy_filter filter;
    uint8_t fill[3];
    bool filled; /* torchvision's AugMix: a fill was given; else what comes in is black */
    int mix_width, mix_depth; /* mix_depth 0: drawn from 1 to 3 for each chain */
    double mix_alpha;
    bool mix_blended;
};

struct policy policy_default(void);
sk_status policy_check(const struct policy *policy);

/* timm's own words for it ("rand-m9-mstd0.5-inc1") into what *policy does not say otherwise: filter and fill stay. */
sk_status policy_from_timm(const char *words, struct policy *policy);

/* What is done to one picture. AugMix: chain i is step[chain_end[i-1]] to step[chain_end[i] - 1]. */
struct policy_draw {
    int count, chains;
    struct pixel_step step[POLICY_STEPS];
    int chain_end[POLICY_CHAINS];
    float weight[POLICY_CHAINS]; /* of each chain */
    float share;                 /* of their sum against the picture as it came */
    float kept;                  /* torchvision's AugMix: weight of the picture as it came; weights have their share */
};

void policy_draw(const struct policy *policy, struct rng *rng, int height, int width, struct policy_draw *draw);
sk_status policy_apply(const struct policy *policy, const struct policy_draw *draw, struct scratch *scratch,
                       struct picture *picture);

/* ---- the parts, for tests and for the files of this module ---- */

struct policy_op {
    enum pixel_op op;
    enum level_scale scale;
    double high, weight;
};
/* The rows of a set; NULL past the end. */
const struct policy_op *policy_op_at(enum policy_set set, int index);

struct policy_row {
    enum policy_list list;
    struct policy_row_step {
        enum pixel_op op; /* PIXEL_IDENTITY behind the last */
        double probability, level;
    } step[3];
};
/* The sub-policies of a list; NULL past the end. */
const struct policy_row *policy_row_at(enum policy_list list, int index);
/* How an operation of a list is scaled in policy->of. */
struct policy_op policy_list_op(const struct policy *policy, enum pixel_op op);

/* What the draws decide for one operation. */
struct policy_chance {
    double level; /* or bin */
    bool negative;
    double draw; /* LEVEL_BLUR_DRAWN */
};
/* An operation with its argument, from given draws. */
struct pixel_step policy_step(const struct policy *policy, const struct policy_op *op,
                              const struct policy_chance *chance, int height, int width);
/* The level for one operation around `magnitude`, with its noise. */
double policy_level(const struct policy *policy, double magnitude, struct rng *rng);
/* An operation with all that is drawn for it: level, sign, filter, the centre of a cutout. */
struct pixel_step policy_draw_step(const struct policy *policy, const struct policy_op *op, double magnitude,
                                   struct rng *rng, int height, int width);

/* policy_mix.c */
sk_status policy_check_mix(const struct policy *policy);
void policy_draw_mix(const struct policy *policy, struct rng *rng, int height, int width, struct policy_draw *draw);
sk_status policy_apply_mix(const struct policy *policy, const struct policy_draw *draw, struct scratch *scratch,
                           struct picture *picture);

#endif
