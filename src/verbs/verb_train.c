/* verb_train.c — siskin train: a run from a recipe, from an architecture, or fine-tuning a model file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "verbs/model_arg.h"
#include "verbs/recipe_arg.h"
#include "verbs/report.h"
#include "verbs/train_answer.h"

enum { DRY_SECONDS = 120 };

static const char transfer_recipe[] = "transfer/default";

const struct option options_train[] = {
    {"out", 'o', "RUN", "The run's folder; by default runs/ and the recipe's name."},
    {"data", 0, "SPEC", "The pictures: short for data.spec=SPEC."},
    {"dry-run", 0, NULL, "Run 20 steps and throw them away: time and memory of the whole run, and which side waits."},
    {"reference", 0, NULL, "Every op by its reference, in double: slow and exact."},
    {0},
};

static const char *default_run(struct arena *arena, const char *argument) {
    const char *base = path_base(argument);
    return arena_printf(arena, "runs/%.*s", (int)(strlen(base) - strlen(path_extension(base))), base);
}

/* A model file as such: fine-tuning it by the recipe that is meant for that, whose keys are said. */
static sk_status recipe_for_file(struct call *call, const char *argument, struct recipe *recipe) {
    struct text text = {0};
    TRY(recipe_open(call, &call->arena, transfer_recipe, recipe));
    if (!recipe_is_set(recipe, RECIPE_init_from)) TRY(recipe_set(recipe, "init_from", argument));
    sk_status status = recipe_show(recipe, true, &text);
    if (status == SK_OK) {
        call_note(call, "recipe %s (another one: `siskin train RECIPE init_from=%s`):", transfer_recipe, argument);
        for (const char *at = text.data; *at; at += strcspn(at, "\n"), at += *at == '\n')
            call_note(call, "  %.*s", (int)strcspn(at, "\n"), at);
    }
    text_free(&text);
    return status;
}

static sk_status prepare(struct call *call, struct recipe *recipe) {
    const char *argument = call->arguments[0], *data = call_option(call, "data");
    /* GROUP/NAME that is no file can only be meant as a recipe's name. */
    bool named = strchr(argument, '/') && !path_extension(argument)[0] && !file_exists(argument);
    if (named || recipe_is_argument(&call->arena, argument)) {
        TRY(recipe_open(call, &call->arena, argument, recipe));
    } else if (model_is_file(argument)) {
        TRY(recipe_for_file(call, argument, recipe));
    } else {
        TRY(recipe_default(recipe, &call->arena));
        const struct model_family *family;
        TRY(model_find(argument, &family));
        TRY(recipe_set(recipe, "model.name", argument));
        TRY(call_overrides(call, recipe));
    }
    return data ? recipe_set(recipe, "data.spec", data) : SK_OK;
}

static sk_status try_steps(struct call *call, const struct loop_options *options) {
    struct dry_result result;
    TRY(dry_run(options, DRY_SECONDS, &result));
    dry_answer(call, &result);
    return SK_OK;
}

sk_status verb_train(struct call *call) {
    struct recipe recipe;
    struct loop_result result;
    sk_status status = prepare(call, &recipe);
    const char *run = call_option(call, "out");
    if (!run) run = default_run(&call->arena, call->arguments[0]);
    if (status == SK_OK && !run) status = SK_EMEMORY;
    if (status == SK_OK) {
        struct loop_options options = {.recipe = &recipe,
                                       .run = run,
                                       .reference = call_switch(call, "reference"),
                                       .on_event = call->on_event,
                                       .user = call->user,
                                       .stop = &call_stop};
        if (call_switch(call, "dry-run")) return try_steps(call, &options);
        status = loop_run(&options, &result);
        train_answer(call, run, &result, status);
        if (status == SK_OK && recipe.log_report) report_after(call, run);
    }
    return status;
}
