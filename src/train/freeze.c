/* freeze.c — entries that name parts of a network, and the stages of a gradual unfreezing.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/freeze.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* "features.0-12" hits features.0 … features.12 and what lies below; "layer1-3" layer1 … layer3. */
static bool range_hit(const char *entry, const char *name, bool *is_range) {
    const char *dash = strrchr(entry, '-'), *digits = dash;
    *is_range = false;
    if (!dash || !isdigit((unsigned char)dash[1]) || dash[1 + strspn(dash + 1, "0123456789")]) return false;
    while (digits > entry && isdigit((unsigned char)digits[-1])) digits--;
    if (digits == dash || dash - digits > 6 || strlen(dash + 1) > 6) return false;
    *is_range = true;
    size_t before = (size_t)(digits - entry);
    if (strncmp(entry, name, before) != 0 || !isdigit((unsigned char)name[before])) return false;
    const char *rest = name + before + strspn(name + before, "0123456789");
    long child = strtol(name + before, NULL, 10);
    return (*rest == 0 || *rest == '.') && child >= strtol(digits, NULL, 10) && child <= strtol(dash + 1, NULL, 10);
}

bool name_hit(const char *entry, const char *name, const char *head) {
    bool is_range, in_head = strncmp(name, head, strlen(head)) == 0;
    if (!strcmp(entry, "all")) return true;
    if (!strcmp(entry, "head")) return in_head;
    if (!strcmp(entry, "backbone")) return !in_head;
    if (strpbrk(entry, "*?")) return glob_match(entry, name);
    if (range_hit(entry, name, &is_range) || is_range) return range_hit(entry, name, &is_range);
    size_t length = strlen(entry);
    return strncmp(entry, name, length) == 0 && (name[length] == 0 || name[length] == '.');
}

static sk_status check_entry(const struct freeze *freeze, enum recipe_key_id key, const char *entry,
                             const struct graph *graph) {
    for (size_t i = 0; i < graph->param_count; i++)
        if (!graph->params[i].state && name_hit(entry, graph->params[i].name, freeze->head)) return SK_OK;
    return recipe_fail(freeze->recipe, key,
                       "'%.80s' names no parameter of this model; expected backbone, head, all, a module as "
                       "features.3, a range as features.0-12 or a pattern as features.*.weight (`siskin summary` "
                       "lists the names)",
                       entry);
}

/* ---- "5: features.14-18", "features.*: 0.1" ---- */

/* The two sides of the last colon, without blanks. */
static sk_status cut_entry(const struct freeze *freeze, struct arena *arena, enum recipe_key_id key, const char *entry,
                           const char *sides[2]) {
    const char *colon = strrchr(entry, ':');
    if (!colon) return recipe_fail(freeze->recipe, key, "'%.80s': expected two parts with a colon between", entry);
    const char *begins[2] = {entry, colon + 1}, *ends[2] = {colon, entry + strlen(entry)};
    for (int i = 0; i < 2; i++) {
        while (begins[i] < ends[i] && *begins[i] == ' ') begins[i]++;
        while (ends[i] > begins[i] && ends[i][-1] == ' ') ends[i]--;
        sides[i] = arena_strndup(arena, begins[i], (size_t)(ends[i] - begins[i]));
        if (!sides[i]) return SK_EMEMORY;
    }
    return SK_OK;
}

