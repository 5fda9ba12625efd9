/* trace_step.c — accumulation, clipping, noise, moving average and checkpoint averaging of a recipe, followed without
 * training.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace_step.h"

#include <math.h>
#include <string.h>

#include "train/clip.h"
#include "train/ema.h"

/* ---- the moving average, step by step ---- */

enum { POINTS = 6, STEPS_MAX = 50000000 }; /* longer runs than that are not followed to their end */

struct point {
    int64_t step; /* optimizer steps made */
    struct ema_counters counters;
    double factor;
};

struct follower {
    const struct trace_step *trace;
    struct ema ema;
    struct ema_counters counters;
};

static void follow_step(struct follower *f, int64_t step) {
    const struct epoch_plan *plan = f->trace->plan;
    int64_t inside = step % plan->steps, passes = schedule_passes(f->trace->recipe);
    bool warming = schedule_warming(f->trace->schedule, step);
    if (!f->ema.micro) {
        if (ema_due(&f->ema, inside)) ema_next(&f->ema, &f->counters, warming);
        return;
    }
    for (int64_t b = inside * passes; b < (inside + 1) * passes && b < plan->batches; b++)
        if (ema_due(&f->ema, b)) ema_next(&f->ema, &f->counters, warming);
}

/* After 1, 10, … 10,000 steps and at the end; returns how many there are. */
static int follow(const struct trace_step *trace, const struct ema *ema, struct point points[POINTS]) {
    struct follower f = {trace, *ema, ema_counters_new()};
    int64_t total = trace->plan->total_steps, next = 1;
    int count = 0;
    for (int64_t step = 0; step < total && step < STEPS_MAX; step++) {
        follow_step(&f, step);
        if (step + 1 != total && (step + 1 != next || next > 10000)) continue;
        points[count++] = (struct point){step + 1, f.counters, ema_factor(ema, &f.counters)};
        if (step + 1 == next) next *= 10;
    }
    return count;
}

/* ---- the rest ---- */

sk_status trace_step_check(const struct trace_step *trace) {
    struct ema ema;
    struct clip clip;
    TRY(ema_make(&ema, trace->recipe));
    return clip_make(&clip, trace->recipe);
}

/* Optimizer steps between two decays; 0: not by steps. */
static double decay_steps(const struct trace_step *trace) {
    const struct schedule *s = trace->schedule;
    return s->by_epoch ? s->decay_every * (double)s->steps_per_epoch : s->decay_every;
}

static bool decays(const struct trace_step *trace) {
    const char *name = trace->recipe->schedule_name;
    return !strcmp(name, "step") || !strcmp(name, "exponential") || !strcmp(name, "inverse_time");
}

static void ema_json(const struct trace_step *trace, struct json_writer *w) {
    struct point points[POINTS];
    struct ema ema;
    if (trace->recipe->ema_form == CHOICE_EMA_NONE || ema_make(&ema, trace->recipe) != SK_OK) return;
    int count = follow(trace, &ema, points);
    jw_object(w, "ema");
    jw_string(w, "form", recipe_word(RECIPE_ema_form, ema.form));
    jw_number(w, "decay", ema.decay);
    jw_bool(w, "starts_at_zero", ema.from_zero);
    jw_array(w, "points");
    for (int i = 0; i < count; i++) {
        jw_object(w, NULL);
        jw_integer(w, "step", points[i].step);
        jw_integer(w, "updates", (int64_t)points[i].counters.updates);
        jw_number(w, "decay", points[i].counters.decay);
        jw_number(w, "start_left", points[i].counters.left);
        jw_number(w, "factor", points[i].factor);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

sk_status trace_step_json(const struct trace_step *trace, struct json_writer *w) {
    const struct recipe *r = trace->recipe;
    jw_integer(w, "images_per_pass", schedule_pass_images(r));
    jw_string(w, "accumulate_batch_norm", recipe_word(RECIPE_accumulate_batch_norm, r->accumulate_batch_norm));
    jw_integer(w, "warmup_steps",
               (int64_t)(trace->schedule->warmup * (trace->schedule->by_epoch ? (double)trace->plan->steps : 1)));
    if (decays(trace)) jw_number(w, "decay_steps", decay_steps(trace));
    ema_json(trace, w);
    return text_check(&w->text);
}

static void text_accumulation(const struct recipe *r, struct text *text) {
    long long batch = r->batch_size, times = r->accumulate;
    if (times == 1) return;
    if (r->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT)
        text_addf(text, "  accumulation, exact: one pass over %lld pictures, batch norm over all of them\n", batch * times);
    else
        text_addf(text, "  accumulation: mean gradient of %lld batches; batch norm over each batch of %lld\n", times, batch);
}

static void text_schedule(const struct trace_step *trace, struct text *text) {
    const struct schedule *s = trace->schedule;
    double unit = s->by_epoch ? (double)s->steps_per_epoch : 1;
    if (s->warmup > 0) text_addf(text, "  warm-up: %.0f steps\n", s->warmup * unit);
    if (decays(trace)) text_addf(text, "  decay every %.10g steps\n", decay_steps(trace));
    if (s->noise_end > s->noise_begin)
        text_addf(text, "  learning-rate noise from step %.0f%s, at most %g %%\n", ceil(s->noise_begin) * unit,
                  s->noise_end < s->total ? " on, for a part of the run" : " on", 100 * s->noise_percent);
}

static void text_ema(const struct trace_step *trace, struct text *text) {
    struct point points[POINTS];
    struct ema ema;
    if (trace->recipe->ema_form == CHOICE_EMA_NONE || ema_make(&ema, trace->recipe) != SK_OK) return;
    int count = follow(trace, &ema, points);
    const char *unit = ema.micro ? "batch" : "step";
    text_addf(text, "moving average as %s, begun with %s, ", recipe_word(RECIPE_ema_form, ema.form),
              ema.from_zero ? "zero" : "the weights");
    if (ema.every > 1)
        text_addf(text, "moved at an epoch's first %s and every %lld from there\n", unit, (long long)ema.every);
    else
        text_addf(text, "moved after every %s\n", unit);
    for (int i = 0; i < count; i++) {
        const struct point *p = &points[i];
        text_addf(text, "  step %-8lld decay %-12.9g %.4g %% of it is still its start", (long long)p->step,
                  p->counters.decay, 100 * p->counters.left);
        if (p->factor > 1 + 1e-9) text_addf(text, "; evaluated times %.6g", p->factor);
        text_add(text, "\n");
    }
    if (trace->recipe->ema_best == CHOICE_EMA_BEST_EMA) text_add(text, "  its accuracy chooses the best model\n");
}

static void text_average(const struct recipe *r, struct text *text) {
    if (!r->average_last && !r->average_best) return;
    text_addf(text, "at the end: the mean of the %s %lld epochs' models%s\n", r->average_best ? "best" : "last",
              (long long)(r->average_best ? r->average_best : r->average_last),
              r->average_recalibrate ? ", batch-norm statistics taken anew" : "");
}

sk_status trace_step_text(const struct trace_step *trace, struct text *text) {
    const struct recipe *r = trace->recipe;
    text_accumulation(r, text);
    text_schedule(trace, text);
    if (r->clip_norm > 0)
        text_addf(text, "gradient clipped to a norm of %g, %s\n", r->clip_norm,
                  r->clip_norm_of == CHOICE_CLIP_OPTAX ? "Optax's form" : "PyTorch's form");
    if (r->clip_value > 0) text_addf(text, "gradient clipped to -%g … %g\n", r->clip_value, r->clip_value);
    text_ema(trace, text);
    text_average(r, text);
    return text_check(text);
}
