/* loop_setup.c — making a run: dataset, pipeline, network, trainer, loaders, folder; or finding it again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/loop_setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "train/from_recipe.h"
#include "train/loop_average.h"
#include "train/loop_plateau.h"
#include "train/loop_scores.h"
#include "train/precision.h"
#include "train/run_folder.h"

void loop_say(const struct loop *loop, const char *kind, const char *format, ...) {
    char line[1200];
    va_list arguments;
    if (!loop->options.on_event) return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    loop->options.on_event(loop->options.user, kind, line);
}

void loop_threads(const struct recipe *recipe, bool in_memory, int *threads, int *workers) {
    int cores = cpu_cores();
    *threads = (int)recipe->threads;
    *workers = (int)recipe->workers;
    if (*workers < 0) { /* pictures in memory cost next to nothing; on two cores a worker costs more than it brings */
        int wish = in_memory ? cores > 4 : cores > 2 ? (cores + 3) / 4 : 0;
        int room = *threads > 0 ? cores - *threads : cores - 1;
        *workers = wish < room ? wish : room > 0 ? room : 0;
    }
    if (*threads == 0) *threads = cores > *workers ? cores - *workers : 1;
}

/* What the run begins with settles the recipe before the data do. */
static sk_status open_start(struct loop *loop) {
    if (loop->options.resume) return start_find(&loop->start, loop->options.run);
    return start_open(&loop->start, loop->options.recipe);
}

static void say_data(const struct loop *loop) {
    const struct dataset *d = loop->dataset;
    uint32_t alike = dataset_near_duplicates(d);
    char test[64] = "";
    if (loop->test_images > 0) snprintf(test, sizeof test, ", %lld to test", (long long)loop->test_images);
    loop_say(loop, "note", "%s: %lld pictures to train on, %lld to validate%s, %d classes%s",
             loop->options.recipe->data_spec, (long long)loop->at.train_images, (long long)loop->at.val_images, test,
             dataset_classes(d), dataset_was_split(d) ? " (divided by the seed; the lists are kept in split/)" : "");
    if (alike > 0)
        loop_say(loop, "note", "%u pictures look like others and went into the same part as those", alike);
}

static sk_status open_data(struct loop *loop) {
    struct recipe *recipe = loop->options.recipe;
    FAIL_IF(!recipe->data_spec[0], SK_EUSAGE,
            "the recipe does not say which pictures to train on: set data.spec, "
            "as in data.spec=folder:PHOTOS");
    struct data_options options;
    TRY(recipe_data(recipe, &options));
    if (loop->options.resume) TRY(run_folder_lists(loop->options.run, &loop->arena, &options.lists));
    TRY(dataset_open(&loop->dataset, recipe->data_spec, &options));
    TRY(recipe_settle_from(recipe, loop->start.known ? &loop->start.args : NULL, dataset_classes(loop->dataset)));
    int64_t train = dataset_count(loop->dataset, DATA_TRAIN);
    FAIL_IF(train == 0, SK_EDATA, "%s has no pictures to train on", recipe->data_spec);
    loop->at.train_images = train;
    loop->at.val_images = dataset_count(loop->dataset, DATA_VAL);
    loop->at.seed = recipe->seed;
    if (!dataset_same_part(loop->dataset, DATA_VAL, DATA_TEST))
        loop->test_images = dataset_count(loop->dataset, DATA_TEST);
    say_data(loop);
    if (loop->start.known)
        TRY(recipe_pipeline_from(recipe, &loop->start.preprocess, &loop->pipeline));
    else
        TRY(recipe_pipeline(recipe, &loop->pipeline));
    TRY(recipe_train_pipeline(recipe, &loop->pipeline, &loop->train_pipeline));
    return epoch_plan_make(&loop->plan, recipe, train, 1);
}

/* ---- the network ---- */

