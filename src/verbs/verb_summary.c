/* verb_summary.c — siskin summary: the layers, what they cost, and the memory that the plan needs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/team.h"
#include "plan/plan.h"
#include "verbs/layers.h"
#include "verbs/model_arg.h"

const struct option options_summary[] = {
    {"batch", 0, "N", "Plan for so many pictures; 1 by default."},
    {0},
};

static void add_layers(struct call *call, const struct layer *layers, size_t count, int64_t *macs) {
    char shape[96];
    jw_array(&call->json, "layers");
    call_result(call, "%-32s %-16s %-22s %12s %14s", "layer", "op", "output", "parameters", "multiply-adds");
    for (size_t i = 0; i < count; i++) {
        const struct layer *l = &layers[i];
        shape_text(&l->output, shape, sizeof shape);
        jw_object(&call->json, NULL);
        jw_string(&call->json, "name", l->name);
        jw_string(&call->json, "op", l->op);
        jw_array(&call->json, "output");
        for (int d = 0; d < l->output.rank; d++) jw_integer(&call->json, NULL, l->output.dim[d]);
        jw_end_array(&call->json);
        jw_integer(&call->json, "parameters", l->parameters);
        jw_integer(&call->json, "macs", l->cost.macs);
        jw_end_object(&call->json);
        call_result(call, "%-32s %-16s %-22s %12lld %14lld", l->name, l->op, shape, (long long)l->parameters,
                    (long long)l->cost.macs);
        *macs += l->cost.macs;
    }
    jw_end_array(&call->json);
}

static sk_status summary(struct call *call, const struct network *network, struct team *team, int64_t batch) {
    struct json_writer *w = &call->json;
    struct graph *graph;
    struct layer *layers;
    size_t count;
    struct runner *runner;
    int64_t macs = 0;
    TRY(runner_new(&runner, network, &(struct runner_options){.batch = batch, .team = team}));
    size_t peak, bound;
    runner_memory(runner, &peak, &bound);
    runner_free(runner);
    TRY(model_graph(&call->arena, &network->args, &(struct model_request){.batch = batch}, &graph));
    TRY(layers_of(&call->arena, graph, &layers, &count));
    int64_t parameters = graph_parameter_count(graph), statistics = graph_statistics_count(graph);
    jw_string(w, "model", network->args.name);
    jw_integer(w, "batch", batch);
    jw_integer(w, "parameters", parameters);
    jw_integer(w, "batch_statistics", statistics);
    jw_integer(w, "parameters_and_statistics", parameters + statistics);
    add_layers(call, layers, count, &macs);
    jw_integer(w, "macs", macs);
    jw_integer(w, "peak_bytes", (int64_t)peak);
    jw_integer(w, "bound_bytes", (int64_t)bound);
    call_result(call, "%s", "");
    call_result(call, "%s, input %lld x %lld x %lld, batch %lld", network->args.name, (long long)network->args.height,
                (long long)network->args.width, (long long)network->args.in_channels, (long long)batch);
    call_result(call, "%lld parameters; %lld with the %lld batch statistics", (long long)parameters,
                (long long)(parameters + statistics), (long long)statistics);
    call_result(call, "%lld multiply-adds", (long long)macs);
    call_result(call,
                "activations at their peak %.2f MiB, which is %.3f x the largest sum of bytes alive at once (%.2f MiB)",
                (double)peak / 1048576, bound ? (double)peak / (double)bound : 1, (double)bound / 1048576);
    return SK_OK;
}

sk_status verb_summary(struct call *call) {
    struct network *network = NULL;
    struct team *team = NULL;
    int64_t batch;
    int threads;
    TRY(call_integer(call, "batch", 1, 65536, 1, &batch));
    TRY(call_threads(call, &threads));
    sk_status status = model_open(call, call->arguments[0], false, &network);
    if (status == SK_OK) status = team_new(&team, threads);
    if (status == SK_OK) status = summary(call, network, team, batch);
    team_free(team);
    network_free(network);
    return status;
}
