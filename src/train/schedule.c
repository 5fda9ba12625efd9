/* schedule.c — warm-up, then a curve; every published variant is a setting of a few lengths.
 *
 * Optax's exponential counts its decay from the end of the warm-up (or, by a common slip, from one warm-up
 * later), Model Garden's and timm's from step 0; official ConvNeXt's ramp includes its end point; torchvision
 * and timm move once per epoch. SPDX-License-Identifier: Apache-2.0 */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#include "train/from_recipe.h"
#include "train/torch_random.h"

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

/* How often the decay has happened. */
static double times(const struct schedule *s, double at, bool is_whole) {
    double often = (at + s->shift) / s->decay_every;
    return is_whole ? whole(often) : often;
}

static double curve_exponential(const struct schedule *s, double at) {
    return s->peak * pow(s->rate, times(s, at, s->staircase));
}

static double curve_step(const struct schedule *s, double at) {
    return s->peak * pow(s->rate, times(s, at, true));
}

static double curve_inverse_time(const struct schedule *s, double at) {
    return s->peak / (1 + s->rate * times(s, at, s->staircase));
}

static double curve_multistep(const struct schedule *s, double at) {
    int passed = 0;
    for (int i = 0; i < s->milestones; i++) passed += at >= s->milestone[i];
    return s->peak * pow(s->rate, passed);
}

/* Where `at` lies: in which cycle, what share of it lies behind, 0 … 1, and what its peak is. */
struct cycle_place {
    double share, peak;
    bool over; /* behind the last cycle */
};

/* Logarithm and powers are timm's own, so that cycles begin at the same step. */
static struct cycle_place find_place(const struct schedule *s, double at) {
    double which, length = s->cycle, inside;
    if (s->cycle_mul == 1) {
        which = floor(at / s->cycle);
        inside = at - s->cycle * which;
    } else {
        which = floor(log(1 - at / s->cycle * (1 - s->cycle_mul)) / log(s->cycle_mul));
        length = pow(s->cycle_mul, which) * s->cycle;
        inside = at - (1 - pow(s->cycle_mul, which)) / (1 - s->cycle_mul) * s->cycle;
    }
    struct cycle_place place = {.over = which >= (double)s->cycles, .peak = s->peak * pow(s->cycle_decay, which)};
    place.share = s->k_decay == 1 ? inside / length : pow(fmax(inside, 0), s->k_decay) / pow(length, s->k_decay);
    place.share = fmin(fmax(place.share, 0), 1);
    return place;
}

static double curve_cosine(const struct schedule *s, double at) {
    struct cycle_place place = find_place(s, at);
    double wave = 0.5 * (1 + cos(acos(-1.0) * place.share));
    return place.over ? s->end : s->end + (place.peak - s->end) * pow(wave, s->exponent);
}

static double curve_polynomial(const struct schedule *s, double at) {
    struct cycle_place place = find_place(s, at);
    return place.over ? s->end : s->end + (place.peak - s->end) * pow(1 - place.share, s->exponent);
}

static double curve_tanh(const struct schedule *s, double at) {
    struct cycle_place place = find_place(s, at);
    double bent = tanh(s->tanh_low * (1 - place.share) + s->tanh_high * place.share);
    return place.over ? s->end : s->end + 0.5 * (place.peak - s->end) * (1 - bent);
}

/* What is left at share `at` of the decay. */
static double wsd_left(const struct schedule *s, double at) {
    switch (s->fall_form) {
    case CHOICE_DECAY_SQRT: return 1 - sqrt(at);
    case CHOICE_DECAY_COSINE: return 0.5 * (1 + cos(acos(-1.0) * at));
    case CHOICE_DECAY_EXPONENTIAL: return (pow(0.1, at) - 0.1) / (1 - 0.1);
    default: return 1 - at;
    }
}

