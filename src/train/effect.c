/* effect.c — the effects of effects.def on steps, learning rate, optimizer and decay; the table; two recipes compared.
 *
 * What concerns pictures, model and loss is in effect_pictures.c. SPDX-License-Identifier: Apache-2.0 */
#include "train/effect.h"

#include <math.h>
#include <string.h>

#include "train/effect_rows.h"
#include "train/from_recipe.h"
#include "train/layer_decay.h"

/* ---- steps ---- */

void tell_steps_per_epoch(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%lld", (long long)f->plan.steps);
}

void tell_total_steps(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%lld (%lld epochs)", (long long)f->plan.total_steps, (long long)f->plan.epochs);
}

void tell_images_per_step(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%lld", (long long)f->plan.images_per_step);
}

void tell_stream(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    int64_t rest = f->plan.images % schedule_pass_images(r);
    if (r->data_stream == CHOICE_DATA_EPOCHS)
        text_add(t, rest == 0 ? "whole" : r->drop_last ? "the rest left out" : "the last one short");
    else
        text_add(t, r->data_stream == CHOICE_DATA_REPEAT ? "go on with the next pass"
                                                         : "go on with the next pass, and so does the shuffle buffer");
}

void tell_left_out(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%lld", (long long)f->plan.images_left_out);
}

void tell_accumulation(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    text_addf(t, "%lld", (long long)r->accumulate);
    if (r->accumulate > 1)
        text_addf(t, ", batch norm over %s", r->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT ? "all" : "each");
}

/* ---- learning rate ---- */

static bool is_schedule(const struct effect_facts *f, const char *names) {
    const char *at = strstr(names, f->recipe->schedule_name);
    return at && f->recipe->schedule_name[0];
}

static void add_epochs(struct text *t, const struct effect_facts *f, double units) {
    double steps = f->schedule.by_epoch ? units * (double)f->plan.steps : units;
    text_addf(t, "%.10g step%s (%.4g epochs)", steps, steps == 1 ? "" : "s", steps / (double)f->plan.steps);
}

void tell_peak_lr(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g", f->schedule.peak);
}

void tell_highest_lr(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g at step %lld", f->highest_lr, (long long)f->highest_at);
}

void tell_lr_per_image(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g", f->schedule.peak * 256 / (double)f->plan.images_per_step);
}

void tell_warmup(const struct effect_facts *f, struct text *t) {
    const struct schedule *s = &f->schedule;
    if (s->warmup == 0) {
        text_add(t, "none");
        return;
    }
    add_epochs(t, f, s->warmup);
    text_addf(t, s->warmup_constant ? " at %.6g" : " from %.6g", s->warmup_init);
    if (s->warmup_constant) return;
    if (s->warmup_to_decayed) text_add(t, " to the decayed value");
    if (s->warmup_span != s->warmup) text_add(t, ", its last step at the peak");
}

/* What a curve with an end has of cycles and cool-down. */
static void add_end(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    const struct schedule *s = &f->schedule;
    if (is_schedule(f, "wsd"))
        text_addf(t, ", %s, then %s", r->schedule_stable == CHOICE_STABLE_RSQRT ? "1 / sqrt(1 + t)" : "constant",
                  recipe_word(RECIPE_schedule_decay_form, r->schedule_decay_form));
    if (r->schedule_k_decay != 1) text_addf(t, ", k-decay %.6g", r->schedule_k_decay);
    if (s->cycles > 1) {
        text_addf(t, ", %lld cycles, the first of ", (long long)s->cycles);
        add_epochs(t, f, s->cycle);
        text_addf(t, ", peaks times %.6g, lengths times %.6g", s->cycle_decay, s->cycle_mul);
    }
    double end = s->total - s->length - s->origin;
    if (r->schedule_cycle_epochs > 0) {
        end = s->total - s->origin;
        for (int64_t i = 0; i < s->cycles; i++) end -= s->cycle * pow(s->cycle_mul, (double)i);
    }
    if (end > 0 && !is_schedule(f, "wsd")) text_add(t, ", then ");
    if (end > 0 && is_schedule(f, "wsd")) text_add(t, ", cool-down ");
    if (end > 0) add_epochs(t, f, end);
    if (end > 0) text_addf(t, " at %.6g", s->end);
}

