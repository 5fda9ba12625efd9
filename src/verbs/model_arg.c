/* model_arg.c — opening MODEL.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/model_arg.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "train/from_recipe.h"

bool model_is_file(const char *argument) {
    return strchr(argument, '/') || path_extension(argument)[0] || file_exists(argument);
}

static sk_status fresh_network(const struct call *call, const char *name, bool want_weights, struct network **network) {
    struct arena arena = {0};
    struct recipe recipe;
    struct model_args args;
    sk_status status = recipe_default(&recipe, &arena);
    if (status == SK_OK) status = recipe_set(&recipe, "model.name", name);
    if (status == SK_OK) status = call_overrides(call, &recipe);
    if (status == SK_OK) status = recipe_model(&recipe, &args);
    if (status == SK_OK) status = network_new(network, &args);
    if (status == SK_OK) {
        model_initialise_by((*network)->graph, &args, recipe_init(&recipe), recipe.model_init_std,
                            (uint64_t)recipe.seed, (*network)->params, (*network)->state);
        if (want_weights)
            call_note(call, "%s is an architecture's name: its weights are fresh ones of seed %lld, not trained", name,
                      (long long)recipe.seed);
    }
    arena_free(&arena);
    return status;
}

/* Keys that a file's weights leave free. */
static sk_status override_file(const struct call *call, const char *path, struct network *network) {
    struct arena arena = {0};
    struct recipe recipe;
    struct model_args args = network->args;
    sk_status status = recipe_default(&recipe, &arena);
    if (status == SK_OK) status = call_overrides(call, &recipe);
    if (status == SK_OK && recipe_is_set(&recipe, RECIPE_model_name) && strcmp(recipe.model_name, args.name) != 0)
        status = recipe_fail(&recipe, RECIPE_model_name, "%s holds a %s", path, args.name);
    if (status == SK_OK) status = recipe_model_over(&recipe, &args);
    if (status == SK_OK) status = network_allows(network, &args, path);
    network->args = args;
    arena_free(&arena);
    return status;
}

sk_status model_open(const struct call *call, const char *argument, bool want_weights, struct network **network) {
    *network = NULL;
    if (!model_is_file(argument)) return fresh_network(call, argument, want_weights, network);
    TRY(network_open(argument, network));
    sk_status status = override_file(call, argument, *network);
    if (status != SK_OK) {
        network_free(*network);
        *network = NULL;
    }
    return status;
}

static sk_status read_preprocess(struct arena *arena, const struct network *network, struct preprocess *p) {
    struct json *json;
    *p = preprocess_default();
    preprocess_scale(p, (int)network->args.height, (int)network->args.width);
    p->channels = (int)network->args.in_channels;
    if (!network->preprocess) return SK_OK;
    TRY(json_parse(arena, network->preprocess, strlen(network->preprocess), "siskin.preprocess", &json));
    TRY(preprocess_read(json, p));
    preprocess_scale(p, (int)network->args.height, (int)network->args.width); /* model.input_size was given */
    return SK_OK;
}

sk_status model_preprocess(const struct call *call, const struct network *network, struct preprocess *p) {
    struct arena arena = {0};
    struct recipe recipe;
    sk_status status = read_preprocess(&arena, network, p);
    if (status == SK_OK) status = recipe_default(&recipe, &arena);
    if (status == SK_OK) status = call_overrides(call, &recipe);
    if (status == SK_OK) status = recipe_preprocess_over(&recipe, p);
    if (status == SK_OK && (p->crop_height != network->args.height || p->crop_width != network->args.width ||
                            p->channels != network->args.in_channels))
        status = status_fail(SK_EUSAGE,
                             "the preprocessing ends in %d x %d pixels of %d channels, but the model takes %lld x "
                             "%lld of %lld",
                             p->crop_height, p->crop_width, p->channels, (long long)network->args.height,
                             (long long)network->args.width, (long long)network->args.in_channels);
    arena_free(&arena);
    return status;
}

const char *model_class_name(const struct network *network, int64_t index, char *text, size_t size) {
    if (network->classes) return network->classes[index];
    snprintf(text, size, "%lld", (long long)index);
    return text;
}
