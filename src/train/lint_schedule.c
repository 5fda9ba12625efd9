/* lint_schedule.c — lints of lengths, learning rate and moving average.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "train/lint_rows.h"

/* ---- schedule ---- */

bool lint_finds_warmup_beyond_end(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->schedule_warmup_epochs == 0 || r->schedule_warmup_epochs < (double)r->epochs) return false;
    return lint_say(t, "%g epochs of warm-up in a run of %lld: the learning rate never reaches %g",
                    r->schedule_warmup_epochs, (long long)r->epochs, r->schedule_lr);
}

bool lint_finds_warmup_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (lint_is_schedule(l, "constant") || r->schedule_warmup_epochs == 0) return false;
    if (r->schedule_decay_from != CHOICE_FROM_WARMUP_TWICE) return false;
    return lint_say(t,
                    "the decay starts %g epochs after the warm-up's end, one more warm-up than published; set "
                    "schedule.decay_from=warmup_end unless the slip is what you reproduce",
                    r->schedule_warmup_epochs);
}

bool lint_finds_peak_never_reached(const struct lint *l, struct text *t) {
    const struct schedule *s = &l->schedule;
    if (!l->planned || s->warmup == 0 || l->plan.total_steps == 0) return false;
    int64_t end = (int64_t)ceil(s->warmup) * (s->by_epoch ? s->steps_per_epoch : 1);
    double reached = schedule_lr(s, end);
    if (reached >= s->peak * 0.999 || l->recipe->schedule_decay_from != CHOICE_FROM_ZERO) return false;
    return lint_say(t, "the decay counts from step 0, so that the warm-up ends at %.6g, not at the peak %.6g", reached,
                    s->peak);
}

/* Set on the command line, or by a recipe over the one that sets the learning rate. */
static bool later_than_lr(const struct recipe *r, enum recipe_key_id id) {
    const struct recipe_place *place = &r->place[id], *lr = &r->place[RECIPE_schedule_lr];
    if (place->origin == RECIPE_FROM_OVERRIDE) return true;
    return place->origin == RECIPE_FROM_FILE && place->level < lr->level;
}

bool lint_finds_lr_not_scaled(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool lr = r->place[RECIPE_schedule_lr].origin == RECIPE_FROM_FILE && r->schedule_lr_for_batch == 0;
    if (!lr || (!later_than_lr(r, RECIPE_batch_size) && !later_than_lr(r, RECIPE_accumulate))) return false;
    return lint_say(
        t,
        "the batch was changed to %lld, schedule.lr %g was not; set it, or schedule.lr_for_batch to the batch "
        "that it was made for",
        (long long)(r->batch_size * r->accumulate), r->schedule_lr);
}

bool lint_finds_decay_unused(const struct lint *l, struct text *t) {
    const struct schedule *s = &l->schedule;
    if (!l->planned) return false;
    if (lint_is_schedule(l, "multistep")) {
        if (s->milestones && s->milestone[0] + s->origin < s->total) return false;
        return lint_say(t, "no milestone lies within the run: the learning rate stays at %g", s->peak);
    }
    if (lint_is_schedule(l, "plateau")) {
        double after = (double)l->plan.epochs - l->recipe->schedule_warmup_epochs;
        double fed = after / (double)l->recipe->eval_every_epochs;
        if ((double)s->patience + 2 < fed) return false; /* the first one sets the best, the last one comes too late */
        return lint_say(t, "patience for %lld evaluations, and about %.0f count: the learning rate stays at %g",
                        (long long)s->patience, floor(fed), s->peak);
    }
    bool stairs = lint_is_schedule(l, "step") || (lint_is_schedule(l, "exponential") && s->staircase);
    if (!stairs || s->origin + s->decay_every < s->total) return false;
    return lint_say(t, "the first decay comes after the last of %lld epochs: the learning rate stays at %g",
                    (long long)l->plan.epochs, s->peak);
}

/* Which schedules read a key; constant reads none of them. */
static const struct {
    enum recipe_key_id id;
    const char *readers;
} schedule_keys[] = {
    {RECIPE_schedule_decay_rate, "exponential step multistep inverse_time plateau"},
    {RECIPE_schedule_decay_epochs, "exponential step inverse_time wsd"},
    {RECIPE_schedule_decay_steps, "exponential step inverse_time wsd"},
    {RECIPE_schedule_decay_shift, "exponential step inverse_time"},
    {RECIPE_schedule_staircase, "exponential inverse_time"},
    {RECIPE_schedule_milestones, "multistep"},
    {RECIPE_schedule_end_lr, "cosine polynomial tanh wsd plateau"},
    {RECIPE_schedule_metric, "plateau"},
    {RECIPE_schedule_patience_epochs, "plateau"},
    {RECIPE_schedule_threshold, "plateau"},
    {RECIPE_schedule_plateau_cooldown, "plateau"},
    {RECIPE_schedule_exponent, "cosine polynomial"},
    {RECIPE_schedule_decay_from, "exponential step multistep inverse_time cosine polynomial tanh wsd"},
    {RECIPE_schedule_cooldown_epochs, "cosine polynomial tanh wsd"},
    {RECIPE_schedule_cycles, "cosine polynomial tanh"},
    {RECIPE_schedule_cycle_epochs, "cosine polynomial tanh"},
    {RECIPE_schedule_cycle_mul, "cosine polynomial tanh"},
    {RECIPE_schedule_cycle_decay, "cosine polynomial tanh"},
    {RECIPE_schedule_k_decay, "cosine polynomial"},
    {RECIPE_schedule_tanh_bounds, "tanh"},
    {RECIPE_schedule_stable, "wsd"},
    {RECIPE_schedule_stable_epochs, "wsd"},
    {RECIPE_schedule_decay_form, "wsd"},
};

