/* verb_recipe.c — siskin recipe: list, show, trace, diff, lint, import, keys.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "train/effect.h"
#include "train/from_recipe.h"
#include "train/lint.h"
#include "train/trace.h"
#include "verbs/recipe_arg.h"
#include "verbs/recipe_import_word.h"

const struct option options_recipe[] = {
    {"set", 0, NULL, "show: only what the recipe sets, without the defaults."},
    {"data", 0, "SPEC", "trace, lint: count these pictures; short for data.spec=SPEC."},
    {"images", 0, "N", "trace, diff, lint, import: so many training pictures, without looking at any."},
    {"val-images", 0, "N", "trace, diff: so many validation pictures."},
    {"world", 0, "N", "trace, lint, import: so many processes; 1 by default, import: as the command line says."},
    {"from", 0, "SOURCE", "import: whose settings they are: torchvision, timm or model_garden; found by their names."},
    {"out", 'o', "FILE.yaml", "import: write the recipe there, and what became of each setting on standard output."},
    {"strict", 0, NULL, "lint: warnings fail too (exit 1)."},
    {0},
};

static sk_status list(struct call *call) {
    const char **names;
    size_t count;
    TRY(recipe_names(&call->arena, &names, &count));
    jw_array(&call->json, "recipes");
    for (size_t i = 0; i < count; i++) {
        jw_object(&call->json, NULL);
        jw_string(&call->json, "name", names[i]);
        jw_end_object(&call->json);
        call_result(call, "%s", names[i]);
    }
    jw_end_array(&call->json);
    return SK_OK;
}

static sk_status show(struct call *call, struct recipe *recipe) {
    struct text text = {0};
    TRY(recipe_settle_model(recipe));
    sk_status status = recipe_show(recipe, call_switch(call, "set"), &text);
    if (status == SK_OK) {
        jw_object(&call->json, "values");
        for (int id = 0; id < RECIPE_KEYS && status == SK_OK; id++) {
            struct text value = {0};
            status = recipe_value(recipe, id, &value);
            if (status == SK_OK) jw_string(&call->json, recipe_key_name(id), value.data);
            text_free(&value);
        }
        jw_end_object(&call->json);
        call_result_text(call, text.data ? text.data : "");
    }
    text_free(&text);
    return status;
}

/* ---- what trace, diff and lint look at ---- */

enum { IMAGENET_TRAIN = 1281167, IMAGENET_VAL = 50000 };

static sk_status count_images(struct call *call, struct recipe *recipe, struct trace_input *input) {
    const char *path = recipe->path ? recipe->path : "";
    int64_t train, val;
    TRY(call_integer(call, "images", 1, INT64_C(1000000000), 0, &train));
    TRY(call_integer(call, "val-images", 0, INT64_C(1000000000), 0, &val));
    if (train == 0 && recipe->data_spec[0]) {
        struct dataset *dataset;
        struct data_options options;
        TRY(recipe_data(recipe, &options));
        TRY(dataset_open(&dataset, recipe->data_spec, &options));
        train = dataset_count(dataset, DATA_TRAIN);
        val = dataset_count(dataset, DATA_VAL);
        sk_status status = recipe_settle(recipe, dataset_classes(dataset));
        dataset_free(dataset);
        TRY(status);
    } else if (train == 0 && strstr(path, "imagenet")) {
        train = IMAGENET_TRAIN;
        val = IMAGENET_VAL;
        call_note(call, "no data.spec: counting with ImageNet's %lld and %lld pictures", (long long)train,
                  (long long)val);
    }
    input->train_images = train;
    input->val_images = val;
    return SK_OK;
}

static sk_status fill_input(struct call *call, struct recipe *recipe, struct trace_input *input) {
    int64_t world;
    TRY(call_integer(call, "world", 1, 65536, 1, &world));
    *input = (struct trace_input){.recipe = recipe, .world = (int)world};
    TRY(count_images(call, recipe, input));
    return trace_input_tensors(input, &call->arena);
}

/* ---- two recipes ---- */

static void widen(int *width, const char *text) {
    size_t length = strlen(text);
    if (length > (size_t)*width && length <= 60) *width = (int)length;
}

/* In effect: what is computed, whatever words say it; then keys that differ without a difference. */
static sk_status diff(struct call *call, struct recipe *a) {
    struct recipe b;
    struct trace_input inputs[2];
    struct effect_facts facts[2];
    struct effect_difference *list;
    size_t count, told = 0;
    FAIL_IF(call->argument_count < 3, SK_EUSAGE, "recipe diff needs two recipes");
    TRY(recipe_open(call, &call->arena, call->arguments[2], &b));
    TRY(fill_input(call, a, &inputs[0]));
    TRY(fill_input(call, &b, &inputs[1]));
    FAIL_IF(!inputs[0].train_images || !inputs[1].train_images, SK_EUSAGE,
            "how many pictures? Set data.spec, or say --images N");
    TRY(effect_facts_make(&facts[0], a, &inputs[0], &call->arena));
    TRY(effect_facts_make(&facts[1], &b, &inputs[1], &call->arena));
    TRY(effect_diff(&facts[0], &facts[1], &call->arena, &list, &count));
    int wide[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        widen(&wide[0], list[i].name);
        widen(&wide[1], list[i].left);
    }
    jw_array(&call->json, "differences");
    for (size_t i = 0; i < count; i++) {
        jw_object(&call->json, NULL);
        jw_string(&call->json, list[i].is_key ? "key" : "effect", list[i].name);
        jw_string(&call->json, "left", list[i].left);
        jw_string(&call->json, "right", list[i].right);
        jw_bool(&call->json, "same_effect", list[i].same_effect);
        jw_end_object(&call->json);
        if (list[i].same_effect && told++ == 0) call_result(call, "written otherwise, the same in effect:");
        call_result(call, "%s%-*s  %-*s  %s", list[i].same_effect ? "  " : "", wide[0], list[i].name, wide[1],
                    list[i].left, list[i].right);
    }
    jw_end_array(&call->json);
    if (count == 0) call_result(call, "no difference");
    return SK_OK;
}

