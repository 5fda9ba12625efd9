/* lint.c — the lints of lints.def.
 *
 * Each test reads what the trace would: the effective values, not the text. SPDX-License-Identifier: Apache-2.0 */
#include "train/lint.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/trace_step.h"

/* What the tests read. */
struct lint {
    const struct trace_input *input;
    const struct recipe *recipe;
    struct recipe preset; /* all defaults */
    struct epoch_plan plan;
    struct schedule schedule;
    struct optimizer optimizer;
    struct decay_decision *decisions;
    bool planned;        /* plan and schedule are made */
    bool decided;        /* decisions are made */
    const char *problem; /* the first failure on the way, or NULL */
};

/* Write the sentence; true, so that a test can end in it. */
static bool say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say(struct text *text, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    text_add(text, sentence);
    return true;
}

static bool is_rmsprop(const struct lint *l) {
    return !strcmp(l->recipe->optimizer_name, "rmsprop");
}

static bool is_schedule(const struct lint *l, const char *name) {
    return !strcmp(l->recipe->schedule_name, name);
}

/* Set to something else than the default. */
static bool differs(const struct lint *l, enum recipe_key_id id) {
    return !recipe_value_equal(l->recipe, &l->preset, id);
}

/* The batch's share in the running statistics, PyTorch's convention. */
static double batch_share(const struct recipe *r) {
    return r->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH ? r->batch_norm_momentum : 1 - r->batch_norm_momentum;
}

/* ---- values that do not fit ---- */

static bool find_recipe(const struct lint *l, struct text *t) {
    return l->problem && say(t, "%s", l->problem);
}

static bool find_channels(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->model_in_channels == r->preprocess_channels) return false;
    return say(t, "the model takes %lld channels, preprocess.channels gives %lld; make them equal",
               (long long)r->model_in_channels, (long long)r->preprocess_channels);
}

static bool find_input_size(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->model_input_size == r->preprocess_crop) return false;
    return say(t, "the model is made for %lld pixels, preprocess.crop gives it %lld", (long long)r->model_input_size,
               (long long)r->preprocess_crop);
}

static bool find_resize_below_crop(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->preprocess_resize == 0 || r->preprocess_resize >= r->preprocess_crop) return false;
    return say(t, "pictures are resized to %lld and cropped to %lld: the border is padding",
               (long long)r->preprocess_resize, (long long)r->preprocess_crop);
}

/* ---- schedule ---- */

static bool find_warmup_beyond_end(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->schedule_warmup_epochs == 0 || r->schedule_warmup_epochs < (double)r->epochs) return false;
    return say(t, "%g epochs of warm-up in a run of %lld: the learning rate never reaches %g",
               r->schedule_warmup_epochs, (long long)r->epochs, r->schedule_lr);
}

static bool find_warmup_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (is_schedule(l, "constant") || r->schedule_warmup_epochs == 0) return false;
    if (r->schedule_decay_from != CHOICE_FROM_WARMUP_TWICE) return false;
    return say(t,
               "the decay starts %g epochs after the warm-up's end, one more warm-up than published; set "
               "schedule.decay_from=warmup_end unless the slip is what you reproduce",
               r->schedule_warmup_epochs);
}

static bool find_peak_never_reached(const struct lint *l, struct text *t) {
    const struct schedule *s = &l->schedule;
    if (!l->planned || s->warmup == 0 || l->plan.total_steps == 0) return false;
    int64_t end = (int64_t)ceil(s->warmup) * (s->by_epoch ? s->steps_per_epoch : 1);
    double reached = schedule_lr(s, end);
    if (reached >= s->peak * 0.999 || l->recipe->schedule_decay_from != CHOICE_FROM_ZERO) return false;
    return say(t, "the decay counts from step 0, so that the warm-up ends at %.6g, not at the peak %.6g", reached,
               s->peak);
}

static bool find_lr_not_scaled(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool batch = r->place[RECIPE_batch_size].origin == RECIPE_FROM_OVERRIDE ||
                 r->place[RECIPE_accumulate].origin == RECIPE_FROM_OVERRIDE;
    bool lr = r->place[RECIPE_schedule_lr].origin == RECIPE_FROM_FILE && r->schedule_lr_for_batch == 0;
    if (!batch || !lr) return false;
    return say(t,
               "the batch was changed to %lld, schedule.lr %g was not; set it, or schedule.lr_for_batch to the batch "
               "that it was made for",
               (long long)(r->batch_size * r->accumulate), r->schedule_lr);
}

