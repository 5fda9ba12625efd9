/* precision.c — the training graph as the engine lowers it, looked through for what is bf16.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/precision.h"

#include "base/cpu.h"
#include "plan/cut.h"
#include "plan/passes.h"
#include "train/freeze.h"
#include "train/from_recipe.h"

const char *precision_name(const struct recipe *recipe) {
    return recipe->precision == CHOICE_PRECISION_BF16 ? "bf16" : "f32";
}

/* As the trainer makes it for a stage: what lies below a cut runs as inference does. */
static sk_status census_of(const struct recipe *recipe, const struct network *network, int64_t batch,
                           struct arena *arena, struct bf16_census *census) {
    enum isa isa;
    struct freeze freeze;
    struct graph *graph, *lowered;
    TRY(cpu_isa(&isa));
    TRY(freeze_make(&freeze, arena, recipe, network));
    struct model_request request = {.batch = batch, .training = true, .loss = true};
    request.freezing = freeze_of(&freeze, freeze.stages - 1);
    TRY(model_graph(arena, &network->args, &request, &graph));
    struct graph_cut cut = request.freezing ? cut_find(graph) : (struct graph_cut){0};
    if (cut.name && cut_value(network->graph, &cut)) TRY(cut_above(arena, graph, &cut, &graph));
    struct lowering lowering = {.kernels = kernels_of(isa), .training = true, .bf16 = true};
    TRY(passes_run(arena, graph, &lowering, &lowered));
    *census = bf16_census(lowered);
    return SK_OK;
}

sk_status precision_read(const struct recipe *recipe, const struct network *network, int64_t batch,
                         struct precision *precision) {
    struct network *own = NULL;
    struct model_args args;
    struct arena arena = {0};
    sk_status status = SK_OK;
    *precision = (struct precision){.bf16 = recipe->precision == CHOICE_PRECISION_BF16, .batch = batch};
    if (!precision->bf16) return SK_OK;
    if (!network) {
        status = recipe_model(recipe, &args);
        if (status == SK_OK) status = network_new(&own, &args);
        network = own;
    }
    if (status == SK_OK) status = census_of(recipe, network, batch, &arena, &precision->census);
    network_free(own);
    arena_free(&arena);
    return status;
}

void precision_text(const struct precision *precision, struct text *text) {
    const struct bf16_census *census = &precision->census;
    text_addf(text, "activations and their gradients are kept as %s", precision->bf16 ? "bf16" : "f32");
    if (precision->bf16) {
        const char *of = precision->batch == 1 ? "a picture" : "a batch";
        text_addf(text, " (%lld tensors, %.2f MiB %s)", (long long)census->bf16, (double)census->bf16_bytes / 1048576,
                  of);
        if (census->f32)
            text_addf(text, ", but %lld (%.2f MiB) as f32 for ", (long long)census->f32,
                      (double)census->f32_bytes / 1048576);
        for (int i = 0; i < census->reasons; i++)
            text_addf(text, "%s%s (%lld)", i ? ", " : "", census->reason[i].op, (long long)census->reason[i].tensors);
    }
    text_add(text, "; weights, sums, optimizer and evaluation f32");
}

void precision_json(const struct precision *precision, struct json_writer *w) {
    const struct bf16_census *census = &precision->census;
    jw_string(w, "precision", precision->bf16 ? "bf16" : "f32");
    if (!precision->bf16) return;
    jw_object(w, "bf16");
    jw_integer(w, "pictures", precision->batch);
    jw_integer(w, "tensors", census->bf16);
    jw_integer(w, "bytes", census->bf16_bytes);
    jw_integer(w, "f32_tensors", census->f32);
    jw_integer(w, "f32_bytes", census->f32_bytes);
    jw_array(w, "f32_for");
    for (int i = 0; i < census->reasons; i++) {
        jw_object(w, NULL);
        jw_string(w, "op", census->reason[i].op);
        jw_integer(w, "tensors", census->reason[i].tensors);
        jw_integer(w, "bytes", census->reason[i].bytes);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}
