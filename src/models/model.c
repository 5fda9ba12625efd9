/* model.c — families and their published networks by name; a model's graph.
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
enum { FAMILIES = sizeof table / sizeof *table, PUBLISHED_MOST = 256 };

const struct model_family *const *model_table(size_t *count) {
    *count = FAMILIES;
    return table;
}

int model_which(const char *const *published, const char *name) {
    for (int i = 0; published[i]; i++)
        if (strcmp(published[i], name) == 0) return i;
    return -1;
}

sk_status model_find(const char *name, const struct model_family **family) {
    const char *names[PUBLISHED_MOST];
    size_t count = 0;
    for (int i = 0; i < FAMILIES; i++) {
        if (model_which(table[i]->published, name) >= 0) {
            *family = table[i];
            return SK_OK;
        }
        for (int j = 0; table[i]->published[j] && count < PUBLISHED_MOST; j++) names[count++] = table[i]->published[j];
    }
    return status_fail(SK_EUSAGE, "there is no model called %s%s; `siskin models` lists them", name,
                       near_hint(name, names, count, "").text);
}

sk_status model_defaults(const char *name, struct model_args *args) {
    const struct model_family *family;
    TRY(model_find(name, &family));
    *args = (struct model_args){0};
    snprintf(args->name, sizeof args->name, "%s", name);
    family->defaults(args, model_which(family->published, name));
    return SK_OK;
}

sk_status model_graph(struct arena *arena, const struct model_args *args, const struct model_request *request,
                      struct graph **out) {
    const struct model_family *family;
    TRY(model_find(args->name, &family));
    TRY(model_args_check(family, args));
    TRY(family->check(args));
    FAIL_IF(request->batch < 1 || request->batch > 65536, SK_EUSAGE, "a batch of %lld is not possible",
            (long long)request->batch);
    struct graph *graph;
    TRY(graph_new(arena, &graph));
    graph->freezing = request->freezing;
    struct shape image = {4, {request->batch, args->height, args->width, args->in_channels}};
    int x = graph_input(graph, F32, image);
    graph_port(graph, "image", x);
    int logits = family->build(graph, args, x, request->training);
    graph_port(graph, "logits", logits);
    if (request->loss) {
        int target = graph_input(graph, F32, (struct shape){2, {request->batch, args->num_classes}});
        graph_port(graph, "target", target);
        int loss = request->rule.bce ? build_bce(graph, logits, target, &request->rule, "loss")
                                     : build_softmax_xent(graph, logits, target, "loss");
        graph_port(graph, "loss", loss);
    }
    *out = graph;
    return graph_check(graph);
}