static bool find_decay_unused(const struct lint *l, struct text *t) {
    const struct schedule *s = &l->schedule;
    if (!l->planned) return false;
    if (is_schedule(l, "multistep")) {
        if (s->milestones && s->milestone[0] + s->origin < s->total) return false;
        return say(t, "no milestone lies within the run: the learning rate stays at %g", s->peak);
    }
    bool stairs = is_schedule(l, "step") || (is_schedule(l, "exponential") && s->staircase);
    if (!stairs || s->origin + s->decay_every < s->total) return false;
    return say(t, "the first decay comes after the last of %lld epochs: the learning rate stays at %g",
               (long long)l->plan.epochs, s->peak);
}

/* Which schedules read a key; constant reads none of them. */
static const struct {
    enum recipe_key_id id;
    const char *readers;
} schedule_keys[] = {
    {RECIPE_schedule_decay_rate, "exponential step multistep inverse_time"},
    {RECIPE_schedule_decay_epochs, "exponential step inverse_time"},
    {RECIPE_schedule_decay_steps, "exponential step inverse_time"},
    {RECIPE_schedule_decay_shift, "exponential step inverse_time"},
    {RECIPE_schedule_staircase, "exponential inverse_time"},
    {RECIPE_schedule_milestones, "multistep"},
    {RECIPE_schedule_end_lr, "cosine polynomial"},
    {RECIPE_schedule_exponent, "cosine polynomial"},
    {RECIPE_schedule_decay_from, "exponential step multistep inverse_time cosine polynomial"},
};

static bool reads(const char *readers, const char *name) {
    size_t length = strlen(name);
    for (const char *at = strstr(readers, name); at; at = strstr(at + 1, name)) {
        if ((at == readers || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0)) return true;
    }
    return false;
}

static bool find_schedule_keys_unused(const struct lint *l, struct text *t) {
    size_t found = 0;
    for (size_t i = 0; i < sizeof schedule_keys / sizeof *schedule_keys; i++) {
        if (!differs(l, schedule_keys[i].id) || reads(schedule_keys[i].readers, l->recipe->schedule_name)) continue;
        text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(schedule_keys[i].id));
    }
    if (l->recipe->schedule_warmup_epochs == 0 && differs(l, RECIPE_schedule_warmup_init))
        text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(RECIPE_schedule_warmup_init));
    for (int id = RECIPE_schedule_noise; id <= RECIPE_schedule_noise_seed && !l->recipe->schedule_noise_range.count; id++)
        if (differs(l, id)) text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(id));
    return found && say(t, ": set, but not read by this %s schedule", l->recipe->schedule_name);
}

/* ---- optimizer ---- */

static bool find_optimizer_keys_unused(const struct lint *l, struct text *t) {
    static const enum recipe_key_id ids[] = {RECIPE_optimizer_alpha,           RECIPE_optimizer_eps,
                                             RECIPE_optimizer_centered,        RECIPE_optimizer_eps_in_sqrt,
                                             RECIPE_optimizer_bias_correction, RECIPE_optimizer_initial_mean_square};
    size_t found = 0;
    if (is_rmsprop(l)) return false;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        if (differs(l, ids[i])) text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(ids[i]));
    }
    return found && say(t, ": set, but %s does not read it", l->recipe->optimizer_name);
}

static bool find_eps_torch_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!is_rmsprop(l) || r->optimizer_eps_in_sqrt || r->optimizer_eps < 1e-4 || r->optimizer_eps > 0.01) return false;
    return say(t,
               "%g outside the root; a TF eps stands inside it: set optimizer.eps_in_sqrt=true, or eps to about %.3g",
               r->optimizer_eps, sqrt(r->optimizer_eps));
}

static bool find_eps_tf_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!is_rmsprop(l) || !r->optimizer_eps_in_sqrt || r->optimizer_eps <= 0.01 || r->optimizer_eps > 0.2) return false;
    return say(
        t, "%g inside the root; PyTorch's eps stands outside: set optimizer.eps_in_sqrt=false, or eps to about %.3g",
        r->optimizer_eps, r->optimizer_eps * r->optimizer_eps);
}

static bool find_lr_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!is_rmsprop(l) || r->optimizer_eps_in_sqrt == r->optimizer_lr_in_momentum || r->optimizer_momentum == 0)
        return false;
    if (is_schedule(l, "constant") && r->schedule_warmup_epochs == 0) return false; /* no difference */
    return say(t, "eps is %s the root but the learning rate %s the momentum buffer; TF has both inside, PyTorch none",
               r->optimizer_eps_in_sqrt ? "inside" : "outside", r->optimizer_lr_in_momentum ? "inside" : "outside");
}