/* What its model file will say beside the weights. */
static sk_status describe_network(struct loop *loop) {
    struct network *network = loop->network;
    struct recipe described =
        *loop->options.recipe; /* without what never changes a result, so that files can be compared */
    const struct recipe *recipe = &described;
    described.threads = 0;
    described.workers = -1;
    int classes = dataset_classes(loop->dataset);
    network->classes = arena_array(&network->arena, (size_t)classes + 1, sizeof *network->classes);
    if (!network->classes) return SK_EMEMORY;
    for (int c = 0; c < classes; c++) {
        network->classes[c] = arena_strdup(&network->arena, dataset_class_name(loop->dataset, c));
        if (!network->classes[c]) return SK_EMEMORY;
    }
    struct json_writer w = {0};
    struct text text = {0};
    preprocess_write(&loop->pipeline.options.preprocess, &w, NULL);
    sk_status status = text_check(&w.text);
    if (status == SK_OK) status = recipe_write(recipe, &text);
    if (status == SK_OK) {
        network->preprocess = arena_strdup(&network->arena, w.text.data);
        network->recipe = arena_strdup(&network->arena, text.data);
        network->provenance =
            arena_printf(&network->arena, "trained by siskin %s on %s, seed %lld, numeric level %s, precision %s%s%s",
                         sk_version(), recipe->data_spec, (long long)recipe->seed, loop->at.level, loop->at.precision,
                         recipe->init_from[0] ? ", beginning with " : "", recipe->init_from);
        if (!network->preprocess || !network->recipe || !network->provenance) status = SK_EMEMORY;
    }
    text_free(&w.text);
    text_free(&text);
    return status;
}

static void say_note(void *user, const char *sentence) {
    loop_say(user, "note", "%s", sentence);
}

static sk_status make_network(struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    struct model_args args = loop->start.args;
    if (!loop->start.known)
        TRY(recipe_model(recipe, &args));
    else if (loop->start.from) /* on a resume, the arguments are whole */
        TRY(recipe_model_over(recipe, &args));
    TRY(network_new(&loop->network, &args));
    model_initialise_by(loop->network->graph, &args, recipe_init(recipe), recipe->model_init_std,
                        (uint64_t)recipe->seed, loop->network->params, loop->network->state);
    loop->result->parameters = graph_parameter_count(loop->network->graph);
    TRY(describe_network(loop));
    if (!loop->start.from) return SK_OK;
    struct start_call call = {recipe, (const char *const *)loop->network->classes, say_note, loop};
    return start_take(&loop->start, &call, loop->network);
}

/* ---- the machinery ---- */

static void evaluation_progress(void *user, int64_t done, int64_t all) {
    struct loop *loop = user;
    progress_evaluation(&loop->progress, done, all);
}

static sk_status count_classes(struct loop *loop, int64_t **counts) {
    *counts = arena_array(&loop->arena, (size_t)dataset_classes(loop->dataset), sizeof **counts);
    if (!*counts) return SK_EMEMORY;
    for (uint32_t i = 0; i < loop->at.train_images; i++) ++(*counts)[dataset_label(loop->dataset, DATA_TRAIN, i)];
    return SK_OK;
}

static sk_status make_evaluator(struct loop *loop, enum data_part part, int64_t images, struct evaluator **out) {
    const struct recipe *recipe = loop->options.recipe;
    struct evaluator_options options = {.network = loop->network,
                                        .dataset = loop->dataset,
                                        .pipeline = &loop->pipeline,
                                        .part = part,
                                        .team = loop->team,
                                        .batch_size = (int)recipe->eval_batch_size,
                                        .workers = loop->result->workers,
                                        .reference = loop->options.reference,
                                        .skip_corrupt = recipe->data_corrupt == CHOICE_CORRUPT_SKIP,
                                        .epoch = &loop->at.epoch,
                                        .stream = part == DATA_VAL ? (enum recipe_eval_stream)recipe->eval_stream
                                                                   : CHOICE_STREAM_ONCE,
                                        .scores = part == DATA_VAL ? loop->scores : NULL,
                                        .stop = loop->options.stop,
                                        .progress = evaluation_progress,
                                        .user = loop};
    return images > 0 ? evaluator_new(out, &options) : SK_OK;
}

static void features_progress(void *user, int64_t done, int64_t all) {
    struct loop *loop = user;
    progress_features(&loop->progress, done, all);
}

static void say_kept(const struct loop *loop, const struct kept *kept, const char *what, const char *why) {
    if (kept_any(kept))
        loop_say(loop, "note", "what the frozen part gives for %lld %s pictures is computed once and kept: %.1f MB%s",
                 (long long)kept->pictures, what, (double)kept->rows.bytes / 1e6, why);
}

