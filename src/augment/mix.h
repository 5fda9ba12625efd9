/* mix.h — Mixup and CutMix: a batch's pictures mixed with one another, and what became of their labels.
 *
 * Three forms, which differ in who is whose partner, how shares are drawn and what a box that the border cuts is worth.
 * Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018; Yun et al., "CutMix", ICCV 2019.
 * Draws are a function of (seed, epoch, batch); drawing and mixing stand apart, so that each can be tested by itself.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_MIX_H
#define SK_AUGMENT_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "augment/resize.h"
#include "base/rng.h"

enum mix_of { MIX_OF_NONE, MIX_OF_TORCHVISION, MIX_OF_TIMM, MIX_OF_TF };
enum mix_mode { MIX_BATCH, MIX_PAIR, MIX_ELEMENT };
enum mix_kind { MIX_NOTHING, MIX_UP, MIX_CUT };

struct mix_options {
    enum mix_of of;
    int64_t batch;                        /* so many pictures are drawn for and mixed together; 0: a whole batch */
    enum mix_mode mode;        /* timm */
    double mixup, cutmix;      /* alphas; 0: that kind is off */
    double area[2];            /* timm's cutmix_minmax; {0, 0}: none */
    double probability;        /* that a batch (mode pair, element: each) is mixed */
    double switch_probability; /* of CutMix where both are on */
    uint64_t off_epoch;        /* nothing is mixed from this one on; 0: always */
    bool rounded;              /* timm's FastCollateMixup: bytes are mixed, and become bytes */
    bool correct_area;         /* timm: the share of a cut box is what the border leaves of it */
};

/* What a picture of a batch became. Its label has `share` of the target, its partner's has the rest. */
struct mixed {
    enum mix_kind kind;
    uint32_t partner; /* place in the batch */
    int32_t label;    /* the partner's */
    double share;
    struct picture_box box; /* MIX_CUT: this part is the partner's */
};

/* A batch as it is drawn for. */
struct mix_frame {
    uint32_t count;
    int height, width, channels;
    bool rounded; /* images hold whole numbers of 0 to 255, and will again */
};

static inline bool mix_on(const struct mix_options *o) {
    return o->of != MIX_OF_NONE;
}
static inline bool mix_cuts(const struct mix_options *o) {
    return o->cutmix > 0 || o->area[1] > 0;
}
sk_status mix_check(const struct mix_options *options, int64_t batch, int height, int width);

/* Draw for one batch, from a sequence that is its own. Labels are left at 0. */
void mix_draw(const struct mix_options *options, uint64_t epoch, const struct mix_frame *frame, struct rng *rng,
              struct mixed *mixed);
void mix_labels(struct mixed *mixed, const int32_t *labels, uint32_t count);
/* Mix the pictures (count,height,width,channels) in place; `spare` holds one. */
void mix_apply(const struct mixed *mixed, const struct mix_frame *frame, float *images, float *spare);

/* The rules below the draws. A share drawn and a centre make a box, and the share that the box is worth. */
struct mix_cut {
    double share;
    int row, column; /* of the middle */
};
struct picture_box mix_box(const struct mix_options *options, const struct mix_frame *frame, const struct mix_cut *cut);
double mix_share(const struct mix_options *options, const struct mix_frame *frame, const struct mix_cut *cut,
                 const struct picture_box *box);
/* Of Beta(alpha, alpha). */
double mix_beta(struct rng *rng, double alpha);
uint32_t mix_partner(enum mix_of of, uint32_t count, uint32_t place);

#endif