static bool find_mean_square_start(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!is_rmsprop(l) || r->optimizer_initial_mean_square > 0 || r->optimizer_bias_correction) return false;
    if (r->schedule_warmup_epochs > 0) return false;
    return say(t,
               "the mean square starts at 0 without a warm-up: first steps of up to %.2g per parameter whatever its "
               "gradient; set optimizer.initial_mean_square=1 (TF1, timm) or a warm-up",
               r->schedule_lr / sqrt(1 - r->optimizer_alpha));
}

/* ---- batch-norm ---- */

static bool find_momentum_inverted(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool of_batch = r->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH;
    if (batch_share(r) <= 0.5) return false;
    return say(
        t, "each batch makes up %.4g %% of the running statistics; set batch_norm.momentum_of=%s, or momentum to %.4g",
        100 * batch_share(r), of_batch ? "running" : "batch", 1 - r->batch_norm_momentum);
}

static bool find_momentum_slow(const struct lint *l, struct text *t) {
    if (!l->planned) return false;
    double batches = (double)l->plan.batches * (double)l->plan.epochs;
    double left = pow(1 - batch_share(l->recipe), batches);
    if (left < 0.01) return false;
    return say(t, "after all %.0f batches %.3g %% of the running statistics are still their start; move them faster",
               batches, 100 * left);
}

/* ---- weight decay ---- */

/* Decayed tensors of a kind. */
static size_t decayed(const struct lint *l, bool norm, bool bias, bool depthwise) {
    size_t count = 0;
    for (size_t i = 0; l->decided && i < l->input->tensor_count; i++) {
        const struct decay_tensor *tensor = &l->input->tensors[i];
        size_t length = strlen(tensor->name);
        bool is_norm = tensor->kind == DECAY_BATCH_NORM || tensor->kind == DECAY_LAYER_NORM;
        bool is_bias = !is_norm && length > 5 && !strcmp(tensor->name + length - 5, ".bias");
        bool is_depthwise = tensor->kind == DECAY_DEPTHWISE && !is_bias;
        if (l->decisions[i].coefficient == 0) continue;
        count += (norm && is_norm) || (bias && is_bias) || (depthwise && is_depthwise);
    }
    return count;
}

static bool find_norm_decayed(const struct lint *l, struct text *t) {
    size_t count = decayed(l, true, false, false);
    return count &&
           say(t, "%zu norm tensors are decayed; most recipes leave them out: weight_decay.exclude=norm", count);
}

static bool find_bias_decayed(const struct lint *l, struct text *t) {
    size_t count = decayed(l, false, true, false);
    return count && say(t, "%zu biases are decayed (as in torchvision); TF and timm recipes exclude bias", count);
}

static bool find_depthwise_decayed(const struct lint *l, struct text *t) {
    size_t count = decayed(l, false, false, true);
    return count &&
           say(t, "%zu depthwise kernels are decayed (as in torchvision and timm); TF recipes exclude depthwise",
               count);
}

static bool find_decay_unset(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->weight_decay_value > 0 || r->weight_decay_exclude.count == 0) return false;
    return say(t, "%zu exclusions, but weight_decay.value is 0: nothing is decayed", r->weight_decay_exclude.count);
}

/* ---- the moving average ---- */

static bool find_ema_keys_unused(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    size_t found = 0;
    for (int id = RECIPE_ema_decay; id <= RECIPE_ema_best && r->ema_form == CHOICE_EMA_NONE; id++)
        if (differs(l, id)) text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(id));
    return found && say(t, ": set, but ema.form is none: there is no moving average");
}

/* ---- batches and pictures ---- */

static bool find_images_left_out(const struct lint *l, struct text *t) {
    if (!l->planned || l->plan.images_left_out == 0) return false;
    return say(t, "%lld of %lld training pictures are left out of every epoch, others each time",
               (long long)l->plan.images_left_out, (long long)l->plan.images);
}

static bool find_short_batch(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    int64_t rest = l->input->train_images % schedule_pass_images(r);
    if (r->drop_last || rest == 0 || rest >= 8 || rest * 4 >= schedule_pass_images(r)) return false;
    return say(t, "an epoch's last batch has %lld pictures: batch statistics over so few are noise; set drop_last=true",
               (long long)rest);
}

static bool find_batch_statistics(const struct lint *l, struct text *t) {
    if (l->recipe->batch_size >= 8) return false;
    return say(t, "batch-norm's statistics come from %lld pictures; expect a worse model below 8",
               (long long)l->recipe->batch_size);
}

static bool find_accumulate_statistics(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->accumulate == 1 || r->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT) return false;
    return say(t, "gradients of %lld batches are averaged, but batch-norm still sees %lld pictures at a time",
               (long long)r->accumulate, (long long)r->batch_size);
}

static bool find_frozen_fresh(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    return r->freeze.count > 0 && !r->init_from[0] &&
           say(t, "%s is frozen, but the run begins with fresh weights; set init_from to a model file", r->freeze.item[0]);
}