static sk_status read_thaws(struct freeze *freeze, struct arena *arena, const struct graph *graph) {
    const struct text_list *list = &freeze->recipe->unfreeze;
    freeze->thaws = arena_array(arena, list->count + 1, sizeof *freeze->thaws);
    if (!freeze->thaws) return SK_EMEMORY;
    for (size_t i = 0; i < list->count; i++) {
        const char *sides[2];
        struct thaw *thaw = &freeze->thaws[i];
        TRY(cut_entry(freeze, arena, RECIPE_unfreeze, list->item[i], sides));
        if (!parse_i64(sides[0], &thaw->epoch) || thaw->epoch < 1)
            return recipe_fail(freeze->recipe, RECIPE_unfreeze,
                               "'%.80s': expected the epochs trained before it and a name: 5: features.14-18",
                               list->item[i]);
        thaw->entry = sides[1];
        TRY(check_entry(freeze, RECIPE_unfreeze, thaw->entry, graph));
    }
    freeze->thaw_count = list->count;
    return SK_OK;
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static sk_status make_stages(struct freeze *freeze) {
    freeze->stages = 1;
    for (size_t i = 0; i < freeze->thaw_count; i++) {
        bool known = freeze->thaws[i].epoch >= freeze->recipe->epochs; /* never reached */
        for (int s = 0; s < freeze->stages; s++) known = known || freeze->begins[s] == freeze->thaws[i].epoch;
        if (known) continue;
        if (freeze->stages == FREEZE_STAGES)
            return recipe_fail(freeze->recipe, RECIPE_unfreeze, "more than %d different epochs", FREEZE_STAGES - 1);
        freeze->begins[freeze->stages++] = freeze->thaws[i].epoch;
    }
    qsort(freeze->begins, (size_t)freeze->stages, sizeof *freeze->begins, by_number);
    return SK_OK;
}

/* ---- questions ---- */

static bool holds(const struct freeze *freeze, int64_t epoch, const char *name) {
    const struct text_list *list = &freeze->recipe->freeze;
    bool held = false;
    for (size_t i = 0; i < list->count && !held; i++) held = name_hit(list->item[i], name, freeze->head);
    for (size_t i = 0; i < freeze->thaw_count && held; i++)
        held = freeze->thaws[i].epoch > epoch || !name_hit(freeze->thaws[i].entry, name, freeze->head);
    return held;
}

/* By layer_decay_no_opt_scale. */
static bool layer_holds(const struct freeze *freeze, const char *name) {
    const struct layer_rate *rate = freeze->layers.holds ? layer_rate_find(&freeze->layers, name) : NULL;
    return rate && rate->held;
}

static bool param_held(const void *user, const char *name) {
    const struct freeze_view *view = user;
    return holds(view->freeze, view->epoch, name) || layer_holds(view->freeze, name);
}

static bool norm_held(const void *user, const char *name) {
    const struct freeze_view *view = user;
    char part[300];
    if (view->freeze->recipe->freeze_batch_norm != CHOICE_FREEZE_NORM_AUTO)
        return view->freeze->recipe->freeze_batch_norm == CHOICE_FREEZE_NORM_TRUE;
    snprintf(part, sizeof part, "%s.weight", name);
    if (!holds(view->freeze, view->epoch, part)) return false; /* by name: timm's layers that are too slow go on */
    snprintf(part, sizeof part, "%s.bias", name);
    return holds(view->freeze, view->epoch, part);
}

int freeze_stage(const struct freeze *freeze, int64_t epoch) {
    int stage = freeze->stages - 1;
    while (stage > 0 && freeze->begins[stage] > epoch) stage--;
    return stage;
}

const struct freezing *freeze_of(const struct freeze *freeze, int stage) {
    bool none = freeze->recipe->freeze.count == 0 && freeze->recipe->freeze_batch_norm != CHOICE_FREEZE_NORM_TRUE;
    return none && !freeze->layers.holds ? NULL : &freeze->views[stage].freezing;
}

bool freeze_holds(const struct freeze *freeze, int stage, const char *name) {
    return holds(freeze, freeze->begins[stage], name) || layer_holds(freeze, name);
}

int64_t freeze_born(const struct freeze *freeze, const char *name) {
    for (int stage = 0; stage < freeze->stages; stage++)
        if (!freeze_holds(freeze, stage, name)) return freeze->begins[stage];
    return -1;
}

sk_status freeze_rate(const struct freeze *freeze, const char *name, double *rate) {
    const struct text_list *list = &freeze->recipe->lr_mult;
    struct arena arena = {0};
    sk_status status = SK_OK;
    *rate = 1;
    for (size_t i = 0; i < list->count && status == SK_OK; i++) {
        const char *sides[2];
        double value = 0;
        status = cut_entry(freeze, &arena, RECIPE_lr_mult, list->item[i], sides);
        if (status == SK_OK && (!parse_f64(sides[1], &value) || !(value > 0 && value <= 1000)))
            status = recipe_fail(freeze->recipe, RECIPE_lr_mult,
                                 "'%.80s': expected a name and a factor above 0: features.*: 0.1 (what is not to "
                                 "move at all is frozen by freeze)",
                                 list->item[i]);
        if (status == SK_OK && name_hit(sides[0], name, freeze->head)) *rate = value;
    }
    const struct layer_rate *layer = layer_rate_find(&freeze->layers, name);
    if (layer) *rate *= layer->factor;
    arena_free(&arena);
    return status;
}

/* ---- making ---- */

static sk_status check_names(const struct freeze *freeze, struct arena *arena, const struct graph *graph) {
    const struct recipe *recipe = freeze->recipe;
    for (size_t i = 0; i < recipe->freeze.count; i++)
        TRY(check_entry(freeze, RECIPE_freeze, recipe->freeze.item[i], graph));
    for (size_t i = 0; i < recipe->lr_mult.count; i++) {
        const char *sides[2];
        double rate;
        TRY(cut_entry(freeze, arena, RECIPE_lr_mult, recipe->lr_mult.item[i], sides));
        TRY(check_entry(freeze, RECIPE_lr_mult, sides[0], graph));
        TRY(freeze_rate(freeze, sides[0], &rate));
    }
    return SK_OK;
}

sk_status freeze_make(struct freeze *freeze, struct arena *arena, const struct recipe *recipe,
                      const struct network *network) {
    const struct model_family *family;
    TRY(model_find(network->args.name, &family));
    *freeze = (struct freeze){.recipe = recipe, .head = family->head};
    const struct graph *graph = network->graph;
    struct decay_tensor *tensors;
    size_t count;
    TRY(decay_tensors(graph, arena, &tensors, &count));
    TRY(layer_rates_make(&freeze->layers, recipe, family, tensors, count, arena));
    TRY(check_names(freeze, arena, graph));
    TRY(read_thaws(freeze, arena, graph));
    TRY(make_stages(freeze));
    if (recipe->unfreeze.count > 0 && recipe->freeze.count == 0)
        return recipe_fail(recipe, RECIPE_unfreeze, "nothing is frozen: name in freeze what it begins with");
    size_t trained = 0;
    for (size_t i = 0; i < graph->param_count; i++)
        trained += !graph->params[i].state && !freeze_holds(freeze, 0, graph->params[i].name);
    if (trained == 0)
        return recipe_fail(recipe, RECIPE_freeze, "this freezes every parameter: nothing is left to train");
    for (int stage = 0; stage < freeze->stages; stage++) {
        struct freeze_view *view = &freeze->views[stage];
        *view = (struct freeze_view){.freeze = freeze, .epoch = freeze->begins[stage]};
        view->freezing = (struct freezing){param_held, norm_held, view};
    }
    return SK_OK;
}
