/* verb_summary.c — siskin summary: the layers, what they cost and see, and the memory that the plan needs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/team.h"
#include "plan/plan.h"
#include "train/freeze.h"
#include "train/precision.h"
#include "verbs/layers.h"
#include "verbs/model_arg.h"

const struct option options_summary[] = {
    {"batch", 0, "N", "Plan for so many pictures; 1 by default."},
    {"size", 0, "N", "Pictures of N x N pixels: model.input_size=N."},
    {0},
};

#define ROW_FORMAT "%-*s %-12s %-22s %11s %14s %12s %9s %4s"

/* ---- the table ---- */

/* "75", or "75 x 3" where rows and columns differ. */
static void pair_text(int64_t rows, int64_t columns, char text[32]) {
    if (rows == columns)
        snprintf(text, 32, "%lld", (long long)rows);
    else
        snprintf(text, 32, "%lld x %lld", (long long)rows, (long long)columns);
}

static void say_layer(struct call *call, const struct layer *layer, int name_width) {
    char shape[96], field[32] = "all", jump[32] = "", numbers[3][24];
    shape_text(&layer->output, shape, sizeof shape);
    if (!layer->sees.whole) {
        pair_text(layer->sees.height, layer->sees.width, field);
        pair_text(layer->sees.jump_h, layer->sees.jump_w, jump);
    }
    snprintf(numbers[0], sizeof numbers[0], "%lld", (long long)layer->parameters);
    snprintf(numbers[1], sizeof numbers[1], "%lld", (long long)layer->cost.macs);
    snprintf(numbers[2], sizeof numbers[2], "%lld", (long long)layer->activations);
    call_result(call, ROW_FORMAT, name_width, layer->name, layer->op, shape, numbers[0], numbers[1], numbers[2], field,
                jump);
}

static void write_layer(struct json_writer *w, const struct layer *layer) {
    jw_object(w, NULL);
    jw_string(w, "name", layer->name);
    jw_string(w, "op", layer->op);
    jw_array(w, "output");
    for (int d = 0; d < layer->output.rank; d++) jw_integer(w, NULL, layer->output.dim[d]);
    jw_end_array(w);
    jw_integer(w, "parameters", layer->parameters);
    jw_integer(w, "macs", layer->cost.macs);
    jw_integer(w, "activations", layer->activations);
    jw_integer(w, "activation_bytes", layer->bytes);
    jw_bool(w, "sees_all", layer->sees.whole);
    if (!layer->sees.whole) {
        const int64_t numbers[2][2] = {{layer->sees.height, layer->sees.width},
                                       {layer->sees.jump_h, layer->sees.jump_w}};
        for (int k = 0; k < 2; k++) {
            jw_array(w, k ? "jump" : "receptive_field");
            for (int d = 0; d < 2; d++) jw_integer(w, NULL, numbers[k][d]);
            jw_end_array(w);
        }
    }
    jw_end_object(w);
}

static void say_layers(struct call *call, const struct layers *layers) {
    int width = 20;
    for (size_t i = 0; i < layers->count; i++)
        if ((int)strlen(layers->row[i].name) > width) width = (int)strlen(layers->row[i].name);
    jw_array(&call->json, "layers");
    call_result(call, ROW_FORMAT, width, "layer", "op", "output", "parameters", "multiply-adds", "activations", "sees",
                "jump");
    for (size_t i = 0; i < layers->count; i++) {
        write_layer(&call->json, &layers->row[i]);
        say_layer(call, &layers->row[i], width);
    }
    jw_end_array(&call->json);
}

/* ---- the sums ---- */

/* What recipe keys freeze; 0 without them. */
static sk_status frozen_parameters(const struct call *call, const struct network *network, int64_t *frozen) {
    struct arena arena = {0};
    struct recipe recipe;
    struct freeze freeze;
    *frozen = 0;
    sk_status status = recipe_default(&recipe, &arena);
    if (status == SK_OK) status = call_overrides(call, &recipe);
    if (status == SK_OK) status = freeze_make(&freeze, &arena, &recipe, network);
    for (size_t i = 0; status == SK_OK && i < network->graph->param_count; i++) {
        const struct param *param = &network->graph->params[i];
        if (!param->state && freeze_holds(&freeze, 0, param->name)) *frozen += param->count;
    }
    arena_free(&arena);
    return status;
}

/* How training would keep activations, under the recipe keys of the command line. */
static sk_status say_precision(struct call *call, const struct network *network, int64_t batch) {
    struct arena arena = {0};
    struct recipe recipe;
    struct precision precision;
    struct text text = {0};
    sk_status status = recipe_default(&recipe, &arena);
    if (status == SK_OK) status = call_overrides(call, &recipe);
    if (status == SK_OK) status = precision_read(&recipe, network, batch, &precision);
    if (status == SK_OK) {
        precision_json(&precision, &call->json);
        text_add(&text, "in training, ");
        precision_text(&precision, &text);
        status = text_check(&text);
    }
    if (status == SK_OK) call_result(call, "%s", text.data);
    text_free(&text);
    arena_free(&arena);
    return status;
}