/* Memory for the features that are kept, and what scores them. */
static sk_status make_kept(struct loop *loop, const struct loader_options *train) {
    const struct recipe *recipe = loop->options.recipe;
    int stages = trainer_stages(loop->trainer);
    size_t budget = (size_t)recipe->cache_megabytes * 1000000;
    struct kept_options options = {loop->trainer, train, loop->options.stop, features_progress, loop};
    struct graph_cut cuts[FREEZE_STAGES];
    loop->stage = -1;
    if (recipe->cache_features == CHOICE_CACHE_OFF) return SK_OK;
    /* Features are kept by the pictures' numbers, of which corrupt ones leave gaps. */
    if (recipe->data_corrupt == CHOICE_CORRUPT_SKIP) {
        bool frozen = false;
        for (int s = 0; s < stages; s++) frozen = frozen || trainer_feature_floats(loop->trainer, s) > 0;
        if (frozen)
            loop_say(
                loop, "note",
                "with data.corrupt: skip what the frozen part gives is not kept (cache.features), but computed anew "
                "each time; `siskin data check` names corrupt pictures, which can then be taken out");
        return SK_OK;
    }
    if (!pipeline_is_random(&loop->train_pipeline) && !mix_on(&loop->mix)) TRY(kept_make(&loop->kept_train, &options, &budget));
    say_kept(loop, &loop->kept_train, "training", " (nothing augments them at random)");
    if (!loop->evaluator) return SK_OK;
    struct loader_options val = *train;
    val.part = DATA_VAL;
    val.train = false;
    options.loader = &val;
    TRY(kept_make(&loop->kept_val, &options, &budget));
    say_kept(loop, &loop->kept_val, "validation", "");
    for (int s = 0; s < stages; s++)
        cuts[s] = loop->kept_val.wanted[s] ? trainer_cut(loop->trainer, s) : (struct graph_cut){0};
    return evaluator_above(loop->evaluator, cuts, stages);
}

static sk_status make_machinery(struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    int threads, workers;
    loop_threads(recipe, dataset_height(loop->dataset) > 0, &threads, &workers);
    loop->result->threads = threads;
    loop->result->workers = workers;
    TRY(team_new(&loop->team, threads));
    int64_t *counts;
    TRY(count_classes(loop, &counts));
    struct trainer_options trainer = {recipe, loop->network, loop->team, &loop->plan,
                                      .reference = loop->options.reference, .class_counts = counts};
    bool whole = recipe->drop_last || recipe->data_stream != CHOICE_DATA_EPOCHS;
    int64_t rest = whole ? 0 : loop->plan.images % schedule_pass_images(recipe);
    TRY(trainer_new(&loop->trainer, &trainer, rest));
    trainer_memory(loop->trainer, &loop->result->peak_bytes, &loop->result->bound_bytes);
    recipe_mix(recipe, &loop->mix);
    struct loader_options loader = {.dataset = loop->dataset,
                                    .pipeline = &loop->train_pipeline,
                                    .part = DATA_TRAIN,
                                    .batch_size = (int)schedule_pass_images(recipe),
                                    .workers = workers,
                                    .seed = (uint64_t)recipe->seed,
                                    .train = true,
                                    .balanced = recipe->sampling == CHOICE_SAMPLING_BALANCED,
                                    .repeat = recipe_repeat(recipe),
                                    .stream = recipe_stream(recipe),
                                    .stream_length = loop->plan.images_used,
                                    .mix = &loop->mix,
                                    .skip_corrupt = recipe->data_corrupt == CHOICE_CORRUPT_SKIP,
                                    .shuffle_buffer = (uint32_t)recipe->data_shuffle_buffer,
                                    .drop_last = recipe->drop_last,
                                    .end = (uint64_t)recipe->epochs};
    TRY(loader_new(&loop->loader, &loader));
    TRY(loop_scores_begin(loop));
    TRY(make_evaluator(loop, DATA_VAL, loop->at.val_images, &loop->evaluator));
    TRY(make_evaluator(loop, DATA_TEST, loop->test_images, &loop->tester));
    return make_kept(loop, &loader);
}

/* ---- going on ---- */

static void say_damaged(void *user, const char *sentence) {
    loop_say(user, "warning", "%s", sentence);
}