static bool find_frozen_moving(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    return r->freeze.count > 0 && r->freeze_batch_norm == CHOICE_FREEZE_NORM_FALSE &&
           say(t, "false: batch norms of frozen layers look at each batch and move their statistics, so that what the "
                  "frozen layers give goes on changing; auto holds them");
}

static bool find_balanced_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    return r->sampling == CHOICE_SAMPLING_BALANCED && r->class_weights.count > 0 &&
           say(t, "each class is shown equally often, and class_weights weigh it as well: one of them is enough");
}

static bool find_no_validation(const struct lint *l, struct text *t) {
    bool none = strcmp(l->recipe->data_split, "none") == 0 || (l->input->train_images > 0 && l->input->val_images == 0);
    return none && say(t, "no validation picture: the best model cannot be told from the last");
}

static bool find_expect_beyond_end(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    int64_t last = r->expect_count ? r->expect[r->expect_count - 1].epoch : 0;
    if (last <= r->epochs) return false;
    return say(t, "expect: names epoch %lld of %lld; the curve belongs to a longer run", (long long)last,
               (long long)r->epochs);
}

/* ---- the table ---- */

static const struct {
    enum lint_severity severity;
    const char *name, *about;
    enum recipe_key_id key;
    bool (*find)(const struct lint *lint, struct text *text);
} lints[] = {
#define LINT(severity, name, key, about) {LINT_##severity, #name, about, RECIPE_##key, find_##name},
#include "train/lints.def"
#undef LINT
};
enum { LINTS = sizeof lints / sizeof *lints };

/* Make what the tests read as far as the recipe allows; the first failure becomes the `recipe` lint. */
static sk_status prepare(struct lint *l) {
    const struct trace_input *input = l->input;
    TRY(recipe_check(l->recipe));
    TRY(optimizer_make(&l->optimizer, l->recipe));
    /* Without data a nominal epoch still finds an unknown schedule. */
    int64_t images = input->train_images ? input->train_images : l->recipe->batch_size * l->recipe->accumulate * 100;
    int world = input->world ? input->world : 1;
    TRY(epoch_plan_make(&l->plan, l->recipe, images * (input->train_images ? 1 : world), world));
    TRY(schedule_make(&l->schedule, l->recipe, &l->plan));
    TRY(trace_step_check(&(struct trace_step){l->recipe, &l->plan, &l->schedule}));
    l->planned = input->train_images > 0;
    if (input->tensor_count) {
        TRY(decay_decide(l->recipe, input->tensors, input->tensor_count, l->decisions));
        l->decided = true;
    }
    return SK_OK;
}

static sk_status add_finding(struct arena *arena, struct lint_finding *finding, size_t index, struct text *sentence) {
    TRY(text_check(sentence));
    *finding = (struct lint_finding){
        .severity = lints[index].severity,
        .lint = lints[index].name,
        .key = recipe_key_name(lints[index].key),
        .sentence = arena_strdup(arena, sentence->data),
    };
    return finding->sentence ? SK_OK : SK_EMEMORY;
}

sk_status lint_run(const struct trace_input *input, struct arena *arena, struct lint_finding **findings,
                   size_t *count) {
    struct lint lint = {.input = input, .recipe = input->recipe};
    *count = 0;
    *findings = arena_array(arena, LINTS, sizeof **findings);
    lint.decisions = arena_array(arena, input->tensor_count, sizeof *lint.decisions);
    if (!*findings || !lint.decisions) return SK_EMEMORY;
    TRY(recipe_default(&lint.preset, arena));
    sk_status status = prepare(&lint);
    if (status == SK_EMEMORY) return status;
    if (status != SK_OK) lint.problem = arena_strdup(arena, sk_error());
    for (size_t i = 0; i < LINTS; i++) {
        struct text sentence = {0};
        sk_status added = SK_OK;
        if (lints[i].find(&lint, &sentence)) added = add_finding(arena, &(*findings)[(*count)++], i, &sentence);
        text_free(&sentence);
        TRY(added);
    }
    return SK_OK;
}

const char *lint_severity_name(enum lint_severity severity) {
    static const char *const names[] = {"note", "warning", "error"};
    return names[severity];
}

int lint_exit_code(const struct lint_finding *findings, size_t count, bool strict) {
    int code = 0;
    for (size_t i = 0; i < count; i++) {
        if (findings[i].severity == LINT_ERROR) return 2;
        if (findings[i].severity == LINT_WARNING && strict) code = 1;
    }
    return code;
}

size_t lint_count(void) {
    return LINTS;
}

const char *lint_name(size_t index) {
    return lints[index].name;
}

const char *lint_about(size_t index) {
    return lints[index].about;
}
