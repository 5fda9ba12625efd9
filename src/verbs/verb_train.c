/* verb_train.c — siskin train: a run from a recipe, or from a model with the recipe inside it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "verbs/model_arg.h"
#include "verbs/recipe_arg.h"
#include "verbs/train_answer.h"

const struct option options_train[] = {
    {"out", 'o', "RUN", "The run's folder; by default runs/ and the recipe's name."},
    {"data", 0, "SPEC", "The pictures: short for data.spec=SPEC."},
    {"reference", 0, NULL, "Every op by its reference, in double: slow and exact."},
    {0},
};

/* A model file brings its own recipe; a name, the defaults. */
static sk_status recipe_of_model(const struct call *call, struct arena *arena, const char *argument,
                                 const struct network *network, struct recipe *recipe) {
    if (network->recipe)
        TRY(recipe_parse(recipe, arena, network->recipe, strlen(network->recipe), argument));
    else
        TRY(recipe_default(recipe, arena));
    TRY(recipe_set(recipe, "model.name", network->args.name));
    /* The head follows the data that it is trained on now. */
    recipe->place[RECIPE_model_num_classes].origin = RECIPE_FROM_DEFAULT;
    return call_overrides(call, recipe);
}

static const char *default_run(struct arena *arena, const char *argument) {
    const char *base = path_base(argument);
    return arena_printf(arena, "runs/%.*s", (int)(strlen(base) - strlen(path_extension(base))), base);
}

static sk_status prepare(struct call *call, struct recipe *recipe, struct network **start) {
    const char *argument = call->arguments[0], *data = call_option(call, "data");
    /* GROUP/NAME that is no file can only be meant as a recipe's name. */
    bool named = strchr(argument, '/') && !path_extension(argument)[0] && !file_exists(argument);
    if (named || recipe_is_argument(&call->arena, argument)) {
        TRY(recipe_open(call, &call->arena, argument, recipe));
    } else if (model_is_file(argument)) {
        TRY(network_open(argument, start));
        TRY(recipe_of_model(call, &call->arena, argument, *start, recipe));
    } else {
        TRY(recipe_default(recipe, &call->arena));
        const struct model_family *family;
        TRY(model_find(argument, &family));
        TRY(recipe_set(recipe, "model.name", argument));
        TRY(call_overrides(call, recipe));
    }
    return data ? recipe_set(recipe, "data.spec", data) : SK_OK;
}

sk_status verb_train(struct call *call) {
    struct recipe recipe;
    struct network *start = NULL;
    struct loop_result result;
    sk_status status = prepare(call, &recipe, &start);
    const char *run = call_option(call, "out");
    if (!run) run = default_run(&call->arena, call->arguments[0]);
    if (status == SK_OK && !run) status = SK_EMEMORY;
    if (status == SK_OK) {
        struct loop_options options = {.recipe = &recipe,
                                       .run = run,
                                       .reference = call_switch(call, "reference"),
                                       .start = start,
                                       .on_event = call->on_event,
                                       .user = call->user,
                                       .stop = &call_stop};
        status = loop_run(&options, &result);
        train_answer(call, run, &result, status);
    }
    network_free(start);
    return status;
}
