/* optimizer.c — the optimizer that a recipe names, and one step of it, cut at the tensors' borders.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "train/optimizer_kind.h"

static const struct optimizer_kind *const kinds[] = {
#define OPTIMIZER(name) &name##_optimizer,
#include "train/optimizers.def"
#undef OPTIMIZER
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static sk_status find_kind(const struct optimizer_kind **kind, const struct recipe *recipe) {
    const char *names[KINDS];
    for (int i = 0; i < KINDS; i++) {
        names[i] = kinds[i]->name;
        if (strcmp(names[i], recipe->optimizer_name) != 0) continue;
        *kind = kinds[i];
        return SK_OK;
    }
    return recipe_fail_word(recipe, RECIPE_optimizer_name, recipe->optimizer_name, names, KINDS);
}

sk_status optimizer_make(struct optimizer *optimizer, const struct recipe *recipe) {
    *optimizer = (struct optimizer){
        .momentum = recipe->optimizer_momentum,
        .alpha = recipe->optimizer_alpha,
        .eps = recipe->optimizer_eps,
        .initial_mean_square = recipe->optimizer_initial_mean_square,
        .beta1 = recipe->optimizer_beta1,
        .beta2 = recipe->optimizer_beta2,
        .eps_root = recipe->optimizer_eps_root,
        .eps_hat = recipe->optimizer_eps_hat,
        .nesterov = recipe->optimizer_nesterov,
        .lr_in_momentum = recipe->optimizer_lr_in_momentum,
        .eps_in_sqrt = recipe->optimizer_eps_in_sqrt,
        .centered = recipe->optimizer_centered,
        .bias_correction = recipe->optimizer_bias_correction,
        .decoupled = recipe->weight_decay_order == CHOICE_DECAY_DECOUPLED,
    };
    TRY(find_kind(&optimizer->kind, recipe));
    struct optimizer_slot slots[OPTIMIZER_SLOTS];
    optimizer->slots = optimizer->kind->slots(optimizer, slots);
    return SK_OK;
}

const char *optimizer_slot_name(const struct optimizer *optimizer, int slot) {
    struct optimizer_slot slots[OPTIMIZER_SLOTS];
    return slot < optimizer->kind->slots(optimizer, slots) ? slots[slot].name : NULL;
}

double optimizer_slot_start(const struct optimizer *optimizer, int slot) {
    struct optimizer_slot slots[OPTIMIZER_SLOTS];
    return slot < optimizer->kind->slots(optimizer, slots) ? slots[slot].start : 0;
}

/* The first segment that ends beyond `at`. */
static int64_t segment_at(const struct optimizer_step *step, int64_t at) {
    int64_t low = 0, high = step->segment_count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (step->segments[middle].end > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The next run of one coefficient from `at`; false at the end. */
struct runs {
    const struct optimizer *optimizer;
    const struct optimizer_step *step;
    int64_t at, end, segment;
    struct element_run run;
};

static struct runs runs_begin(const struct optimizer *optimizer, const struct optimizer_step *step, int64_t begin,
                              int64_t end) {
    struct runs runs = {.optimizer = optimizer, .step = step, .at = begin, .end = end};
    runs.segment = segment_at(step, begin);
    return runs;
}

static struct pace pace_of(const struct optimizer_step *step, int64_t segment) {
    return step->paces ? step->paces[segment] : (struct pace){1, 0};
}

static bool moves_alike(const struct optimizer_step *step, int64_t a, int64_t b) {
    struct pace x = pace_of(step, a), y = pace_of(step, b);
    const struct decay_segment *s = &step->segments[a], *t = &step->segments[b];
    return s->decay == t->decay && s->l2 == t->l2 && x.lr == y.lr && x.since == y.since;
}

/* Past what is frozen. */
static void runs_skip(struct runs *runs) {
    const struct optimizer_step *step = runs->step;
    while (runs->at < runs->end && runs->segment < step->segment_count && pace_of(step, runs->segment).lr == 0)
        runs->at = step->segments[runs->segment++].end;
}

static bool runs_next(struct runs *runs) {
    const struct optimizer_step *step = runs->step;
    runs_skip(runs);
    if (runs->at >= runs->end || runs->segment >= step->segment_count) return false;
    int64_t first = runs->segment;
    double decay = step->segments[first].decay, l2 = step->segments[first].l2;
    struct pace pace = pace_of(step, first);
    /* Neighbours of one coefficient are one run. */
    int64_t end = step->segments[runs->segment++].end;
    while (end < runs->end && runs->segment < step->segment_count && moves_alike(step, first, runs->segment))
        end = step->segments[runs->segment++].end;
    runs->run.lr = step->lr * pace.lr;
    runs->run.step = (double)(step->step - pace.since) + 1;
    runs->run.correction = runs->optimizer->bias_correction ? 1 - pow(runs->optimizer->alpha, runs->run.step) : 1;
    runs->run.decay = runs->optimizer->decoupled ? l2 : decay;
    runs->run.decoupled = runs->optimizer->decoupled ? decay * runs->run.lr : 0;
    runs->run.begin = runs->at;
    runs->run.end = runs->at = end < runs->end ? end : runs->end;
    return true;
}

void optimizer_update_f32(const struct optimizer *optimizer, const struct optimizer_step *step,
                          const struct blocks_f32 *blocks, int64_t begin, int64_t end) {
    struct runs runs = runs_begin(optimizer, step, begin, end);
    while (runs_next(&runs)) optimizer->kind->update_f32(optimizer, &runs.run, blocks);
}

void optimizer_update_f64(const struct optimizer *optimizer, const struct optimizer_step *step,
                          const struct blocks_f64 *blocks, int64_t begin, int64_t end) {
    struct runs runs = runs_begin(optimizer, step, begin, end);
    while (runs_next(&runs)) optimizer->kind->update_f64(optimizer, &runs.run, blocks);
}
