/* rmsprop.c — RMSProp with every switch in which its published forms differ.
 *
 * TF, Keras, Optax: eps inside the root, learning rate inside the momentum buffer, mean square starting at 1 (TF1,
 * timm) or 0; PyTorch: both outside, 0. Tieleman, Hinton, lecture 6.5 of "Neural networks for machine learning",
 * 2012; centered: Graves, arXiv:1308.0850. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "train/optimizer_kind.h"

struct rmsprop_factors {
    double momentum, alpha, decay, decoupled, correction, eps_in, eps_out, in, out, direct, carried;
};

struct parts_f32 {
    float *p, *v, *b, *m;
    const float *g;
};
struct parts_f64 {
    double *p, *v, *b, *m;
    const double *g;
};

static struct rmsprop_factors factors(const struct optimizer *o, const struct element_run *u) {
    return (struct rmsprop_factors){
        .momentum = o->momentum,
        .alpha = o->alpha,
        .decay = u->decay,
        .decoupled = u->decoupled,
        .correction = u->correction,
        .eps_in = o->eps_in_sqrt ? o->eps : 0,
        .eps_out = o->eps_in_sqrt ? 0 : o->eps,
        .in = o->lr_in_momentum ? u->lr : 1,
        .out = o->lr_in_momentum ? 1 : u->lr,
        .direct = o->nesterov ? 1 : 0,
        .carried = o->nesterov ? o->momentum : 1,
    };
}

#define BOTH_REALS "train/rmsprop_real.h"
#include "base/both_reals.h"

static int slots(const struct optimizer *optimizer, struct optimizer_slot *slot) {
    int count = 0;
    slot[count++] = (struct optimizer_slot){"mean_square", optimizer->initial_mean_square};
    if (optimizer->momentum > 0) slot[count++] = (struct optimizer_slot){"momentum", 0};
    if (optimizer->centered) slot[count++] = (struct optimizer_slot){"mean_gradient", 0};
    return count;
}

const struct optimizer_kind rmsprop_optimizer = {
    .name = "rmsprop", .slots = slots, .update_f32 = update_f32, .update_f64 = update_f64};