static sk_status trace(struct call *call, struct recipe *recipe) {
    struct trace_input input;
    struct text text = {0};
    TRY(fill_input(call, recipe, &input));
    FAIL_IF(input.train_images == 0, SK_EUSAGE, "how many pictures? Set data.spec, or say --images N");
    TRY(trace_json(&input, &call->json));
    sk_status status = trace_text(&input, &text);
    if (status == SK_OK) call_result_text(call, text.data);
    text_free(&text);
    return status;
}

static sk_status lint(struct call *call, struct recipe *recipe) {
    struct trace_input input;
    struct lint_finding *findings;
    size_t count;
    TRY(fill_input(call, recipe, &input));
    TRY(lint_run(&input, &call->arena, &findings, &count));
    jw_array(&call->json, "findings");
    for (size_t i = 0; i < count; i++) {
        const struct lint_finding *f = &findings[i];
        jw_object(&call->json, NULL);
        jw_string(&call->json, "severity", lint_severity_name(f->severity));
        jw_string(&call->json, "lint", f->lint);
        jw_string(&call->json, "key", f->key);
        jw_string(&call->json, "sentence", f->sentence);
        jw_end_object(&call->json);
        call_result(call, "%s: %s: %s: %s%s%s", lint_severity_name(f->severity), f->lint, f->key, f->sentence,
                    f->excuse ? "; meant: " : "", f->excuse ? f->excuse : "");
    }
    jw_end_array(&call->json);
    if (count == 0) call_result(call, "%zu tests, nothing found", lint_count());
    int code = lint_exit_code(findings, count, call_switch(call, "strict"));
    FAIL_IF(code == 2, SK_EUSAGE, "the recipe has errors");
    FAIL_IF(code == 1, SK_EDATA, "the recipe has warnings, and --strict was given");
    return SK_OK;
}

static sk_status keys(struct call *call) {
    struct recipe recipe;
    TRY(recipe_default(&recipe, &call->arena));
    jw_array(&call->json, "keys");
    for (int id = 0; id < RECIPE_KEYS; id++) {
        struct text value = {0};
        sk_status status = recipe_value(&recipe, id, &value);
        if (status == SK_OK) {
            jw_object(&call->json, NULL);
            jw_string(&call->json, "name", recipe_key_name(id));
            jw_string(&call->json, "default", value.data);
            jw_string(&call->json, "help", recipe_key_help(id));
            jw_end_object(&call->json);
            call_result(call, "%-38s %-24s %s", recipe_key_name(id), value.data, recipe_key_help(id));
        }
        text_free(&value);
        TRY(status);
    }
    jw_end_array(&call->json);
    return SK_OK;
}

enum recipe_word { WORD_LIST, WORD_SHOW, WORD_TRACE, WORD_DIFF, WORD_LINT, WORD_KEYS, WORD_IMPORT, WORD_COUNT };

sk_status verb_recipe(struct call *call) {
    static const char *const words[] = {"list", "show", "trace", "diff", "lint", "keys", "import"};
    const char *word = call->arguments[0], *data = call_option(call, "data");
    int which = 0;
    while (which < WORD_COUNT && strcmp(words[which], word) != 0) which++;
    FAIL_IF(which == WORD_COUNT, SK_EUSAGE,
            "recipe %s is unknown%s: expected list, show, trace, diff, lint, import or keys", word,
            near_hint(word, words, WORD_COUNT, "").text);
    if (which == WORD_LIST) return list(call);
    if (which == WORD_KEYS) return keys(call);
    if (which == WORD_IMPORT) return recipe_import_word(call);
    FAIL_IF(call->argument_count < 2, SK_EUSAGE, "recipe %s needs a RECIPE: a file or a name of `siskin recipe list`",
            word);
    FAIL_IF(call->argument_count > (which == WORD_DIFF ? 3 : 2), SK_EUSAGE, "recipe %s takes %s", word,
            which == WORD_DIFF ? "two recipes" : "one recipe");
    struct recipe recipe;
    TRY(recipe_open(call, &call->arena, call->arguments[1], &recipe));
    if (data) TRY(recipe_set(&recipe, "data.spec", data));
    switch ((enum recipe_word)which) {
    case WORD_SHOW: return show(call, &recipe);
    case WORD_DIFF: return diff(call, &recipe);
    case WORD_LINT: return lint(call, &recipe);
    default: return trace(call, &recipe);
    }
}
