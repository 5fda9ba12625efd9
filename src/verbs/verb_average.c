/* verb_average.c — siskin average: the mean of several model files, its batch-norm statistics taken anew where asked.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cpu.h"
#include "base/team.h"
#include "train/average.h"
#include "train/from_recipe.h"
#include "train/model_file.h"
#include "train/progress.h"
#include "train/recalibrate.h"
#include "train/schedule.h"
#include "verbs/model_arg.h"

const struct option options_average[] = {
    {"out", 'o', "OUT.safetensors", "The model file to write."},
    {"recalibrate", 0, "SPEC",
     "Take batch-norm statistics anew over the training part of these pictures, augmented as the model's recipe (and "
     "key=value) says; without it they are averaged like weights."},
    {0},
};

struct averaging {
    struct call *call;
    struct progress progress;
    struct network *network;
    struct team *team;
    struct dataset *dataset;
    struct pipeline pipeline;
    struct loader *loader;
    struct recipe recipe;
};

static void show_progress(void *user, int64_t done, int64_t all) {
    struct averaging *a = user;
    progress_statistics(&a->progress, done, all);
}

/* The recipe that the first model was trained by, on these pictures. */
static sk_status read_recipe(struct averaging *a, const char *spec) {
    struct call *call = a->call;
    const char *text = a->network->recipe;
    TRY(recipe_default(&a->recipe, &call->arena));
    if (text) TRY(recipe_parse(&a->recipe, &call->arena, text, strlen(text), "the model's recipe"));
    if (!text) call_note(call, "%s holds no recipe: pictures are augmented by the defaults", call->arguments[0]);
    TRY(call_overrides(call, &a->recipe));
    return recipe_set(&a->recipe, "data.spec", spec);
}

static sk_status open_pictures(struct averaging *a, const char *spec) {
    struct data_options options;
    struct augment_options augment = augment_default();
    TRY(read_recipe(a, spec));
    TRY(recipe_data(&a->recipe, &options));
    TRY(dataset_open(&a->dataset, spec, &options));
    FAIL_IF(dataset_classes(a->dataset) != a->network->args.num_classes, SK_EDATA, "%s has %d classes, but the models %lld",
            spec, dataset_classes(a->dataset), (long long)a->network->args.num_classes);
    FAIL_IF(dataset_count(a->dataset, DATA_TRAIN) == 0, SK_EDATA, "%s has no training pictures", spec);
    TRY(model_preprocess(a->call, a->network, &augment.preprocess));
    struct pipeline pipeline;
    TRY(recipe_pipeline_from(&a->recipe, &augment.preprocess, &pipeline));
    return recipe_train_pipeline(&a->recipe, &pipeline, &a->pipeline);
}

static sk_status take_anew(struct averaging *a, const char *spec, int threads) {
    struct call *call = a->call;
    TRY(open_pictures(a, spec));
    int64_t images = dataset_count(a->dataset, DATA_TRAIN), batch = schedule_pass_images(&a->recipe), batches;
    if (batch > images) batch = images;
    int room = cpu_cores() - threads;
    struct loader_options loader = {.dataset = a->dataset,
                                    .pipeline = &a->pipeline,
                                    .part = DATA_TRAIN,
                                    .batch_size = (int)batch,
                                    .workers = room > 0 ? room : 0,
                                    .seed = (uint64_t)a->recipe.seed,
                                    .train = true,
                                    .drop_last = a->recipe.drop_last};
    TRY(loader_new(&a->loader, &loader));
    struct recalibration options = {.network = a->network,
                                    .team = a->team,
                                    .loader = a->loader,
                                    .epoch = (uint64_t)a->recipe.epochs,
                                    .seed = (uint64_t)a->recipe.seed,
                                    .size = a->recipe.augment_size,
                                    .batch = batch,
                                    .rest = a->recipe.drop_last ? 0 : images % batch,
                                    .stop = &call_stop,
                                    .progress = show_progress,
                                    .user = a};
    TRY(recalibrate(&options, &batches));
    jw_integer(&call->json, "recalibrated_batches", batches);
    call_result(call, "batch-norm statistics are the means over %lld batches of %lld", (long long)batches,
                (long long)batch);
    return SK_OK;
}

static sk_status work(struct averaging *a) {
    struct call *call = a->call;
    const char *out, *spec = call_option(call, "recalibrate");
    size_t count = (size_t)call->argument_count;
    int threads;
    TRY(call_need(call, "out", &out));
    TRY(call_threads(call, &threads));
    FAIL_IF(!spec && call->assignment_count, SK_EUSAGE, "%s: keys say how pictures are read for --recalibrate alone",
            call->assignments[0]);
    TRY(average_files(call->arguments, count, &a->network));
    TRY(team_new(&a->team, threads));
    if (spec) TRY(take_anew(a, spec, threads));
    TRY(model_file_save(a->network, a->team, out));
    jw_string(&call->json, "out", out);
    jw_integer(&call->json, "models", (int64_t)count);
    call_result(call, "%s: the mean of %zu models, %lld parameters", out, count,
                (long long)graph_parameter_count(a->network->graph));
    return SK_OK;
}

sk_status verb_average(struct call *call) {
    struct averaging a = {.call = call, .progress = {.on_event = call->on_event, .user = call->user}};
    sk_status status = work(&a);
    loader_free(a.loader);
    dataset_free(a.dataset);
    team_free(a.team);
    network_free(a.network);
    return status;
}
