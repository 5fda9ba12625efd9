/* bench_data.c — siskin bench --data: pictures per second of reading, decoding, augmenting, and of the loader as it runs.
 *
 * The three steps are timed on one thread, picture by picture in the order of an epoch; the loader with its workers, when
 * its first batches are done. What the recipe says of parts does not matter: all training pictures are read.
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/bench_data.h"

#include <time.h>

#include "augment/augment.h"
#include "base/cpu.h"
#include "data/data.h"
#include "data/decode.h"
#include "data/loader.h"
#include "train/from_recipe.h"
#include "train/progress.h"
#include "verbs/recipe_arg.h"

enum step { STEP_FETCH, STEP_DECODE, STEP_AUGMENT, STEPS };
static const char *const step_names[STEPS] = {"read", "decode", "augment"};
enum { WARM_PICTURES = 16, WARM_BATCHES = 4 };

struct bench_data {
    struct call *call;
    struct recipe recipe;
    struct data_options options;
    struct dataset *dataset;
    struct pipeline pipeline;
    int64_t batch, workers, seconds;
    double step[STEPS]; /* seconds spent */
    int64_t stepped;    /* pictures */
    int64_t bytes;      /* of their files */
    double took, waited, cpu;
    int64_t loaded, batches;
};

/* ---- the steps ---- */

static sk_status one_picture(struct bench_data *b, uint32_t index, struct scratch *scratch, float *input) {
    struct sample_key key = {.seed = (uint64_t)b->recipe.seed, .sample = index};
    struct pipeline_wish wish;
    struct encoded encoded = {.size = 0};
    struct picture picture;
    double at[STEPS + 1];
    at[0] = clock_seconds();
    bool files = dataset_is_encoded(b->dataset);
    if (files) TRY(dataset_fetch(b->dataset, DATA_TRAIN, index, scratch, &encoded));
    at[1] = clock_seconds();
    pipeline_wish(&wish, &b->pipeline, &key);
    scratch->wish = &wish.wish;
    struct decode_options options = {.exif = b->options.exif};
    sk_status status = files ? decode_picture(encoded.bytes, encoded.size, encoded.what, &options, scratch, &picture)
                             : dataset_read(b->dataset, DATA_TRAIN, index, scratch, &picture);
    scratch->wish = NULL;
    TRY(status);
    at[2] = clock_seconds();
    TRY(pipeline_train(&b->pipeline, &key, &picture, scratch, input));
    at[3] = clock_seconds();
    b->bytes += (int64_t)encoded.size;
    for (int s = 0; s < STEPS; s++) b->step[s] += at[s + 1] - at[s];
    b->stepped++;
    return SK_OK;
}

static sk_status time_steps(struct bench_data *b, struct scratch *scratch, float *input) {
    uint32_t count = dataset_count(b->dataset, DATA_TRAIN), at = 0;
    double began = clock_seconds();
    bool warm = false;
    while (!warm || b->stepped < WARM_PICTURES || clock_seconds() - began < (double)b->seconds) {
        if (!warm && at == WARM_PICTURES) { /* memory is taken and the code is there */
            for (int s = 0; s < STEPS; s++) b->step[s] = 0;
            b->stepped = b->bytes = 0;
            began = clock_seconds();
            warm = true;
        }
        /* A stride without a common divisor with most counts, so that classes are mixed. */
        TRY(one_picture(b, (uint32_t)((uint64_t)at++ * 7919 % count), scratch, input));
        FAIL_IF(atomic_load(&call_stop), SK_EINTERRUPTED, "stopped");
    }
    return SK_OK;
}

/* ---- the loader ---- */