void tell_curve(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    text_add(t, r->schedule_name);
    if (is_schedule(f, "exponential inverse_time")) text_add(t, r->schedule_staircase ? ", staircase" : ", smooth");
    if (is_schedule(f, "cosine polynomial") && r->schedule_exponent != 1)
        text_addf(t, ", exponent %.6g", r->schedule_exponent);
    if (is_schedule(f, "cosine polynomial tanh wsd")) add_end(f, t);
    if (schedule_follows_run(&f->schedule))
        text_addf(t, ", falling after %lld evaluations whose %s is no better, not below %.6g",
                  (long long)f->schedule.patience + 1, recipe_word(RECIPE_schedule_metric, r->schedule_metric),
                  f->schedule.end);
    text_add(t, r->schedule_unit == CHOICE_UNIT_EPOCH ? ", moves once an epoch" : ", moves each step");
}

void tell_decay_rate(const struct effect_facts *f, struct text *t) {
    if (is_schedule(f, "exponential step multistep inverse_time plateau"))
        text_addf(t, "%.6g", f->schedule.rate);
    else
        text_add(t, "none");
}

void tell_decay_every(const struct effect_facts *f, struct text *t) {
    const struct schedule *s = &f->schedule;
    if (is_schedule(f, "exponential step inverse_time")) {
        add_epochs(t, f, s->decay_every);
    } else if (is_schedule(f, "wsd")) {
        text_add(t, "over the last ");
        add_epochs(t, f, s->fall);
    } else if (is_schedule(f, "multistep")) {
        for (int i = 0; i < s->milestones; i++) {
            text_add(t, i ? ", at " : "at ");
            add_epochs(t, f, s->milestone[i] + s->origin);
        }
    } else {
        text_add(t, "none");
    }
}

void tell_decay_from(const struct effect_facts *f, struct text *t) {
    const struct schedule *s = &f->schedule;
    double steps = s->by_epoch ? s->origin * (double)f->plan.steps : s->origin;
    if (is_schedule(f, "constant"))
        text_add(t, "none");
    else if (schedule_follows_run(s))
        text_add(t, "where evaluations no longer get better");
    else
        text_addf(t, "epoch %.4g (step %.10g)", steps / (double)f->plan.steps, steps);
}

void tell_last_lr(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.4g", schedule_lr(&f->schedule, f->plan.total_steps - 1));
}

void tell_layer_rates(const struct effect_facts *f, struct text *t) {
    struct arena arena = {0};
    const struct model_family *family;
    struct layer_rates rates = {0};
    bool ok = f->recipe->layer_decay < 1 && model_find(f->recipe->model_name, &family) == SK_OK &&
              layer_rates_make(&rates, f->recipe, family, f->input->tensors, f->input->tensor_count, &arena) == SK_OK;
    if (f->recipe->layer_decay == 1)
        text_add(t, "all of it");
    else if (!ok || rates.count == 0)
        text_addf(t, "%.6g for each layer below the head", f->recipe->layer_decay);
    else
        text_addf(t, "%.4g at the first of %lld layers, 1 at the last, %.6g between two%s", rates.item[0].factor,
                  (long long)rates.layers, f->recipe->layer_decay, rates.holds ? "; the slowest are not trained" : "");
    status_clear();
    arena_free(&arena);
}

/* ---- optimizer ---- */

static bool is_rmsprop(const struct effect_facts *f) {
    return !strcmp(f->recipe->optimizer_name, "rmsprop");
}

static bool is_adam(const struct effect_facts *f) {
    return !strcmp(f->recipe->optimizer_name, "adam");
}

void tell_optimizer(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    bool decoupled = is_adam(f) && r->weight_decay_order == CHOICE_DECAY_DECOUPLED;
    text_add(t, decoupled ? "adamw" : r->optimizer_name);
    if (r->optimizer_nesterov) text_add(t, ", Nesterov");
    if (is_rmsprop(f) && r->optimizer_centered) text_add(t, ", centered");
    if (is_rmsprop(f) && r->optimizer_bias_correction) text_add(t, ", corrected for its start");
}

void tell_momentum(const struct effect_facts *f, struct text *t) {
    text_addf(t, "%.6g", is_adam(f) ? f->optimizer.beta1 : f->optimizer.momentum);
}

void tell_momentum_form(const struct effect_facts *f, struct text *t) {
    if (is_adam(f) || f->optimizer.momentum == 0)
        text_add(t, "none");
    else
        text_add(t, f->optimizer.lr_in_momentum ? "inside it" : "multiplies it");
}

void tell_second(const struct effect_facts *f, struct text *t) {
    if (is_adam(f) || is_rmsprop(f))
        text_addf(t, "%.6g", is_adam(f) ? f->optimizer.beta2 : f->optimizer.alpha);
    else
        text_add(t, "none");
}