static bool reads(const char *readers, const char *name) {
    size_t length = strlen(name);
    for (const char *at = strstr(readers, name); at; at = strstr(at + 1, name)) {
        if ((at == readers || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0)) return true;
    }
    return false;
}

/* Keys that wait for another one. */
static const enum recipe_key_id idle_keys[] = {RECIPE_schedule_warmup_init, RECIPE_schedule_warmup_form,
                                               RECIPE_schedule_warmup_to,   RECIPE_schedule_cycle_mul,
                                               RECIPE_schedule_cycle_decay, RECIPE_schedule_stable_epochs};

static bool idle(const struct recipe *r, enum recipe_key_id id) {
    bool cyclic = reads("cosine polynomial tanh", r->schedule_name), wsd = !strcmp(r->schedule_name, "wsd");
    switch ((int)id) {
    case RECIPE_schedule_cycle_mul:
    case RECIPE_schedule_cycle_decay: return cyclic && r->schedule_cycles == 1;
    case RECIPE_schedule_stable_epochs: return wsd && r->schedule_stable == CHOICE_STABLE_CONSTANT;
    case RECIPE_schedule_warmup_to:
        return r->schedule_warmup_epochs > 0 && r->schedule_warmup_form == CHOICE_WARMUP_CONSTANT;
    default: return r->schedule_warmup_epochs == 0;
    }
}

bool lint_finds_schedule_keys_unused(const struct lint *l, struct text *t) {
    size_t found = 0;
    for (size_t i = 0; i < sizeof schedule_keys / sizeof *schedule_keys; i++) {
        if (!lint_differs(l, schedule_keys[i].id) || reads(schedule_keys[i].readers, l->recipe->schedule_name))
            continue;
        text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(schedule_keys[i].id));
    }
    for (size_t i = 0; i < sizeof idle_keys / sizeof *idle_keys; i++)
        if (lint_differs(l, idle_keys[i]) && idle(l->recipe, idle_keys[i]))
            text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(idle_keys[i]));
    for (int id = RECIPE_schedule_noise; id <= RECIPE_schedule_noise_seed && !l->recipe->schedule_noise_range.count;
         id++)
        if (lint_differs(l, id)) text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(id));
    return found && lint_say(t, ": set, but not read by this %s schedule", l->recipe->schedule_name);
}

/* ---- the moving average ---- */

bool lint_finds_ema_keys_unused(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    size_t found = 0;
    for (int id = RECIPE_ema_decay; id <= RECIPE_ema_best && r->ema_form == CHOICE_EMA_NONE; id++)
        if (lint_differs(l, id)) text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(id));
    return found && lint_say(t, ": set, but ema.form is none: there is no moving average");
}

/* Updates of the whole run, and the decay that torchvision's adjustment makes. */
static double ema_updates(const struct lint *l) {
    const struct recipe *r = l->recipe;
    double moves = (double)l->plan.total_steps / (double)r->ema_every;
    return r->ema_per == CHOICE_EMA_MICRO_BATCH ? moves * (double)r->accumulate : moves;
}

static double ema_move(const struct lint *l) {
    const struct recipe *r = l->recipe;
    double batch = (double)(r->batch_size * (l->input->world ? l->input->world : 1));
    double move = 1 - r->ema_decay;
    return r->ema_adjust ? fmin(1, move * batch * (double)r->ema_every / (double)r->epochs) : move;
}

bool lint_finds_ema_slow(const struct lint *l, struct text *t) {
    if (!l->planned || l->recipe->ema_form == CHOICE_EMA_NONE) return false;
    double updates = ema_updates(l), looks_back = 1 / fmax(ema_move(l), 1e-12);
    if (looks_back * 3 <= updates) return false;
    return lint_say(
        t,
        "the average looks back over %.0f updates, and the run has %.0f: it stays near its start; set ema.decay "
        "to about %.4g",
        looks_back, updates, 1 - fmin(0.5, 20 / updates));
}

bool lint_finds_ema_zero_start(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool zero = r->ema_start == CHOICE_EMA_START_ZERO ||
                (r->ema_start == CHOICE_EMA_START_OWN && r->ema_form == CHOICE_EMA_OPTAX);
    if (!l->planned || r->ema_form == CHOICE_EMA_NONE || !zero) return false;
    if (r->ema_evaluate != CHOICE_EMA_ACCUMULATOR || r->ema_dynamic != CHOICE_EMA_CONSTANT) return false;
    double first = ema_updates(l) / (double)r->epochs * (double)r->eval_every_epochs;
    double share = 1 - pow(1 - ema_move(l), first);
    if (share > 0.99) return false;
    return lint_say(
        t,
        "the average begins at zero, so that at the first evaluation its weights have %.3g %% of their size; "
        "set ema.evaluate=debiased or ema.dynamic=updates",
        100 * share);
}
