/* sgd.c — stochastic gradient descent with momentum and Nesterov, PyTorch's form and Keras'.
 *
 * PyTorch, Optax, TF1: the learning rate multiplies the buffer; Keras 3: it lies in it. Nesterov as in Sutskever
 * et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/optimizer_kind.h"

struct sgd_factors {
    double momentum, decay, decoupled, in, out, direct, carried;
};

static struct sgd_factors factors(const struct optimizer *o, const struct element_run *u) {
    return (struct sgd_factors){
        .momentum = o->momentum,
        .decay = u->decay,
        .decoupled = u->decoupled,
        .in = o->lr_in_momentum ? u->lr : 1,
        .out = o->lr_in_momentum ? 1 : u->lr,
        .direct = o->nesterov ? 1 : 0,
        .carried = o->nesterov ? o->momentum : 1,
    };
}

#define BOTH_REALS "train/sgd_real.h"
#include "base/both_reals.h"

static int slots(const struct optimizer *optimizer, struct optimizer_slot *slot) {
    if (optimizer->momentum == 0) return 0;
    slot[0] = (struct optimizer_slot){"momentum", 0};
    return 1;
}

const struct optimizer_kind sgd_optimizer = {
    .name = "sgd", .slots = slots, .update_f32 = update_f32, .update_f64 = update_f64};
