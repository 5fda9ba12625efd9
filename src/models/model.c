/* model.c — families by name, a model's graph, and its arguments as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/model.h"

#include <stdio.h>
#include <string.h>

#define MODEL(name) extern const struct model_family family_##name;
#include "models/models.def"
#undef MODEL

static const struct model_family *const table[] = {
#define MODEL(name) &family_##name,
#include "models/models.def"
#undef MODEL
};
enum { FAMILIES = sizeof table / sizeof *table };

const struct model_family *const *model_table(size_t *count) {
    *count = FAMILIES;
    return table;
}

sk_status model_find(const char *name, const struct model_family **family) {
    const char *names[FAMILIES];
    for (int i = 0; i < FAMILIES; i++) {
        names[i] = table[i]->name;
        if (strcmp(name, names[i]) != 0) continue;
        *family = table[i];
        return SK_OK;
    }
    const char *near = nearest_word(name, names, FAMILIES);
    return status_fail(SK_EUSAGE, "there is no model called %s%s%s%s; `siskin models` lists them", name,
                       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

sk_status model_defaults(const char *name, struct model_args *args) {
    const struct model_family *family;
    TRY(model_find(name, &family));
    family->defaults(args);
    snprintf(args->name, sizeof args->name, "%s", name);
    return SK_OK;
}

static sk_status check_args(const struct model_args *args) {
    FAIL_IF(args->num_classes < 1 || args->num_classes > 1000000, SK_EUSAGE, "a model of %lld classes is not possible",
            (long long)args->num_classes);
    FAIL_IF(args->height < 1 || args->width < 1 || args->height > 16384 || args->width > 16384, SK_EUSAGE,
            "an input of %lld x %lld pixels is not possible", (long long)args->height, (long long)args->width);
    FAIL_IF(args->in_channels < 1 || args->in_channels > 64, SK_EUSAGE, "%lld input channels are not possible",
            (long long)args->in_channels);
    FAIL_IF(!(args->width_mult > 0 && args->width_mult <= 16), SK_EUSAGE, "a width multiplier of %g is not possible",
            args->width_mult);
    FAIL_IF(args->round_nearest < 1 || args->round_nearest > 256, SK_EUSAGE,
            "rounding channels to %lld is not possible", (long long)args->round_nearest);
    FAIL_IF(!(args->norm_eps >= 0 && args->norm_eps <= 1) || !(args->norm_momentum >= 0 && args->norm_momentum <= 1),
            SK_EUSAGE, "batch-norm's eps %g and momentum %g must lie in [0, 1]", args->norm_eps, args->norm_momentum);
    FAIL_IF(args->stem_stride < 1 || args->stem_stride > 2, SK_EUSAGE, "a stem stride of %lld is not 1 or 2",
            (long long)args->stem_stride);
    for (int i = 0; i < args->stages && i < MODEL_STAGES; i++)
        FAIL_IF(args->strides[i] < 1 || args->strides[i] > 2, SK_EUSAGE, "stage %d has stride %lld, not 1 or 2", i + 1,
                (long long)args->strides[i]);
    return SK_OK;
}

sk_status model_graph(struct arena *arena, const struct model_args *args, const struct model_request *request,
                      struct graph **out) {
    const struct model_family *family;
    TRY(model_find(args->name, &family));
    TRY(check_args(args));
    TRY(family->check(args));
    FAIL_IF(request->batch < 1 || request->batch > 65536, SK_EUSAGE, "a batch of %lld is not possible",
            (long long)request->batch);
    struct graph *graph;
    TRY(graph_new(arena, &graph));
    struct shape image = {4, {request->batch, args->height, args->width, args->in_channels}};
    int x = graph_input(graph, F32, image);
    graph_port(graph, "image", x);
    int logits = family->build(graph, args, x, request->training);
    graph_port(graph, "logits", logits);
    if (request->loss) {
        int target = graph_input(graph, F32, (struct shape){2, {request->batch, args->num_classes}});
        graph_port(graph, "target", target);
        graph_port(graph, "loss", build_softmax_xent(graph, logits, target, "loss"));
    }
    *out = graph;
    return graph_check(graph);
}

/* The arguments once: how they are called in JSON. */
#define MODEL_INTEGERS(X) X(num_classes) X(height) X(width) X(in_channels) X(round_nearest) X(stem_stride)
#define MODEL_NUMBERS(X)  X(width_mult) X(dropout) X(stochastic_depth) X(norm_eps) X(norm_momentum)
#define MODEL_SWITCHES(X) X(norm_unbiased) X(same_padding)

void model_args_write(const struct model_args *args, struct json_writer *writer) {
    jw_string(writer, "name", args->name);
#define X(field) jw_integer(writer, #field, args->field);
    MODEL_INTEGERS(X)
#undef X
#define X(field) jw_number(writer, #field, args->field);
    MODEL_NUMBERS(X)
#undef X
#define X(field) jw_bool(writer, #field, args->field);
    MODEL_SWITCHES(X)
#undef X
    jw_array(writer, "strides");
    for (int64_t i = 0; i < args->stages; i++) jw_integer(writer, NULL, args->strides[i]);
    jw_end_array(writer);
}

static sk_status read_strides(const struct json *json, const char *what, struct model_args *args) {
    FAIL_IF(json->kind != JSON_ARRAY || json->count > MODEL_STAGES, SK_EFORMAT,
            "%s: strides must be a list of at most %d integers", what, MODEL_STAGES);
    args->stages = 0;
    for (const struct json *item = json->child; item; item = item->next) {
        FAIL_IF(!item->is_integer, SK_EFORMAT, "%s: strides must be integers", what);
        args->strides[args->stages++] = item->integer;
    }
    return SK_OK;
}

static sk_status read_member(const struct json *member, const char *what, struct model_args *args) {
#define X(field)                                                                                                       \
    if (strcmp(member->key, #field) == 0) {                                                                            \
        FAIL_IF(!member->is_integer, SK_EFORMAT, "%s: " #field " must be an integer", what);                           \
        args->field = member->integer;                                                                                 \
        return SK_OK;                                                                                                  \
    }
    MODEL_INTEGERS(X)
#undef X
#define X(field)                                                                                                       \
    if (strcmp(member->key, #field) == 0) {                                                                            \
        FAIL_IF(member->kind != JSON_NUMBER, SK_EFORMAT, "%s: " #field " must be a number", what);                     \
        args->field = member->number;                                                                                  \
        return SK_OK;                                                                                                  \
    }
    MODEL_NUMBERS(X)
#undef X
#define X(field)                                                                                                       \
    if (strcmp(member->key, #field) == 0) {                                                                            \
        FAIL_IF(member->kind != JSON_BOOL, SK_EFORMAT, "%s: " #field " must be true or false", what);                  \
        args->field = member->boolean;                                                                                 \
        return SK_OK;                                                                                                  \
    }
    MODEL_SWITCHES(X)
#undef X
    if (strcmp(member->key, "strides") == 0) return read_strides(member, what, args);
    if (strcmp(member->key, "name") == 0) return SK_OK;
    return status_fail(SK_EFORMAT, "%s: the model has an argument %s that this siskin does not know", what,
                       member->key);
}

sk_status model_args_read(const struct json *json, const char *what, struct model_args *args) {
    const char *name = json_string(json, "name", NULL);
    FAIL_IF(!name, SK_EFORMAT, "%s: the model's arguments do not name the architecture", what);
    TRY(model_defaults(name, args));
    for (const struct json *member = json->child; member; member = member->next) TRY(read_member(member, what, args));
    return SK_OK;
}