static sk_status find_position(struct loop *loop) {
    struct checkpoint found = {0}, fresh = loop->at;
    bool any;
    TRY(checkpoint_any(loop->options.run, &any));
    if (!any) { /* runs that began with given weights saved them as step 0 */
        loop_say(loop, "note", "%s has no checkpoint yet: it begins anew", loop->options.run);
        return SK_OK;
    }
    struct checkpoint_note note = {say_damaged, loop};
    TRY(checkpoint_load(loop->options.run, &loop->arena, &note, loop->trainer, &found));
    FAIL_IF(strcmp(found.level, fresh.level) != 0 && !loop->options.allow_level, SK_EUSAGE,
            "%s was trained on numeric level %s, and this is %s: the result would not be the same to the last bit. "
            "Set SISKIN_ISA=%s where the machine has it, or pass --allow-level",
            loop->options.run, found.level, fresh.level, found.level);
    FAIL_IF(strcmp(found.precision, fresh.precision) != 0, SK_EUSAGE,
            "%s was trained with precision %s, and its recipe now says %s: the result would be another. Put precision: "
            "%s back into its recipe.yaml, or begin a new run",
            loop->options.run, found.precision, fresh.precision, found.precision);
    FAIL_IF(
        found.train_images != fresh.train_images || found.val_images != fresh.val_images, SK_EDATA,
        "the data have changed: %lld pictures to train on and %lld to validate, but the run began with %lld and %lld",
        (long long)fresh.train_images, (long long)fresh.val_images, (long long)found.train_images,
        (long long)found.val_images);
    FAIL_IF(found.seed != fresh.seed, SK_EUSAGE, "the seed was %lld when %s began, and is now %lld",
            (long long)found.seed, loop->options.run, (long long)fresh.seed);
    found.level = fresh.level, found.precision = fresh.precision;
    loop->at = found;
    loop_plateau_resume(loop);
    loop->saved_epoch = found.epoch;
    loop->saved_batch = found.batch;
    if (found.epoch == loop->options.recipe->epochs)
        loop_say(loop, "note", "%s is finished: all %lld epochs are trained", loop->options.run,
                 (long long)found.epoch);
    else
        loop_say(loop, "note", "going on with %s at epoch %lld, step %lld", loop->options.run,
                 (long long)found.epoch + 1, (long long)found.position.step);
    return loader_seek(loop->loader, (uint64_t)found.epoch, found.batch, (uint64_t)loop->options.recipe->epochs);
}

static sk_status begin_run(struct loop *loop) {
    TRY(run_folder_make(loop->options.run));
    TRY(run_folder_split(loop->options.run, loop->dataset));
    if (loop->start.from) { /* the model file may be gone by then: a resume finds what it needs in the run */
        TRY(start_keep(loop->options.run, &loop->network->args, &loop->pipeline.options.preprocess));
        TRY(checkpoint_save(loop->options.run, &loop->at, loop->trainer));
    }
    return run_folder_begin(loop->options.run, loop->options.recipe);
}

sk_status loop_build(struct loop *loop) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    loop->at = (struct checkpoint){.best_top1 = -1, .best_ema_top1 = -1, .level = cpu_isa_name(isa)};
    loop->at.precision = precision_name(loop->options.recipe);
    loop->saved_epoch = loop->saved_batch = -1;
    loop->progress = (struct progress){.on_event = loop->options.on_event, .user = loop->options.user};
    FAIL_IF(loop->options.recipe->device != CHOICE_DEVICE_CPU, SK_EUSAGE,
            "device: this version computes on the cpu alone");
    TRY(open_start(loop));
    TRY(open_data(loop));
    TRY(make_network(loop));
    TRY(make_machinery(loop));
    TRY(loop_plateau_check(loop));
    return loop_average_check(loop);
}

sk_status loop_prepare(struct loop *loop) {
    if (!loop->options.resume) TRY(run_folder_check(loop->options.run));
    TRY(loop_build(loop));
    TRY(loop->options.resume ? find_position(loop) : begin_run(loop));
    TRY(checkpoint_tidy(loop->options.run, INT64_MAX));
    TRY(run_log_open(&loop->log, loop->options.run, loop->at.log_bytes));
    loop->log.precision = loop->at.precision;
    if (!loop->options.recipe->log_tensorboard) return SK_OK;
    return board_begin(&loop->log.board, loop->options.run, trainer_position(loop->trainer).step);
}

void loop_release(struct loop *loop) {
    run_log_close(&loop->log);
    kept_free(&loop->kept_train);
    kept_free(&loop->kept_val);
    evaluator_free(loop->evaluator);
    evaluator_free(loop->tester);
    loader_free(loop->loader);
    trainer_free(loop->trainer);
    team_free(loop->team);
    network_free(loop->network);
    start_free(&loop->start);
    dataset_free(loop->dataset);
    arena_free(&loop->arena);
}
