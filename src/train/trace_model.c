/* trace_model.c — read off the network's own training graph, as models say it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace_model.h"

#include "train/from_recipe.h"
#include "train/groups.h"

/* A part of the network that drops, and how often. */
struct drop {
    const char *name;
    double rate;
    bool rows; /* whole branches: stochastic depth */
};

struct traced {
    int64_t batch, group; /* pictures of a pass, and those normalised together; group 0: the network has no batch norm */
    struct drop *drops;
    size_t drop_count, wrapped;
};

static sk_status traced_make(struct traced *traced, struct arena *arena, const struct recipe *recipe) {
    const struct model_family *family;
    struct model_args args;
    struct graph *graph;
    *traced = (struct traced){.batch = schedule_pass_images(recipe)};
    TRY(recipe_model(recipe, &args));
    TRY(model_find(args.name, &family));
    TRY(groups_check(recipe, &args));
    TRY(model_graph(arena, &args, &(struct model_request){.batch = 2, .training = true}, &graph));
    if (family->uses & USES_BATCH_NORM)
        traced->group = recipe->batch_norm_group ? recipe->batch_norm_group : traced->batch;
    traced->drops = arena_array(arena, graph->node_count + 1, sizeof *traced->drops);
    if (!traced->drops) return SK_EMEMORY;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        traced->wrapped += node->op == &op_wrap_pad;
        if (node->op != &op_dropout) continue;
        struct drop *drop = &traced->drops[traced->drop_count++];
        drop->name = node->name;
        drop->rate = dropout_rate(node, &drop->rows);
    }
    return SK_OK;
}

static void text_norm(const struct traced *traced, struct text *text) {
    if (!traced->group) return;
    if (traced->group == traced->batch)
        text_addf(text, "  batch norm over all %lld pictures of a pass\n", (long long)traced->batch);
    else
        text_addf(text,
                  "  batch norm over groups of %lld pictures, %lld in a pass of %lld; running statistics move by the groups' "
                  "mean\n",
                  (long long)traced->group, (long long)(traced->batch / traced->group), (long long)traced->batch);
}

/* Blocks of one rate are one item. */
static void text_drops(const struct traced *traced, struct text *text) {
    const char *before = "  stochastic depth";
    for (size_t i = 0; i < traced->drop_count;) {
        const struct drop *drop = &traced->drops[i];
        size_t same = i + 1;
        if (!drop->rows) {
            i++;
            continue;
        }
        while (same < traced->drop_count && traced->drops[same].rows && traced->drops[same].rate == drop->rate) same++;
        text_addf(text, "%s %.4g", before, drop->rate);
        if (same - i > 1) text_addf(text, " in %zu blocks", same - i);
        before = ",";
        i = same;
    }
    if (*before == ',') text_add(text, "\n");
    for (size_t i = 0; i < traced->drop_count; i++)
        if (!traced->drops[i].rows) text_addf(text, "  dropout %.4g at %s\n", traced->drops[i].rate, traced->drops[i].name);
}

sk_status trace_model_text(const struct recipe *recipe, struct text *text) {
    struct arena arena = {0};
    struct traced traced;
    sk_status status = traced_make(&traced, &arena, recipe);
    if (status == SK_OK) {
        text_add(text, "network in training\n");
        text_norm(&traced, text);
        text_drops(&traced, text);
        if (recipe->model_init_std > 0)
            text_addf(text, "  every kernel begins as a normal number of deviation %.4g\n", recipe->model_init_std);
        if (traced.wrapped) text_addf(text, "  %zu convolutions see the opposite side beyond a border\n", traced.wrapped);
        status = text_check(text);
    }
    arena_free(&arena);
    return status;
}

static void json_drops(const struct traced *traced, bool rows, struct json_writer *w) {
    jw_array(w, rows ? "stochastic_depth" : "dropout");
    for (size_t i = 0; i < traced->drop_count; i++)
        if (traced->drops[i].rows == rows) jw_number(w, NULL, traced->drops[i].rate);
    jw_end_array(w);
}

sk_status trace_model_json(const struct recipe *recipe, struct json_writer *w) {
    struct arena arena = {0};
    struct traced traced;
    sk_status status = traced_make(&traced, &arena, recipe);
    if (status == SK_OK) {
        jw_object(w, "network");
        jw_integer(w, "batch_norm_group", traced.group);
        jw_integer(w, "batch_norm_groups", traced.group ? traced.batch / traced.group : 0);
        json_drops(&traced, true, w);
        json_drops(&traced, false, w);
        jw_integer(w, "wrapped_convolutions", (int64_t)traced.wrapped);
        jw_number(w, "init_std", recipe->model_init_std);
        jw_end_object(w);
        status = text_check(&w->text);
    }
    arena_free(&arena);
    return status;
}
