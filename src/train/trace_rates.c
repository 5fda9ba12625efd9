/* trace_rates.c — what each parameter has of the learning rate, by layer_decay and lr_mult.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace_rates.h"

#include "train/freeze.h"

struct rates {
    struct freeze freeze;
    const struct trace_input *input;
    bool any;
};

static sk_status rates_make(struct rates *rates, const struct trace_input *input, struct arena *arena) {
    const struct recipe *recipe = input->recipe;
    const struct model_family *family;
    *rates = (struct rates){.input = input};
    rates->any = input->tensor_count > 0 && (recipe->layer_decay < 1 || recipe->lr_mult.count > 0);
    if (!rates->any) return SK_OK;
    TRY(model_find(recipe->model_name, &family));
    rates->freeze = (struct freeze){.recipe = recipe, .head = family->head};
    return layer_rates_make(&rates->freeze.layers, recipe, family, input->tensors, input->tensor_count, arena);
}

static sk_status add_rows(const struct rates *rates, struct text *text) {
    const struct layer_rates *layers = &rates->freeze.layers;
    text_add(text, "share of the learning rate\n");
    if (layers->count)
        text_addf(text, "  %lld layers; from one to the next above it times %.6g\n", (long long)layers->layers,
                  1 / rates->input->recipe->layer_decay);
    for (size_t i = 0; i < rates->input->tensor_count; i++) {
        double factor;
        const char *name = rates->input->tensors[i].name;
        const struct layer_rate *layer = layer_rate_find(layers, name);
        TRY(freeze_rate(&rates->freeze, name, &factor));
        text_addf(text, "  %-48s %-10.6g", name, factor);
        if (layer) text_addf(text, " layer %lld", (long long)layer->layer);
        text_add(text, layer && layer->held ? ", not trained\n" : "\n");
    }
    return SK_OK;
}

sk_status trace_rates_text(const struct trace_input *input, struct text *text) {
    struct arena arena = {0};
    struct rates rates;
    sk_status status = rates_make(&rates, input, &arena);
    if (status == SK_OK && rates.any) status = add_rows(&rates, text);
    arena_free(&arena);
    return status;
}

static sk_status write_rows(const struct rates *rates, struct json_writer *w) {
    for (size_t i = 0; i < rates->input->tensor_count; i++) {
        double factor;
        const char *name = rates->input->tensors[i].name;
        const struct layer_rate *layer = layer_rate_find(&rates->freeze.layers, name);
        TRY(freeze_rate(&rates->freeze, name, &factor));
        jw_object(w, NULL);
        jw_string(w, "tensor", name);
        jw_number(w, "factor", factor);
        if (layer) jw_integer(w, "layer", layer->layer);
        jw_bool(w, "trained", !(layer && layer->held));
        jw_end_object(w);
    }
    return SK_OK;
}

sk_status trace_rates_json(const struct trace_input *input, struct json_writer *w) {
    struct arena arena = {0};
    struct rates rates;
    sk_status status = rates_make(&rates, input, &arena);
    if (status == SK_OK && rates.any) {
        jw_array(w, "lr_factor");
        status = write_rows(&rates, w);
        jw_end_array(w);
    }
    arena_free(&arena);
    return status;
}
