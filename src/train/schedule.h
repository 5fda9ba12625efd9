/* schedule.h — steps of an epoch, and the learning rate of every optimizer step.
 *
 * lr(t) is a pure function of t, the number of optimizer steps already made: the first step uses lr(0), as
 * in Optax. Evaluated in double. One schedule waits for evaluations: its state lies beside it (train/plateau.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_SCHEDULE_H
#define SK_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "files/recipe.h"

/* How an epoch of `images` pictures is cut, for `world` processes that each take batch_size at a time. */
struct epoch_plan {
    int64_t images;          /* pictures there are */
    int64_t batches;         /* batches per epoch and process: forward + backward passes */
    int64_t steps;           /* optimizer steps per epoch */
    int64_t images_used;     /* pictures that enter an optimizer step */
    int64_t images_left_out; /* images - images_used: left out of each epoch (others every time) */
    int64_t images_per_step; /* batch_size * accumulate * world, of a full step */
    int64_t epochs, total_steps;
};
/* Fails with a sentence where no step would be left. */
sk_status epoch_plan_make(struct epoch_plan *plan, const struct recipe *recipe, int64_t images, int world);

struct schedule_kind;
enum { SCHEDULE_MILESTONES = 64 };

/* Plain data. All lengths are in units (steps, or epochs where by_epoch). */
struct schedule {
    const struct schedule_kind *kind;
    double peak, warmup_init, end; /* already scaled to the batch */
    double rate, exponent;
    double warmup;      /* length of the warm-up */
    double warmup_span; /* units over which the ramp reaches its end: warmup, or warmup - 1 */
    double origin;      /* where the decay counts from */
    double decay_every, total;
    double length;                        /* of the curve: without warm-up and cool-down */
    double cycle, cycle_mul, cycle_decay; /* length of the first cycle, and what each has of the one before */
    int64_t cycles;
    double k_decay, tanh_low, tanh_high;
    double fall, stable_time; /* wsd: length of the decay; time of the root, 0: constant */
    int fall_form;            /* CHOICE_DECAY_… */
    bool warmup_constant;
    double shift; /* added to what exponential, step and inverse_time count */
    bool staircase, by_epoch, warmup_to_decayed;
    int64_t steps_per_epoch;
    double milestone[SCHEDULE_MILESTONES];
    int milestones;
    double noise_begin, noise_end; /* units between which the value is noisy; nowhere where equal */
    double noise_percent, noise_std;
    bool noise_uniform;
    int64_t noise_seed;
    /* plateau (train/plateau.h): */
    double reached; /* what evaluations have made of the peak so far */
    double threshold;
    int64_t patience, quiet; /* evaluations */
    bool metric_falls;       /* less is better */
};

sk_status schedule_make(struct schedule *schedule, const struct recipe *recipe, const struct epoch_plan *plan);
double schedule_lr(const struct schedule *schedule, int64_t step);
/* True of the schedule that is not known before the run: schedule_lr goes by `reached`. */
bool schedule_follows_run(const struct schedule *schedule);
/* True while the learning rate warms up. */
bool schedule_warming(const struct schedule *schedule, int64_t step);
/* timm's noise of the unit that `step` lies in, as a share of the learning rate; 0 outside its range. */
double schedule_noise(const struct schedule *schedule, int64_t step);

/* Pictures of one forward and backward pass, and passes that make an optimizer step: under accumulate_batch_norm exact
 * one pass takes all pictures of the step. */
int64_t schedule_pass_images(const struct recipe *recipe);
int64_t schedule_passes(const struct recipe *recipe);

/* What schedule.lr becomes for this many pictures per optimizer step (schedule.lr_for_batch). */
double schedule_scaled(const struct recipe *recipe, double lr, int64_t images_per_step);

#endif
