/* start.c — what is taken from a model file to begin with, and what stays fresh.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/start.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "train/from_recipe.h"

enum { JSON_BYTES_MAX = 1 << 20 };

/* ---- arguments and preprocessing ---- */

static sk_status read_preprocess(struct start *start, struct arena *arena) {
    const struct network *from = start->from;
    struct json *json;
    start->preprocess = preprocess_default();
    start->preprocess.channels = (int)from->args.in_channels;
    if (from->preprocess) {
        TRY(json_parse(arena, from->preprocess, strlen(from->preprocess), "siskin.preprocess", &json));
        TRY(preprocess_read(json, &start->preprocess));
    }
    if (start->preprocess.crop_height != from->args.height || start->preprocess.crop_width != from->args.width)
        preprocess_scale(&start->preprocess, (int)from->args.height, (int)from->args.width);
    return SK_OK;
}

sk_status start_open(struct start *start, struct recipe *recipe) {
    struct arena arena = {0};
    *start = (struct start){0};
    if (!recipe->init_from[0]) return SK_OK;
    TRY(network_open(recipe->init_from, &start->from));
    const struct model_args *args = &start->from->args;
    if (recipe_is_set(recipe, RECIPE_model_name) && strcmp(recipe->model_name, args->name) != 0)
        return recipe_fail(recipe, RECIPE_model_name, "%s, but %s holds a %s; leave the key out", recipe->model_name,
                           recipe->init_from, args->name);
    start->known = true;
    start->args = *args;
    sk_status status = recipe_settle_key(recipe, RECIPE_model_name, args->name);
    if (status == SK_OK) status = read_preprocess(start, &arena);
    if (status == SK_OK) status = recipe_take_preprocess(recipe, &start->preprocess);
    arena_free(&arena);
    return status;
}

void start_free(struct start *start) {
    network_free(start->from);
    start->from = NULL;
}

/* ---- for a resume ---- */

sk_status start_keep(const char *run, const struct model_args *args, const struct preprocess *preprocess) {
    struct arena arena = {0};
    struct json_writer w = {0};
    char *path = path_join(&arena, run, "model.json");
    jw_object(&w, NULL);
    jw_object(&w, "model");
    model_args_write(args, &w);
    jw_end_object(&w);
    preprocess_write(preprocess, &w, "preprocess");
    jw_end_object(&w);
    sk_status status = jw_save(&w, path);
    arena_free(&arena);
    return status;
}

static sk_status find(struct start *start, struct arena *arena, const char *run) {
    uint8_t *bytes;
    size_t size;
    struct json *json;
    char *path = path_join(arena, run, "model.json");
    if (!path) return SK_EMEMORY;
    if (!file_exists(path)) return SK_OK;
    TRY(file_read(arena, path, JSON_BYTES_MAX, &bytes, &size));
    TRY(json_parse(arena, (const char *)bytes, size, path, &json));
    const struct json *model = json_get(json, "model"), *preprocess = json_get(json, "preprocess");
    FAIL_IF(!model || !preprocess, SK_EFORMAT, "%s does not say the run's model and preprocessing", path);
    TRY(model_args_read(model, path, &start->args));
    TRY(preprocess_read(preprocess, &start->preprocess));
    start->known = true;
    return SK_OK;
}

sk_status start_find(struct start *start, const char *run) {
    struct arena arena = {0};
    *start = (struct start){0};
    sk_status status = find(start, &arena, run);
    arena_free(&arena);
    return status;
}

/* ---- weights ---- */

static bool same_classes(const struct network *from, const struct network *to, const char *const *classes) {
    if (from->args.num_classes != to->args.num_classes) return false;
    for (int64_t c = 0; from->classes && c < to->args.num_classes; c++)
        if (strcmp(from->classes[c], classes[c]) != 0) return false;
    return true;
}

static bool same_hidden(const struct model_args *from, const struct model_args *to) {
    size_t bytes = (size_t)to->head_count * sizeof *to->head_hidden;
    return from->head_count == to->head_count && memcmp(from->head_hidden, to->head_hidden, bytes) == 0;
}

/* Of the module "classifier.1": "classifier.1.weight". */
static bool is_below(const char *name, const char *module) {
    size_t length = strlen(module);
    return strncmp(name, module, length) == 0 && name[length] == '.';
}

static sk_status take_param(const struct start *start, const struct recipe *recipe, struct network *to,
                            const struct param *p) {
    const struct network *from = start->from;
    const struct param *q = graph_find_param(from->graph, p->name);
    FAIL_IF(!q, SK_ESHAPE,
            "%s has no %s, which this recipe's %s wants: model keys that change its layers cannot be "
            "used with init_from",
            recipe->init_from, p->name, to->args.name);
    struct shape found = param_file_shape(q), want = param_file_shape(p);
    char a[96], b[96];
    FAIL_IF(!shape_equal(&found, &want), SK_ESHAPE,
            "%s: %s has shape %s, but this recipe's %s wants %s: model keys that change its layers cannot be used with "
            "init_from",
            recipe->init_from, p->name, shape_text(&found, a, sizeof a), to->args.name, shape_text(&want, b, sizeof b));
    const float *source = (q->state ? from->state : from->params) + q->offset;
    memcpy((p->state ? to->state : to->params) + p->offset, source, (size_t)p->count * sizeof *source);
    return SK_OK;
}

sk_status start_take(const struct start *start, const struct start_call *call, struct network *to) {
    const struct model_family *family;
    char sentence[512];
    TRY(model_find(to->args.name, &family));
    bool same = same_classes(start->from, to, call->classes), hidden = same_hidden(&start->from->args, &to->args);
    bool fresh = !same || !hidden || call->recipe->head_reset;
    int64_t taken = 0, all = 0;
    for (size_t i = 0; i < to->graph->param_count; i++) {
        const struct param *p = &to->graph->params[i];
        all += !p->state;
        bool own = strstr(p->name, ".hidden") != NULL; /* a layer of a head of one's own */
        if ((fresh && is_below(p->name, family->classifier)) || (!hidden && own)) continue;
        TRY(take_param(start, call->recipe, to, p));
        taken += !p->state;
    }
    if (!call->say) return SK_OK;
    snprintf(sentence, sizeof sentence, "%s: %lld of %lld parameter tensors are taken%s%s", call->recipe->init_from,
             (long long)taken, (long long)all, taken < all ? "; the others, of the head, start afresh" : "",
             taken == all ? ""
             : !same      ? ", since the classes are others"
             : !hidden    ? ", since its hidden layers are others"
                          : ", as head.reset says");
    call->say(call->user, sentence);
    return SK_OK;
}
