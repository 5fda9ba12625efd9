/* run.h — a small training run for tests: a width-0.35 MobileNetV2 at 32 px on pictures made by a formula.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_RUN_H
#define SK_TEST_RUN_H

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/team.h"
#include "plan/formula.h"
#include "train/from_recipe.h"
#include "train/trainer.h"
#include "ok.h"

enum { RUN_PICTURES = 95, RUN_SIDE = 20, RUN_CLASSES = 7, RUN_BATCH = 4 };

/* 95 grey pictures of 20 x 20 in the IDX format, under `folder`. */
static void run_pictures(const char *folder) {
    struct arena arena = {0};
    static uint8_t images[16 + RUN_PICTURES * RUN_SIDE * RUN_SIDE], labels[8 + RUN_PICTURES];
    const uint8_t image_head[16] = {0, 0, 8, 3, 0, 0, 0, RUN_PICTURES, 0, 0, 0, RUN_SIDE, 0, 0, 0, RUN_SIDE};
    const uint8_t label_head[8] = {0, 0, 8, 1, 0, 0, 0, RUN_PICTURES};
    memcpy(images, image_head, sizeof image_head);
    memcpy(labels, label_head, sizeof label_head);
    for (int i = 0; i < RUN_PICTURES; i++) {
        labels[8 + i] = (uint8_t)(i % RUN_CLASSES);
        for (int j = 0; j < RUN_SIDE * RUN_SIDE; j++)
            images[16 + i * RUN_SIDE * RUN_SIDE + j] = (uint8_t)(i % RUN_CLASSES * 20 + 120 * formula_u(j, i));
    }
    if (file_exists(folder)) ok(folder_remove(folder));
    ok(folder_make(folder));
    ok(file_replace(path_join(&arena, folder, "train-images-idx3-ubyte"), images, sizeof images));
    ok(file_replace(path_join(&arena, folder, "train-labels-idx1-ubyte"), labels, sizeof labels));
    arena_free(&arena);
}

static const char *const run_recipe[] = {"batch_size=4",
                                         "accumulate=2",
                                         "epochs=20",
                                         "model.name=mobilenet_v2",
                                         "model.width_mult=0.35",
                                         "model.input_size=32",
                                         "model.in_channels=1",
                                         "model.dropout=0.2",
                                         "preprocess.channels=1",
                                         "preprocess.mean=[0.4]",
                                         "preprocess.std=[0.3]",
                                         "preprocess.resize=32",
                                         "preprocess.crop=32",
                                         "augment.flip=0.5",
                                         "optimizer.name=rmsprop",
                                         "optimizer.alpha=0.9",
                                         "optimizer.eps=0.01",
                                         "schedule.lr=0.001",
                                         "label_smoothing=0.1",
                                         "weight_decay.value=1e-4",
                                         "weight_decay.exclude=[bias, norm]"};

struct run {
    struct arena arena;
    struct recipe recipe;
    struct dataset *dataset;
    struct pipeline pipeline;
    struct mix_options mix;
    struct network *network;
    struct team *team;
    struct epoch_plan epochs;
    struct trainer *trainer;
    struct loader *loader;
};

struct run_options {
    const char *folder;
    const char *const *recipe; /* more assignments, NULL at their end; or NULL */
    int threads, workers;
};

static const int64_t *run_class_counts; /* for class_weights: balanced; or NULL */

static void run_begin(struct run *run, const struct run_options *options) {
    *run = (struct run){0};
    ok(recipe_default(&run->recipe, &run->arena));
    for (size_t i = 0; i < sizeof run_recipe / sizeof *run_recipe; i++)
        ok(recipe_override(&run->recipe, run_recipe[i]));
    for (const char *const *more = options->recipe; more && *more; more++) ok(recipe_override(&run->recipe, *more));
    struct data_options data = {.val_fraction = -1};
    ok(dataset_open(&run->dataset, arena_printf(&run->arena, "idx:%s", options->folder), &data));
    ok(recipe_settle(&run->recipe, dataset_classes(run->dataset)));
    ok(recipe_pipeline(&run->recipe, &run->pipeline));
    struct model_args args;
    ok(recipe_model(&run->recipe, &args));
    ok(network_new(&run->network, &args));
    model_initialise(run->network->graph, &args, recipe_init(&run->recipe), (uint64_t)run->recipe.seed,
                     run->network->params, run->network->state);
    ok(team_new(&run->team, options->threads));
    ok(epoch_plan_make(&run->epochs, &run->recipe, RUN_PICTURES, 1));
    struct trainer_options trainer = {&run->recipe, run->network, run->team, &run->epochs,
                                      .class_counts = run_class_counts};
    ok(trainer_new(&run->trainer, &trainer, 0));
    recipe_mix(&run->recipe, &run->mix);
    struct loader_options loader = {.dataset = run->dataset,
                                    .pipeline = &run->pipeline,
                                    .part = DATA_TRAIN,
                                    .batch_size = (int)schedule_pass_images(&run->recipe),
                                    .workers = options->workers,
                                    .seed = (uint64_t)run->recipe.seed,
                                    .repeat = recipe_repeat(&run->recipe),
                                    .stream = recipe_stream(&run->recipe),
                                    .stream_length = run->epochs.images_used,
                                    .mix = &run->mix,
                                    .train = true,
                                    .drop_last = true};
    ok(loader_new(&run->loader, &loader));
}

static void run_end(struct run *run) {
    loader_free(run->loader);
    trainer_free(run->trainer);
    team_free(run->team);
    network_free(run->network);
    dataset_free(run->dataset);
    arena_free(&run->arena);
}

/* FNV-1a over the bits of everything that a run's future depends on. */
static inline uint64_t run_hash(const struct run *run) {
    struct trainer_block blocks[TRAINER_BLOCKS];
    int count = trainer_blocks(run->trainer, blocks);
    uint64_t hash = 14695981039346656037u;
    for (int b = 0; b < count; b++) {
        const uint32_t *bits = blocks[b].data;
        for (int64_t j = 0; j < blocks[b].count; j++) hash = (hash ^ bits[j]) * 1099511628211u;
    }
    struct trainer_position at = trainer_position(run->trainer);
    hash = (hash ^ (uint64_t)at.step) * 1099511628211u;
    hash = (hash ^ (uint64_t)at.micro_step) * 1099511628211u;
    return (hash ^ (uint64_t)at.gathered) * 1099511628211u;
}

#endif
