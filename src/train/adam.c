/* adam.c — Adam with every switch in which its published forms differ; AdamW is Adam with decoupled weight decay.
 *
 * PyTorch, Optax: eps is added to the root of the corrected mean square; Keras, TF: to the root before correction
 * ("epsilon hat"). Optax alone has eps_root, inside the root. Nesterov as Optax's (Dozat 2016). Kingma and Ba,
 * arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "train/optimizer_kind.h"

/* p <- kept - (by_mean m + by_slope g) / (sqrt(scale v + eps_root) + eps) */
struct adam_factors {
    double decay, decoupled, beta1, beta2, by_mean, by_slope, scale, eps_root, eps;
};

struct parts_f32 {
    float *p, *m, *v;
    const float *g;
};
struct parts_f64 {
    double *p, *m, *v;
    const double *g;
};

static struct adam_factors factors(const struct optimizer *o, const struct element_run *u) {
    double t = u->step, one = 1 - pow(o->beta1, t), two = 1 - pow(o->beta2, t);
    double ahead = 1 - pow(o->beta1, t + 1);
    struct adam_factors f = {
        .decay = u->decay,
        .decoupled = u->decoupled,
        .beta1 = o->beta1,
        .beta2 = o->beta2,
        .by_mean = u->lr / one,
        .scale = 1 / two,
        .eps_root = o->eps_root,
        .eps = o->eps,
    };
    if (o->nesterov) f.by_mean = u->lr * o->beta1 / ahead, f.by_slope = u->lr * (1 - o->beta1) / one;
    if (o->eps_hat) { /* lr sqrt(two)/one m / (sqrt(v) + eps) */
        f.by_mean *= sqrt(two), f.by_slope *= sqrt(two);
        f.scale = 1;
    }
    return f;
}

#define BOTH_REALS "train/adam_real.h"
#include "base/both_reals.h"

static int slots(const struct optimizer *optimizer, struct optimizer_slot *slot) {
    (void)optimizer;
    slot[0] = (struct optimizer_slot){"mean_gradient", 0};
    slot[1] = (struct optimizer_slot){"mean_square", 0};
    return 2;
}

const struct optimizer_kind adam_optimizer = {
    .name = "adam", .slots = slots, .update_f32 = update_f32, .update_f64 = update_f64};