/* What is worth knowing about these arguments beyond their numbers. */
static sk_status say_notes(struct call *call, const struct model_args *args) {
    const struct model_family *family;
    struct text text = {0};
    TRY(model_find(args->name, &family));
    if (family->notes) family->notes(args, &text);
    sk_status status = text_check(&text);
    if (status == SK_OK && text.length > 0) {
        jw_string(&call->json, "notes", text.data);
        call_result(call, "%s", "");
        call_result_text(call, text.data);
    }
    text_free(&text);
    return status;
}

struct memory {
    size_t peak, bound;
};

static void say_sums(struct call *call, const struct network *network, const struct layers *layers, int64_t frozen,
                     const struct memory *memory) {
    struct json_writer *w = &call->json;
    int64_t parameters = graph_parameter_count(network->graph), statistics = graph_statistics_count(network->graph);
    size_t peak = memory->peak, bound = memory->bound;
    jw_integer(w, "parameters", parameters);
    jw_integer(w, "batch_statistics", statistics);
    jw_integer(w, "parameters_and_statistics", parameters + statistics);
    jw_integer(w, "trainable", parameters - frozen);
    jw_integer(w, "frozen", frozen);
    jw_integer(w, "parameter_bytes", 4 * (parameters + statistics));
    jw_integer(w, "macs", layers->macs);
    jw_integer(w, "activations", layers->activations);
    jw_integer(w, "activation_bytes", layers->bytes);
    jw_integer(w, "peak_bytes", (int64_t)peak);
    jw_integer(w, "bound_bytes", (int64_t)bound);
    call_result(call, "%lld parameters; %lld with the %lld batch statistics", (long long)parameters,
                (long long)(parameters + statistics), (long long)statistics);
    call_result(call, "%lld trainable, %lld frozen; %.2f MiB", (long long)(parameters - frozen), (long long)frozen,
                4 * (double)(parameters + statistics) / 1048576);
    call_result(call, "%lld multiply-adds", (long long)layers->macs);
    call_result(call, "%lld activations, %.2f MiB, if all were kept", (long long)layers->activations,
                (double)layers->bytes / 1048576);
    call_result(call,
                "activations at their peak %.2f MiB, which is %.3f x the largest sum of bytes alive at once (%.2f MiB)",
                (double)peak / 1048576, bound ? (double)peak / (double)bound : 1, (double)bound / 1048576);
}

static sk_status summary(struct call *call, const struct network *network, struct team *team, int64_t batch) {
    const struct model_args *args = &network->args;
    struct graph *graph;
    struct layers layers;
    struct runner *runner;
    struct memory memory;
    int64_t frozen;
    TRY(frozen_parameters(call, network, &frozen));
    TRY(runner_new(&runner, network, &(struct runner_options){.batch = batch, .team = team}));
    runner_memory(runner, &memory.peak, &memory.bound);
    runner_free(runner);
    TRY(model_graph(&call->arena, args, &(struct model_request){.batch = batch}, &graph));
    TRY(layers_of(&call->arena, graph, &layers));
    jw_string(&call->json, "model", args->name);
    jw_integer(&call->json, "batch", batch);
    jw_integer(&call->json, "height", args->height);
    jw_integer(&call->json, "width", args->width);
    say_layers(call, &layers);
    call_result(call, "%s", "");
    call_result(call, "%s, input %lld x %lld x %lld, batch %lld", args->name, (long long)args->height,
                (long long)args->width, (long long)args->in_channels, (long long)batch);
    say_sums(call, network, &layers, frozen, &memory);
    TRY(say_precision(call, network, batch));
    return say_notes(call, args);
}

/* --size is another way to say a key; each option took a word, so there is room for it. */
static sk_status take_size(struct call *call) {
    int64_t size;
    TRY(call_integer(call, "size", 1, 16384, 0, &size));
    if (!size) return SK_OK;
    const char *key = arena_printf(&call->arena, "model.input_size=%lld", (long long)size);
    if (!key) return SK_EMEMORY;
    call->assignments[call->assignment_count++] = key;
    return SK_OK;
}

sk_status verb_summary(struct call *call) {
    struct network *network = NULL;
    struct team *team = NULL;
    int64_t batch;
    int threads;
    TRY(call_integer(call, "batch", 1, 65536, 1, &batch));
    TRY(take_size(call));
    TRY(call_threads(call, &threads));
    sk_status status = model_open(call, call->arguments[0], false, &network);
    if (status == SK_OK) status = team_new(&team, threads);
    if (status == SK_OK) status = summary(call, network, team, batch);
    team_free(team);
    network_free(network);
    return status;
}
