/* ema.c — the forms of the moving average: optax.ema (and jax_examples' dynamic one), TF1's and Model Garden's,
 * torchvision's ExponentialMovingAverage, timm's ModelEma, V2 and V3.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/ema.h"

#include <math.h>
#include <string.h>

#include "train/schedule.h"

double ema_adjusted(double decay, int64_t images, int64_t every, int64_t epochs) {
    double alpha = (1 - decay) * ((double)images * (double)every / (double)epochs);
    return 1 - (alpha < 1 ? alpha : 1);
}

/* Keys that say something only where another one has a certain value. */
static sk_status check(const struct ema *ema, const struct recipe *recipe) {
    if (recipe->ema_dynamic_from > 0 && recipe->ema_dynamic != CHOICE_EMA_UPDATES)
        return recipe_fail(recipe, RECIPE_ema_dynamic_from, "%lld, but ema.dynamic is %s; it counts for updates alone",
                           (long long)recipe->ema_dynamic_from, recipe_word(RECIPE_ema_dynamic, recipe->ema_dynamic));
    if (ema->evaluate != CHOICE_EMA_ACCUMULATOR && !ema->from_zero)
        return recipe_fail(recipe, RECIPE_ema_evaluate,
                           "%s, but this average begins with the weights and has no bias to take out; set "
                           "ema.evaluate=accumulator, or ema.start=zero",
                           recipe_word(RECIPE_ema_evaluate, recipe->ema_evaluate));
    return SK_OK;
}

sk_status ema_make(struct ema *ema, const struct recipe *recipe) {
    int form = recipe->ema_form, start = recipe->ema_start;
    bool jax = form == CHOICE_EMA_OPTAX, tf = form == CHOICE_EMA_TF;
    bool first = form == CHOICE_EMA_TORCHVISION || form == CHOICE_EMA_TIMM_V3;
    *ema = (struct ema){
        .on = form != CHOICE_EMA_NONE,
        .form = form,
        .decay = recipe->ema_decay,
        .dynamic = recipe->ema_dynamic,
        .n_from = (double)recipe->ema_dynamic_from,
        .gamma = recipe->ema_gamma,
        .power = recipe->ema_power,
        .from_zero = start == CHOICE_EMA_START_OWN ? jax : start == CHOICE_EMA_START_ZERO,
        .copies = recipe->ema_copies >= 0 ? recipe->ema_copies : first,
        .statistics = recipe->ema_batch_statistics,
        .own_now = !recipe->ema_batch_statistics && (jax || tf),
        .micro = recipe->ema_per == CHOICE_EMA_MICRO_BATCH,
        .every = recipe->ema_every,
        .warmup_copy = recipe->ema_during_warmup == CHOICE_EMA_WARMUP_COPY,
        .truncates = form == CHOICE_EMA_TORCHVISION || form == CHOICE_EMA_TIMM,
        .single = tf || (jax && recipe->ema_dynamic != CHOICE_EMA_CONSTANT),
        .evaluate = recipe->ema_evaluate,
    };
    if (!ema->on) return SK_OK;
    int64_t images = schedule_pass_images(recipe) * (ema->micro ? 1 : schedule_passes(recipe));
    if (recipe->ema_adjust) ema->decay = ema_adjusted(ema->decay, images, ema->every, recipe->epochs);
    return check(ema, recipe);
}

/* ---- the decay of an update ---- */

struct ema_counters ema_counters_new(void) {
    return (struct ema_counters){.left = 1};
}

static double decay_of(const struct ema *ema, double since) {
    double n = since - (double)ema->copies, d = ema->decay, ramp;
    if (n < 0) return 0;
    switch (ema->dynamic) {
    case CHOICE_EMA_UPDATES: ramp = (1 + n + ema->n_from) / (10 + n + ema->n_from); break;
    case CHOICE_EMA_TIMM_WARMUP: ramp = 1 - pow(1 + (n + 1) / ema->gamma, -ema->power); break;
    default: return d;
    }
    return ramp < d ? ramp : d;
}

double ema_next(const struct ema *ema, struct ema_counters *counters, bool warming) {
    bool held = warming && ema->warmup_copy;
    double decay = held ? 0 : decay_of(ema, counters->since);
    counters->updates++;
    counters->since = held ? 0 : counters->since + 1;
    counters->left *= decay;
    counters->decay = decay;
    return decay;
}

double ema_factor(const struct ema *ema, const struct ema_counters *counters) {
    double bias = 0;
    if (ema->evaluate == CHOICE_EMA_DEBIASED) bias = counters->left;
    if (ema->evaluate == CHOICE_EMA_POWER) bias = pow(counters->decay, counters->updates);
    return bias < 1 ? 1 / (1 - bias) : 1;
}

/* ---- the move ---- */

/* e <- keep e + take p; or, as TF and timm V3 write it, from + by (to - from). */
struct ema_weights {
    bool difference;
    double keep, take;
};

static struct ema_weights weights_of(const struct ema *ema, double decay, bool is_single) {
    struct ema_weights w = {.keep = decay, .take = 1 - decay};
    if (ema->single && is_single) w.take = 1.0F - (float)decay;
    w.difference = ema->form == CHOICE_EMA_TF || ema->form == CHOICE_EMA_TIMM_V3;
    return w;
}

#define BOTH_REALS "train/ema_real.h"
#include "base/both_reals.h"
