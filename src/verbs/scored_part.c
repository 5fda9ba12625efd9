/* scored_part.c — opening a dataset to score a model on it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/scored_part.h"

#include <string.h>

#include "base/file.h"
#include "train/from_recipe.h"
#include "train/run_folder.h"

/* A network of one class more, whose first is TF's background: its numbers of the others are one higher. */
static sk_status shift_labels(const struct call *call, const struct network *network, struct dataset *dataset,
                              const char *spec) {
    bool one_more = network->args.num_classes == (int64_t)dataset_classes(dataset) + 1;
    const char *first = network->classes ? network->classes[0] : "background";
    if (!one_more || !strstr(first, "background") || strstr(dataset_class_name(dataset, 0), "background")) return SK_OK;
    if (!network->classes)
        call_warning(call,
                     "the model has a class more than %s and no names: taken as TF's, whose class 0 is the background",
                     spec);
    return dataset_shift(dataset, 1);
}

static sk_status check_classes(const struct call *call, const struct network *network, const struct dataset *dataset,
                               const char *spec) {
    int classes = dataset_classes(dataset);
    FAIL_IF(classes != network->args.num_classes, SK_EDATA, "%s has %d classes, but the model has %lld", spec, classes,
            (long long)network->args.num_classes);
    for (int c = 0; network->classes && c < classes; c++) {
        if (strcmp(network->classes[c], dataset_class_name(dataset, c)) == 0) continue;
        call_warning(call,
                     "class %d is \"%s\" in the model and \"%s\" in %s: are these the same classes in the same order?",
                     c, network->classes[c], dataset_class_name(dataset, c), spec);
        break;
    }
    return SK_OK;
}

static sk_status choose(const struct call *call, const char *spec, const struct dataset *dataset,
                        enum data_part *part) {
    const char *word = call_option(call, "part");
    *part = dataset_count(dataset, DATA_TEST) > 0 ? DATA_TEST : DATA_VAL;
    if (word) {
        int found = -1;
        for (int p = 0; p < DATA_PARTS; p++)
            if (strcmp(word, data_part_name(p)) == 0) found = p;
        FAIL_IF(found < 0, SK_EUSAGE, "--part %s: expected train, val or test", word);
        *part = (enum data_part)found;
    }
    FAIL_IF(dataset_count(dataset, *part) == 0, SK_EDATA, "%s has no %s part", spec, data_part_name(*part));
    if (*part == DATA_VAL && dataset_was_split(dataset) && dataset_count(dataset, DATA_TEST) == 0)
        call_note(call, "%s has no val part: these are the tenth of each class that the seed sets aside, as train does",
                  spec);
    return SK_OK;
}

sk_status run_weights(struct call *call, const char *run, const struct recipe *recipe, const char **path) {
    const char *word = call_option(call, "weights");
    const char *name = word ? arena_printf(&call->arena, "%s.safetensors", word) : run_folder_best(recipe);
    *path = name ? path_join(&call->arena, run, name) : NULL;
    if (!*path) return SK_EMEMORY;
    FAIL_IF(word && strchr(word, '/'), SK_EUSAGE, "--weights %s: expected best, last, best_ema, last_ema or average",
            word);
    FAIL_IF(!file_exists(*path), SK_EDATA, "%s has no %s%s", run, name, word ? "" : " yet");
    return SK_OK;
}

sk_status scored_model(struct call *call, const char *argument, struct scored_model *model) {
    struct recipe recipe;
    *model = (struct scored_model){.path = argument, .spec = call_option(call, "data")};
    FAIL_IF(!file_is_folder(argument) && call_option(call, "weights"), SK_EUSAGE,
            "--weights chooses among a run's models, but %s is no run", argument);
    if (!file_is_folder(argument)) return SK_OK;
    TRY(run_folder_open(argument, &call->arena, &recipe));
    TRY(run_weights(call, argument, &recipe, &model->path));
    model->skip_corrupt = recipe.data_corrupt == CHOICE_CORRUPT_SKIP;
    if (model->spec) return SK_OK;
    model->spec = recipe.data_spec;
    return run_folder_lists(argument, &call->arena, &model->lists);
}

sk_status scored_part_open(const struct call *call, const struct scored_model *model, const struct network *network,
                           enum exif_policy exif, struct dataset **dataset, enum data_part *part) {
    const char *spec = model->spec;
    struct recipe recipe;
    struct arena arena = {0};
    sk_status status = recipe_default(&recipe, &arena);
    /* A file's recipe knows the seed of the split. */
    if (status == SK_OK && network->recipe)
        status = recipe_parse(&recipe, &arena, network->recipe, strlen(network->recipe), "the model's recipe");
    if (status == SK_OK) status = call_overrides(call, &recipe);
    struct data_options options = {.exif = exif};
    if (status == SK_OK) {
        bool same = strcmp(recipe.data_spec, spec) == 0; /* the very data it was trained on: the same split */
        if (same) status = recipe_data(&recipe, &options);
        options.seed = (uint64_t)recipe.seed;
        options.exif = exif;
        options.lists = model->lists;
    }
    arena_free(&arena);
    TRY(status);
    options.label_offset = 0;
    TRY(dataset_open(dataset, spec, &options));
    bool shifts = recipe.data_label_offset > 1 &&
                  network->args.num_classes == dataset_classes(*dataset) + recipe.data_label_offset;
    if (shifts) TRY(dataset_shift(*dataset, (int)recipe.data_label_offset));
    TRY(shift_labels(call, network, *dataset, spec));
    TRY(check_classes(call, network, *dataset, spec));
    return choose(call, spec, *dataset, part);
}