void tell_eps(const struct effect_facts *f, struct text *t) {
    const struct optimizer *o = &f->optimizer;
    if (is_adam(f))
        text_addf(t, "sqrt(v%s) + %.6g", o->eps_hat ? "" : ", corrected", o->eps);
    else if (is_rmsprop(f))
        text_addf(t, o->eps_in_sqrt ? "sqrt(v + %.6g)" : "sqrt(v) + %.6g", o->eps);
    else
        text_add(t, "none");
    if (is_adam(f) && o->eps_root > 0) text_addf(t, ", %.6g under the root", o->eps_root);
}

void tell_mean_square(const struct effect_facts *f, struct text *t) {
    if (is_rmsprop(f))
        text_addf(t, "%.6g", f->optimizer.initial_mean_square);
    else
        text_add(t, "none");
}

/* The coefficients in use, most parameters first is not needed: smallest to largest, each once. */
static void add_coefficients(const struct effect_facts *f, struct text *t, double factor) {
    double last = 0;
    bool any = false;
    for (;;) {
        double next = INFINITY;
        for (size_t i = 0; i < f->input->tensor_count; i++) {
            double c = f->decisions[i].coefficient;
            if (c > last && c < next) next = c;
        }
        if (isinf(next)) break;
        text_addf(t, "%s%.6g", any ? ", " : "", next * factor);
        any = true;
        last = next;
    }
    if (!any) text_add(t, "0");
}

static void tell_decay(const struct effect_facts *f, struct text *t, bool decoupled, double factor) {
    if (f->optimizer.decoupled && !decoupled)
        text_addf(t, "%.6g", f->recipe->weight_decay_l2);
    else if (f->optimizer.decoupled != decoupled)
        text_add(t, "0");
    else if (f->decisions)
        add_coefficients(f, t, factor);
    else
        text_addf(t, "%.6g", f->recipe->weight_decay_value * factor);
}

void tell_l2(const struct effect_facts *f, struct text *t) {
    tell_decay(f, t, false, 1);
}

void tell_decoupled(const struct effect_facts *f, struct text *t) {
    tell_decay(f, t, true, f->schedule.peak);
}

void tell_decayed(const struct effect_facts *f, struct text *t) {
    int64_t all = 0, decayed = 0;
    for (size_t i = 0; f->decisions && i < f->input->tensor_count; i++) {
        all += f->input->tensors[i].elements;
        decayed += f->decisions[i].coefficient > 0 ? f->input->tensors[i].elements : 0;
    }
    if (all)
        text_addf(t, "%.2f %%", 100.0 * (double)decayed / (double)all);
    else
        text_add(t, "unknown");
}

void tell_clip(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    if (r->clip_norm > 0)
        text_addf(t, "norm %.6g as %s", r->clip_norm, r->clip_norm_of == CHOICE_CLIP_TORCH ? "PyTorch" : "Optax");
    if (r->clip_value > 0) text_addf(t, "%svalues %.6g", r->clip_norm > 0 ? ", " : "", r->clip_value);
    if (r->clip_norm == 0 && r->clip_value == 0) text_add(t, "none");
}

void tell_ema(const struct effect_facts *f, struct text *t) {
    const struct recipe *r = f->recipe;
    if (r->ema_form == CHOICE_EMA_NONE) {
        text_add(t, "none");
        return;
    }
    double batch = (double)(r->batch_size * (f->input->world ? f->input->world : 1));
    double move = 1 - r->ema_decay;
    if (r->ema_adjust) move = fmin(1, move * batch * (double)r->ema_every / (double)r->epochs);
    double updates = (double)f->plan.total_steps / (double)r->ema_every;
    if (r->ema_per == CHOICE_EMA_MICRO_BATCH) updates *= (double)r->accumulate;
    text_addf(t, "%s, decay %.6g", recipe_word(RECIPE_ema_form, r->ema_form), 1 - move);
    if (r->ema_dynamic != CHOICE_EMA_CONSTANT) text_addf(t, " (%s)", recipe_word(RECIPE_ema_dynamic, r->ema_dynamic));
    text_addf(t, ", looks back over %.4g steps of %lld", (double)f->plan.total_steps / updates / fmax(move, 1e-12),
              (long long)f->plan.total_steps);
}

/* ---- the table ---- */

static const struct {
    const char *name, *keys;
    void (*tell)(const struct effect_facts *facts, struct text *text);
} effects[] = {
#define EFFECT(row, name, keys) {name, keys, tell_##row},
#include "train/effects.def"
#undef EFFECT
};
enum { EFFECTS = sizeof effects / sizeof *effects };

