/* schedule.c — warm-up, then a curve; every published variant is a setting of a few lengths.
 *
 * Optax's exponential counts its decay from the end of the warm-up (or, by a common slip, from one warm-up
 * later), Model Garden's and timm's from step 0; official ConvNeXt's ramp includes its end point; torchvision
 * and timm move once per epoch. SPDX-License-Identifier: Apache-2.0 */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

struct schedule_kind {
    const char *name;
    double (*curve)(const struct schedule *schedule, double at);
};

/* 1,251.0 epochs computed as 1250.9999999999998 is still 1,251. */
static double whole(double x) {
    return floor(x * (1 + 1e-12) + 1e-12);
}

static double curve_constant(const struct schedule *s, double at) {
    (void)at;
    return s->peak;
}

static double curve_exponential(const struct schedule *s, double at) {
    double times = at / s->decay_every;
    return s->peak * pow(s->rate, s->staircase ? whole(times) : times);
}

static double curve_step(const struct schedule *s, double at) {
    return s->peak * pow(s->rate, whole(at / s->decay_every));
}

static double curve_multistep(const struct schedule *s, double at) {
    int passed = 0;
    for (int i = 0; i < s->milestones; i++) passed += at >= s->milestone[i];
    return s->peak * pow(s->rate, passed);
}

/* Share of the curve that lies behind, 0 … 1. */
static double share(const struct schedule *s, double at) {
    double length = s->total - s->origin;
    return at >= length ? 1 : at / length;
}

static double curve_cosine(const struct schedule *s, double at) {
    double wave = 0.5 * (1 + cos(acos(-1.0) * share(s, at)));
    return s->end + (s->peak - s->end) * pow(wave, s->exponent);
}

static double curve_polynomial(const struct schedule *s, double at) {
    return s->end + (s->peak - s->end) * pow(1 - share(s, at), s->exponent);
}

static const struct schedule_kind kinds[] = {
#define SCHEDULE(name_) {.name = #name_, .curve = curve_##name_},
#include "train/schedules.def"
#undef SCHEDULE
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static sk_status find_kind(const struct schedule_kind **kind, const struct recipe *recipe) {
    const char *names[KINDS];
    for (int i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(kinds[i].name, recipe->schedule_name) != 0) continue;
        *kind = &kinds[i];
        return SK_OK;
    }
    return recipe_fail_word(recipe, RECIPE_schedule_name, recipe->schedule_name, names, KINDS);
}

sk_status epoch_plan_make(struct epoch_plan *plan, const struct recipe *recipe, int64_t images, int world) {
    int64_t per_batch = recipe->batch_size * world;
    int64_t full = images / per_batch, rest = images % per_batch;
    int64_t batches = full + (rest && !recipe->drop_last);
    int64_t steps = batches / recipe->accumulate;
    bool short_step = recipe->steps_per_epoch == CHOICE_STEPS_CEIL && batches % recipe->accumulate != 0;
    steps += short_step;
    int64_t used_batches = short_step ? batches : steps * recipe->accumulate;
    int64_t used = used_batches > full ? images : used_batches * per_batch;
    *plan = (struct epoch_plan){
        .images = images,
        .batches = used_batches,
        .steps = steps,
        .images_used = used,
        .images_left_out = images - used,
        .images_per_step = per_batch * recipe->accumulate,
        .epochs = recipe->epochs,
        .total_steps = steps * recipe->epochs,
    };
    if (steps == 0)
        return recipe_fail(recipe, RECIPE_batch_size,
                           "%lld pictures make no optimizer step of %lld; lower batch_size or accumulate, or set "
                           "drop_last=false steps_per_epoch=ceil",
                           (long long)images, (long long)plan->images_per_step);
    return SK_OK;
}

double schedule_scaled(const struct recipe *recipe, double lr, int64_t images_per_step) {
    if (recipe->schedule_lr_for_batch == 0) return lr;
    return lr * (double)images_per_step / (double)recipe->schedule_lr_for_batch;
}

/* A length in epochs as units; whole steps where the unit is a step. */
static double units(const struct schedule *s, double epochs) {
    return s->by_epoch ? epochs : whole(epochs * (double)s->steps_per_epoch);
}

sk_status schedule_make(struct schedule *s, const struct recipe *recipe, const struct epoch_plan *plan) {
    *s = (struct schedule){
        .peak = schedule_scaled(recipe, recipe->schedule_lr, plan->images_per_step),
        .warmup_init = schedule_scaled(recipe, recipe->schedule_warmup_init, plan->images_per_step),
        .end = schedule_scaled(recipe, recipe->schedule_end_lr, plan->images_per_step),
        .rate = recipe->schedule_decay_rate,
        .exponent = recipe->schedule_exponent,
        .staircase = recipe->schedule_staircase,
        .by_epoch = recipe->schedule_unit == CHOICE_UNIT_EPOCH,
        .warmup_to_decayed = recipe->schedule_warmup_to == CHOICE_WARMUP_DECAYED,
        .steps_per_epoch = plan->steps,
    };
    TRY(find_kind(&s->kind, recipe));
    s->warmup = units(s, recipe->schedule_warmup_epochs);
    s->warmup_span = recipe->schedule_warmup_reaches_end && s->warmup > 1 ? s->warmup - 1 : s->warmup;
    s->origin = recipe->schedule_decay_from * s->warmup; /* zero, one or two warm-ups */
    s->decay_every = units(s, recipe->schedule_decay_epochs);
    s->total = s->by_epoch ? (double)plan->epochs : (double)plan->total_steps;
    if (s->decay_every <= 0)
        return recipe_fail(recipe, RECIPE_schedule_decay_epochs, "%g epochs of %lld steps are less than one step",
                           recipe->schedule_decay_epochs, (long long)plan->steps);
    if (s->total <= s->origin && (s->kind->curve == curve_cosine || s->kind->curve == curve_polynomial))
        return recipe_fail(recipe, RECIPE_schedule_warmup_epochs,
                           "the warm-up leaves nothing of %lld epochs for the %s curve", (long long)plan->epochs,
                           s->kind->name);
    s->milestones = (int)recipe->schedule_milestones.count;
    for (int i = 0; i < s->milestones; i++) s->milestone[i] = units(s, recipe->schedule_milestones.item[i]) - s->origin;
    return SK_OK;
}

static double decayed(const struct schedule *s, double at) {
    return s->kind->curve(s, at > s->origin ? at - s->origin : 0);
}

double schedule_lr(const struct schedule *s, int64_t step) {
    double at = (double)(s->by_epoch ? step / s->steps_per_epoch : step);
    if (at >= s->warmup) return decayed(s, at);
    double goal = s->warmup_to_decayed ? decayed(s, s->warmup) : s->peak;
    return s->warmup_init + (goal - s->warmup_init) * (at / s->warmup_span);
}
