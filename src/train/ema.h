/* ema.h — the moving average of a model's weights, in every published form: its decays, its counters, its arithmetic.
 *
 * Update k makes e <- d e + (1 - d) p. Forms differ in what e begins with, in d of the first updates, and in how the
 * line is rounded: 0.9999 and 0.0001 do not add up to 1 in f32, which ten thousand updates show.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_EMA_H
#define SK_TRAIN_EMA_H

#include "files/recipe.h"
#include "ir/graph.h"

/* Plain data, made once from the recipe. */
struct ema {
    bool on;
    int form;     /* CHOICE_EMA_… */
    double decay; /* after ema.adjust */
    int dynamic;  /* CHOICE_EMA_CONSTANT, … */
    double n_from, gamma, power;
    bool from_zero;   /* else it begins with the weights */
    int64_t copies;   /* the first so many updates copy */
    bool statistics;  /* running statistics are averaged, too; else copied */
    bool own_now;     /* statistics are not averaged, and those evaluated are the raw model's of that moment */
    bool micro;       /* moved after every batch */
    int64_t every;    /* at an epoch's first step or batch, and every so many after it */
    bool warmup_copy; /* copies while the learning rate warms up */
    bool truncates;   /* integer counters are truncated means; else copied */
    bool single;      /* the source takes 1 - d of a d rounded to f32 */
    int evaluate;     /* CHOICE_EMA_ACCUMULATOR, … */
};
/* Fails where keys contradict each other. */
sk_status ema_make(struct ema *ema, const struct recipe *recipe);

/* torchvision's ema.adjust: the decay for `images` pictures per update at `every` steps over `epochs`. */
double ema_adjusted(double decay, int64_t images, int64_t every, int64_t epochs);

/* What the average remembers beside its blocks; all numbers, so that a checkpoint can hold it as a block. */
struct ema_counters {
    double updates; /* in all */
    double since;   /* since copying began anew */
    double left;    /* share of what it began with that is left in it: the product of the decays */
    double decay;   /* of the last update */
};
struct ema_counters ema_counters_new(void);
/* The next update's decay (0: copy), counted. `warming`: the learning rate still rises. */
double ema_next(const struct ema *ema, struct ema_counters *counters, bool warming);
/* What the average is multiplied with to be evaluated. */
double ema_factor(const struct ema *ema, const struct ema_counters *counters);
/* True where step or batch `index` of an epoch, from 0, moves the average. */
static inline bool ema_due(const struct ema *ema, int64_t index) {
    return ema->on && index % ema->every == 0;
}

/* Elements begin … end-1 of a block: any cut gives the same bits. */
void ema_move_f32(const struct ema *ema, double decay, float *average, const float *now, int64_t begin, int64_t end);
void ema_move_f64(const struct ema *ema, double decay, double *average, const double *now, int64_t begin, int64_t end);

/* The state block: running statistics, and counters as the form has them. */
void ema_move_state_f32(const struct ema *ema, double decay, const struct graph *graph, float *average,
                        const float *now);
void ema_move_state_f64(const struct ema *ema, double decay, const struct graph *graph, double *average,
                        const double *now);

#endif
