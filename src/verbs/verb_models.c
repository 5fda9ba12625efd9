/* verb_models.c — siskin models: the architectures with their sizes; or the published weight files of one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/network.h"
#include "verbs/published_list.h"

const struct option options_models[] = {{0}};

static sk_status list_one(struct call *call, const char *name) {
    struct model_args args;
    struct graph *graph;
    TRY(model_defaults(name, &args));
    TRY(model_graph(&call->arena, &args, &(struct model_request){.batch = 1}, &graph));
    int64_t parameters = graph_parameter_count(graph);
    jw_object(&call->json, NULL);
    jw_string(&call->json, "name", name);
    jw_integer(&call->json, "parameters", parameters);
    jw_end_object(&call->json);
    call_result(call, "%-24s %12lld parameters, %lld x %lld, %lld classes", name, (long long)parameters,
                (long long)args.height, (long long)args.width, (long long)args.num_classes);
    return SK_OK;
}

sk_status verb_models(struct call *call) {
    if (call->argument_count) return published_list(call, call->arguments[0]);
    size_t count;
    const struct model_family *const *table = model_table(&count);
    jw_array(&call->json, "models");
    for (size_t i = 0; i < count; i++)
        for (int j = 0; table[i]->published[j]; j++) TRY(list_one(call, table[i]->published[j]));
    jw_end_array(&call->json);
    return SK_OK;
}
