/* plateau.c — which evaluation is better, and when the rate falls.
 *
 * ReduceLROnPlateau in its relative mode, step by step; a change below 1e-8 is not made.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/plateau.h"

#include <math.h>

static bool is_better(const struct plateau *p, const struct schedule *s, double metric) {
    if (p->better == 0) return isfinite(metric);
    return s->metric_falls ? metric < p->best * (1 - s->threshold) : metric > p->best * (1 + s->threshold);
}

static bool reduce(struct plateau *p, const struct schedule *s) {
    double lower = fmax(p->lr * s->rate, s->end);
    if (!(p->lr - lower > 1e-8)) return false;
    p->lr = lower;
    return true;
}

bool plateau_feed(struct plateau *p, const struct schedule *s, int64_t step, double metric) {
    double at = s->by_epoch ? (double)(step / s->steps_per_epoch) : (double)step;
    if (!schedule_follows_run(s) || at <= s->warmup) return false;
    if (p->fed++ == 0) p->lr = s->peak;
    bool better = is_better(p, s, metric);
    if (better) p->best = metric;
    p->better += better;
    p->waited = better ? 0 : p->waited + 1;
    if (p->cooling > 0) {
        p->cooling--;
        p->waited = 0;
    }
    if (p->waited <= s->patience) return false;
    p->cooling = s->quiet;
    p->waited = 0;
    return reduce(p, s);
}

double plateau_metric(const struct recipe *recipe, const struct metrics_result *result) {
    switch (recipe->schedule_metric) {
    case CHOICE_METRIC_LOSS: return result->loss;
    case CHOICE_METRIC_TOP5: return result->top5;
    default: return result->top1;
    }
}
