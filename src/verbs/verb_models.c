/* verb_models.c — siskin models: the architectures, with the size of the published network.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/network.h"
#include "verbs/verb.h"

const struct option options_models[] = {{0}};

sk_status verb_models(struct call *call) {
    size_t count;
    const struct model_family *const *table = model_table(&count);
    jw_array(&call->json, "models");
    for (size_t i = 0; i < count; i++) {
        struct model_args args;
        struct graph *graph;
        TRY(model_defaults(table[i]->name, &args));
        TRY(model_graph(&call->arena, &args, &(struct model_request){.batch = 1}, &graph));
        int64_t parameters = graph_parameter_count(graph);
        jw_object(&call->json, NULL);
        jw_string(&call->json, "name", table[i]->name);
        jw_integer(&call->json, "parameters", parameters);
        jw_end_object(&call->json);
        call_result(call, "%-24s %12lld parameters, %lld x %lld, %lld classes", table[i]->name, (long long)parameters,
                    (long long)args.height, (long long)args.width, (long long)args.num_classes);
    }
    jw_end_array(&call->json);
    return SK_OK;
}