size_t effect_count(void) {
    return EFFECTS;
}

const char *effect_name(size_t index) {
    return effects[index].name;
}

sk_status effect_text(size_t index, const struct effect_facts *facts, struct text *text) {
    effects[index].tell(facts, text);
    return text_check(text);
}

/* Does the list "a.b c." hold the key, or its group? */
static bool lists(const char *list, const char *key) {
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, " ");
        bool group = length && at[length - 1] == '.';
        if (!strncmp(at, key, length) && (group || key[length] == '\0')) return true;
        at += length;
        at += *at == ' ';
    }
    return false;
}

bool effect_tells(enum recipe_key_id id) {
    for (size_t i = 0; i < EFFECTS; i++)
        if (lists(effects[i].keys, recipe_key_name(id))) return true;
    return false;
}

sk_status effect_facts_make(struct effect_facts *facts, struct recipe *recipe, const struct trace_input *input,
                            struct arena *arena) {
    *facts = (struct effect_facts){.input = input, .recipe = recipe};
    TRY(recipe_settle_model(recipe));
    TRY(recipe_check(recipe));
    TRY(epoch_plan_make(&facts->plan, recipe, input->train_images, input->world ? input->world : 1));
    TRY(schedule_make(&facts->schedule, recipe, &facts->plan));
    TRY(optimizer_make(&facts->optimizer, recipe));
    if (input->tensor_count) {
        facts->decisions = arena_array(arena, input->tensor_count, sizeof *facts->decisions);
        if (!facts->decisions) return SK_EMEMORY;
        TRY(decay_decide(recipe, input->tensors, input->tensor_count, facts->decisions));
    }
    for (int64_t step = 0; step < facts->plan.total_steps; step++) {
        double lr = schedule_lr(&facts->schedule, step);
        if (lr <= facts->highest_lr) continue;
        facts->highest_lr = lr;
        facts->highest_at = step;
    }
    return SK_OK;
}

/* ---- two recipes ---- */

static const char *kept(struct arena *arena, struct text *text) {
    const char *copy = text->failed ? NULL : arena_strdup(arena, text->data ? text->data : "");
    text_free(text);
    return copy;
}

static sk_status compare_effect(size_t index, const struct effect_facts *left, const struct effect_facts *right,
                                struct arena *arena, struct effect_difference *difference) {
    struct text a = {0}, b = {0};
    sk_status status = effect_text(index, left, &a);
    if (status == SK_OK) status = effect_text(index, right, &b);
    *difference = (struct effect_difference){.name = effects[index].name};
    difference->left = kept(arena, &a);
    difference->right = kept(arena, &b);
    TRY(status);
    return difference->left && difference->right ? SK_OK : SK_EMEMORY;
}

static sk_status compare_key(enum recipe_key_id id, const struct recipe *left, const struct recipe *right,
                             struct arena *arena, struct effect_difference *difference) {
    struct text a = {0}, b = {0};
    sk_status status = recipe_value(left, id, &a);
    if (status == SK_OK) status = recipe_value(right, id, &b);
    *difference = (struct effect_difference){.name = recipe_key_name(id), .is_key = true};
    difference->left = kept(arena, &a);
    difference->right = kept(arena, &b);
    TRY(status);
    return difference->left && difference->right ? SK_OK : SK_EMEMORY;
}

sk_status effect_diff(const struct effect_facts *left, const struct effect_facts *right, struct arena *arena,
                      struct effect_difference **differences, size_t *count) {
    bool differs[EFFECTS];
    *count = 0;
    struct effect_difference *list = arena_array(arena, (size_t)EFFECTS + RECIPE_KEYS, sizeof *list);
    if (!list) return SK_EMEMORY;
    for (size_t i = 0; i < EFFECTS; i++) {
        TRY(compare_effect(i, left, right, arena, &list[*count]));
        differs[i] = strcmp(list[*count].left, list[*count].right) != 0;
        *count += differs[i];
    }
    for (int id = 0; id < RECIPE_KEYS; id++) {
        bool told = false, seen = false;
        if (recipe_value_equal(left->recipe, right->recipe, id)) continue;
        for (size_t i = 0; i < EFFECTS; i++) {
            if (!lists(effects[i].keys, recipe_key_name(id))) continue;
            told = true;
            seen = seen || differs[i];
        }
        if (seen) continue;
        TRY(compare_key(id, left->recipe, right->recipe, arena, &list[*count]));
        list[(*count)++].same_effect = told;
    }
    *differences = list;
    return SK_OK;
}