static double curve_wsd(const struct schedule *s, double at) {
    double stable = s->stable_time > 0 ? s->peak * pow(1 + at / s->stable_time, -0.5) : s->peak;
    double falling = at - (s->length - s->fall);
    if (stable < s->end) stable = s->end;
    if (falling <= 0) return stable;
    return s->end + (stable - s->end) * wsd_left(s, fmin(falling / s->fall, 1));
}

static double curve_plateau(const struct schedule *s, double at) {
    (void)at;
    return s->reached;
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

int64_t schedule_pass_images(const struct recipe *recipe) {
    bool exact = recipe->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT;
    return recipe->batch_size * (exact ? recipe->accumulate : 1);
}

int64_t schedule_passes(const struct recipe *recipe) {
    return recipe->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT ? 1 : recipe->accumulate;
}

/* One pass is one step: what is left over is used in both senses of the word, or in none. */
static sk_status check_exact(const struct recipe *recipe) {
    if (recipe->accumulate_batch_norm != CHOICE_ACCUMULATE_EXACT) return SK_OK;
    if (recipe->accumulate == 1)
        return recipe_fail(recipe, RECIPE_accumulate_batch_norm, "exact, but accumulate is 1: nothing is accumulated");
    if (recipe->data_stream != CHOICE_DATA_EPOCHS) return SK_OK; /* every batch is whole */
    if (recipe->drop_last == (recipe->steps_per_epoch == CHOICE_STEPS_CEIL))
        return recipe_fail(recipe, RECIPE_accumulate_batch_norm,
                           "exact takes a whole optimizer step at once: set drop_last=true steps_per_epoch=floor, or "
                           "drop_last=false steps_per_epoch=ceil");
    return SK_OK;
}

/* Of a stream an epoch is so many whole steps: passes over the data go on over its end. */
static void cut_stream(struct epoch_plan *plan, const struct recipe *recipe, int64_t images, int64_t per_batch) {
    int64_t passes = schedule_passes(recipe), per_step = per_batch * passes;
    bool ceil = recipe->steps_per_epoch == CHOICE_STEPS_CEIL;
    plan->steps = images / per_step + (ceil && images % per_step != 0);
    plan->batches = plan->steps * passes;
    plan->images_used = plan->steps * per_step;
    plan->images_left_out = 0;
    plan->total_steps = plan->steps * plan->epochs;
}

sk_status epoch_plan_make(struct epoch_plan *plan, const struct recipe *recipe, int64_t images, int world) {
    TRY(check_exact(recipe));
    const struct repeat repeat = recipe_repeat(recipe);
    images = repeat_length(&repeat, images);
    int64_t per_batch = schedule_pass_images(recipe) * world, passes = schedule_passes(recipe);
    int64_t full = images / per_batch, rest = images % per_batch;
    int64_t batches = full + (rest && !recipe->drop_last);
    int64_t steps = batches / passes;
    bool short_step = recipe->steps_per_epoch == CHOICE_STEPS_CEIL && batches % passes != 0;
    steps += short_step;
    int64_t used_batches = short_step ? batches : steps * passes;
    int64_t used = used_batches > full ? images : used_batches * per_batch;
    *plan = (struct epoch_plan){
        .images = images,
        .batches = used_batches,
        .steps = steps,
        .images_used = used,
        .images_left_out = images - used,
        .images_per_step = per_batch * passes,
        .epochs = recipe->epochs,
        .total_steps = steps * recipe->epochs,
    };
    if (recipe->data_stream != CHOICE_DATA_EPOCHS) cut_stream(plan, recipe, images, per_batch);
    if (plan->steps == 0)
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

/* How long until the first decay, and what it multiplies. */
static sk_status find_decay(struct schedule *s, const struct recipe *recipe) {
    int64_t steps = recipe->schedule_decay_steps;
    s->decay_every = units(s, recipe->schedule_decay_epochs);
    if (steps > 0 && s->by_epoch)
        return recipe_fail(recipe, RECIPE_schedule_decay_steps, "set, but schedule.unit is epoch; use decay_epochs");
    if (steps > 0) s->decay_every = (double)steps;
    if (s->decay_every <= 0)
        return recipe_fail(recipe, RECIPE_schedule_decay_epochs, "%g epochs of %lld steps are less than one step",
                           recipe->schedule_decay_epochs, (long long)s->steps_per_epoch);
    s->shift = units(s, recipe->schedule_decay_shift);
    if (s->rate > 1 && s->kind->curve != curve_inverse_time)
        return recipe_fail(recipe, RECIPE_schedule_decay_rate, "%g; expected at most 1 (inverse_time alone takes more)",
                           s->rate);
    return SK_OK;
}

static sk_status find_noise(struct schedule *s, const struct recipe *recipe) {
    const struct f64_list *range = &recipe->schedule_noise_range;
    if (range->count == 0) return SK_OK;
    s->noise_begin = range->item[0] * s->total;
    s->noise_end = range->count > 1 ? range->item[1] * s->total : INFINITY;
    s->noise_percent = recipe->schedule_noise_percent;
    s->noise_std = recipe->schedule_noise_std;
    s->noise_uniform = recipe->schedule_noise == CHOICE_NOISE_UNIFORM;
    s->noise_seed = recipe->schedule_noise_seed;
    if (!s->noise_uniform && s->noise_percent < 1e-4 * s->noise_std)
        return recipe_fail(recipe, RECIPE_schedule_noise_percent,
                           "%g is too small for noise of standard deviation %g: drawing would hardly end",
                           s->noise_percent, s->noise_std);
    return SK_OK;
}

/* Curves that know the run's end. */
static bool has_end(const struct schedule *s) {
    return s->kind->curve == curve_cosine || s->kind->curve == curve_polynomial || s->kind->curve == curve_tanh ||
           s->kind->curve == curve_wsd;
}

static sk_status find_cycles(struct schedule *s, const struct recipe *recipe) {
    double cooldown = units(s, recipe->schedule_cooldown_epochs), turns = 0;
    s->cycles = recipe->schedule_cycles;
    s->cycle_mul = recipe->schedule_cycle_mul;
    s->cycle_decay = recipe->schedule_cycle_decay;
    s->length = s->total - cooldown - s->origin;
    if (!has_end(s)) return SK_OK;
    if (s->length <= 0)
        return recipe_fail(recipe, RECIPE_schedule_warmup_epochs,
                           "warm-up and cool-down leave nothing of %lld epochs for the %s curve",
                           (long long)recipe->epochs, s->kind->name);
    for (int64_t i = 0; i < s->cycles; i++) turns += pow(s->cycle_mul, (double)i);
    s->cycle = s->length / turns;
    if (recipe->schedule_cycle_epochs == 0) return SK_OK;
    s->cycle = units(s, recipe->schedule_cycle_epochs);
    if (cooldown > 0)
        return recipe_fail(recipe, RECIPE_schedule_cooldown_epochs,
                           "%g, but schedule.cycle_epochs says where the last cycle ends: what is left stays at end_lr",
                           recipe->schedule_cooldown_epochs);
    if (s->cycle < 1)
        return recipe_fail(recipe, RECIPE_schedule_cycle_epochs, "%g epochs are less than one %s",
                           recipe->schedule_cycle_epochs, s->by_epoch ? "epoch" : "step");
    return SK_OK;
}

static sk_status find_fall(struct schedule *s, const struct recipe *recipe) {
    if (s->kind->curve != curve_wsd) return SK_OK;
    bool root = recipe->schedule_stable == CHOICE_STABLE_RSQRT;
    s->fall = s->decay_every;
    s->fall_form = recipe->schedule_decay_form;
    if (root)
        s->stable_time = recipe->schedule_stable_epochs > 0 ? units(s, recipe->schedule_stable_epochs) : s->warmup;
    if (root && s->stable_time <= 0)
        return recipe_fail(recipe, RECIPE_schedule_stable_epochs,
                           "stable rsqrt needs a time: set it, or schedule.warmup_epochs");
    if (s->fall > s->length)
        return recipe_fail(recipe, RECIPE_schedule_decay_epochs,
                           "%g epochs of decay, but warm-up and cool-down leave %g", recipe->schedule_decay_epochs,
                           s->by_epoch ? s->length : s->length / (double)s->steps_per_epoch);
    return SK_OK;
}

static sk_status check_warmup(const struct schedule *s, const struct recipe *recipe) {
    if (!s->warmup_constant || s->warmup_init > 0 || s->warmup == 0) return SK_OK;
    return recipe_fail(recipe, RECIPE_schedule_warmup_init,
                       "0, and schedule.warmup_form is constant: nothing would move until the warm-up ends");
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
        .warmup_constant = recipe->schedule_warmup_form == CHOICE_WARMUP_CONSTANT,
        .k_decay = recipe->schedule_k_decay,
        .tanh_low = recipe->schedule_tanh_bounds.item[0],
        .tanh_high = recipe->schedule_tanh_bounds.item[1],
        .steps_per_epoch = plan->steps,
        .threshold = recipe->schedule_threshold,
        .patience = recipe->schedule_patience_epochs,
        .quiet = recipe->schedule_plateau_cooldown,
        .metric_falls = recipe->schedule_metric == CHOICE_METRIC_LOSS,
    };
    s->reached = s->peak;
    TRY(find_kind(&s->kind, recipe));
    s->warmup = units(s, recipe->schedule_warmup_epochs);
    s->warmup_span = recipe->schedule_warmup_reaches_end && s->warmup > 1 ? s->warmup - 1 : s->warmup;
    s->origin = recipe->schedule_decay_from * s->warmup; /* zero, one or two warm-ups */
    TRY(find_decay(s, recipe));
    s->total = s->by_epoch ? (double)plan->epochs : (double)plan->total_steps;
    TRY(find_noise(s, recipe));
    TRY(find_cycles(s, recipe));
    TRY(find_fall(s, recipe));
    TRY(check_warmup(s, recipe));
    s->milestones = (int)recipe->schedule_milestones.count;
    for (int i = 0; i < s->milestones; i++) s->milestone[i] = units(s, recipe->schedule_milestones.item[i]) - s->origin;
    return SK_OK;
}

static double decayed(const struct schedule *s, double at) {
    return s->kind->curve(s, at > s->origin ? at - s->origin : 0);
}

bool schedule_follows_run(const struct schedule *s) {
    return s->kind->curve == curve_plateau;
}

static double unit_of(const struct schedule *s, int64_t step) {
    return (double)(s->by_epoch ? step / s->steps_per_epoch : step);
}

bool schedule_warming(const struct schedule *s, int64_t step) {
    return unit_of(s, step) < s->warmup;
}

/* timm's: a generator of its own for each unit. */
double schedule_noise(const struct schedule *s, int64_t step) {
    struct torch_random random;
    double at = unit_of(s, step), noise;
    if (!(at >= s->noise_begin && at < s->noise_end)) return 0;
    if (schedule_follows_run(s) && at <= s->warmup) return 0; /* timm: not in its warm-up */
    torch_random_seed(&random, (uint64_t)(s->noise_seed + (int64_t)at));
    if (s->noise_uniform) return 2 * (torch_rand(&random) - 0.5) * s->noise_percent;
    do noise = torch_randn(&random) * s->noise_std;
    while (fabs(noise) >= s->noise_percent);
    return noise;
}

double schedule_lr(const struct schedule *s, int64_t step) {
    double at = unit_of(s, step), lr;
    if (at >= s->warmup) {
        lr = decayed(s, at);
    } else {
        double goal = s->warmup_to_decayed ? decayed(s, s->warmup) : s->peak;
        if (s->warmup_constant) goal = s->warmup_init;
        lr = s->warmup_init + (goal - s->warmup_init) * (at / s->warmup_span);
    }
    return lr + lr * schedule_noise(s, step);
}