/* Of all threads: what a picture costs, also where others take the cores. */
static double cpu_seconds(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

static sk_status time_batches(struct bench_data *b, struct loader *loader) {
    const struct batch *batch;
    for (int i = 0; i < WARM_BATCHES; i++) TRY(loader_next(loader, &batch));
    double began = clock_seconds(), waited = loader_waited(loader), now = began, cpu = cpu_seconds();
    while (now - began < (double)b->seconds || b->batches < WARM_BATCHES) {
        TRY(loader_next(loader, &batch));
        b->loaded += batch->count;
        b->batches++;
        now = clock_seconds();
        FAIL_IF(atomic_load(&call_stop), SK_EINTERRUPTED, "stopped");
    }
    b->took = now - began;
    b->cpu = cpu_seconds() - cpu;
    b->waited = loader_waited(loader) - waited;
    return SK_OK;
}

static sk_status time_loader(struct bench_data *b) {
    struct loader_options options = {.dataset = b->dataset,
                                     .pipeline = &b->pipeline,
                                     .part = DATA_TRAIN,
                                     .batch_size = (int)b->batch,
                                     .workers = (int)b->workers,
                                     .seed = (uint64_t)b->recipe.seed,
                                     .train = true,
                                     .balanced = b->recipe.sampling == CHOICE_SAMPLING_BALANCED,
                                     .shuffle_buffer = (uint32_t)b->recipe.data_shuffle_buffer};
    struct loader *loader;
    TRY(loader_new(&loader, &options));
    sk_status status = time_batches(b, loader);
    loader_free(loader);
    return status;
}

/* ---- answer ---- */

static void answer(struct bench_data *b, const char *spec) {
    struct json_writer *w = &b->call->json;
    const struct preprocess *p = &b->pipeline.options.preprocess;
    bool files = dataset_is_encoded(b->dataset);
    double rate = (double)b->loaded / b->took;
    uint32_t pictures = dataset_count(b->dataset, DATA_TRAIN);
    jw_string(w, "data", spec);
    jw_string(w, "format", dataset_format(b->dataset));
    jw_integer(w, "pictures", pictures);
    jw_string(w, "decode", b->pipeline.options.fast_decode ? "fast" : "exact");
    jw_integer(w, "batch", b->batch);
    jw_integer(w, "workers", b->workers);
    jw_number(w, "pictures_per_s", rate);
    jw_number(w, "waited_s", b->waited);
    jw_number(w, "cpu_ms_each", 1e3 * b->cpu / (double)b->loaded);
    jw_object(w, "one_thread_pictures_per_s");
    for (int s = 0; s < STEPS; s++)
        if (files || s == STEP_AUGMENT) jw_number(w, step_names[s], (double)b->stepped / b->step[s]);
    jw_end_object(w);
    if (files) jw_number(w, "mean_file_bytes", (double)b->bytes / (double)b->stepped);
    call_result(b->call, "%u training pictures of %s (%s), input %d x %d, decode %s", pictures, spec,
                dataset_format(b->dataset), p->crop_height, p->crop_width,
                b->pipeline.options.fast_decode ? "fast" : "exact");
    for (int s = 0; s < STEPS; s++) {
        if (!files && s != STEP_AUGMENT) continue;
        call_result(b->call, "%-8s %9.0f pictures/s on one thread · %.3f ms each", step_names[s],
                    (double)b->stepped / b->step[s], 1e3 * b->step[s] / (double)b->stepped);
    }
    call_result(b->call, "%-8s %9.0f pictures/s with %lld workers, batches of %lld · %.3f ms of a core each", "all",
                rate, (long long)b->workers, (long long)b->batch, 1e3 * b->cpu / (double)b->loaded);
}

static sk_status prepare(struct bench_data *b, const char *spec) {
    struct call *call = b->call;
    const char *recipe = call_option(call, "recipe");
    FAIL_IF(call->argument_count > 0, SK_EUSAGE, "bench measures a MODEL or, with --data, pictures: not both at once");
    FAIL_IF(call_switch(call, "train") || call_switch(call, "layers") || call_option(call, "precision"), SK_EUSAGE,
            "--train, --layers and --precision are about a MODEL: leave them out with --data");
    TRY(call_integer(call, "batch", 1, 65536, 64, &b->batch));
    TRY(call_integer(call, "seconds", 1, 3600, 2, &b->seconds));
    TRY(call_integer(call, "workers", 0, 256, cpu_cores(), &b->workers));
    if (recipe) {
        TRY(recipe_open(call, &call->arena, recipe, &b->recipe));
    } else {
        TRY(recipe_default(&b->recipe, &call->arena));
        TRY(call_overrides(call, &b->recipe));
    }
    TRY(recipe_pipeline(&b->recipe, &b->pipeline));
    TRY(recipe_data(&b->recipe, &b->options));
    /* All of train, without looking at each picture first. */
    b->options.val_fraction = -1;
    for (int part = 0; part < DATA_PARTS; part++) b->options.share[part] = 0;
    b->options.near_duplicates = false;
    return dataset_open(&b->dataset, spec, &b->options);
}

sk_status bench_data(struct call *call) {
    struct bench_data b = {.call = call};
    const char *spec = call_option(call, "data");
    struct scratch scratch = {0};
    struct region input = {0};
    sk_status status = prepare(&b, spec);
    if (status == SK_OK) status = region_new(&input, (size_t)pipeline_size(&b.pipeline) * sizeof(float));
    if (status == SK_OK) status = time_steps(&b, &scratch, input.data);
    if (status == SK_OK) status = time_loader(&b);
    if (status == SK_OK) answer(&b, spec);
    region_free(&input);
    scratch_free(&scratch);
    dataset_free(b.dataset);
    return status;
}
