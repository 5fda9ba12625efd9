/* loader.c — a ring of batches that workers fill a few pictures at a time, in the order in which they will be taken.
 *
 * One mutex guards the whole ring: it is taken once per CHUNK pictures, so it never matters. A picture's
 * place in its batch, its index and its random numbers are decided under the mutex; the work is not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/loader.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "augment/augment.h"
#include "base/arena.h"
#include "data/skip.h"

enum { CHUNK = 8, WORKERS_MAX = 256, PREFETCH_MAX = 1024, BATCH_MAX = 1 << 20, SENTENCE = 1024 };

enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_READY, SLOT_TAKEN };

struct slot {
    struct batch batch;
    struct mixed *mixed; /* (batch_size), or NULL */
    enum slot_state state;
    int claimed, done; /* pictures */
    sk_status status;  /* of the first picture in the batch that failed, */
    int failed_at;     /* its place, */
    char sentence[SENTENCE];
};

struct worker {
    struct loader *loader;
    struct scratch scratch;
    pthread_t thread;
};

struct loader {
    struct arena arena;
    struct region images;
    struct loader_options options;
    uint32_t count;  /* pictures of an epoch */
    int64_t batches; /* per epoch */
    size_t size;     /* floats of one picture */
    struct epoch_order order;
    bool labels_only, labels_only_next;

    pthread_mutex_t mutex;
    pthread_cond_t work, ready; /* for the workers; for the caller */
    struct slot *slot;          /* (slots) */
    int slots;
    uint64_t fill, take; /* how many batches were begun and taken since the last seek; slot = number % slots */
    uint64_t epoch;      /* of the batch to begin next */
    int64_t number;
    bool stop, failed;
    int busy; /* workers with pictures in hand */
    double waited;
    uint64_t damaged;

    struct worker *worker;
    int workers, started;
};

/* ---- under the mutex ----------------------------------------------------------------------- */

static bool at_end(const struct loader *loader) {
    return loader->options.end != 0 && loader->epoch >= loader->options.end;
}

/* Begin the next batch in the next free slot: decide what it holds. False where there is none to begin. */
static bool begin_batch(struct loader *loader) {
    struct slot *slot = &loader->slot[loader->fill % (uint64_t)loader->slots];
    if (at_end(loader) || slot->state != SLOT_FREE) return false;
    epoch_order_fill(&loader->order, loader->epoch);
    struct batch *batch = &slot->batch;
    int size = loader->options.batch_size;
    uint64_t first = (uint64_t)loader->number * (uint64_t)size, left = loader->count - first;
    batch->count = left < (uint64_t)size ? (int)left : size;
    batch->epoch = loader->epoch;
    batch->number = loader->number;
    batch->last = loader->number + 1 == loader->batches;
    memset(batch->indices, 0, (size_t)size * sizeof *batch->indices);
    memset(batch->labels, 0, (size_t)size * sizeof *batch->labels);
    const struct repeat *repeat = &loader->options.repeat;
    for (int i = 0; i < batch->count; i++)
        batch->indices[i] =
            loader->order.order[repeat_item(repeat, loader->order.count, (int64_t)first, batch->count, i)];
    batch->skipped_count = 0;
    if (batch->skipped) memset(batch->skipped, 0, (size_t)size * sizeof *batch->skipped);
    batch->mix = loader->labels_only ? NULL : slot->mixed;
    slot->state = SLOT_FILLING;
    slot->claimed = slot->done = 0;
    slot->status = SK_OK;
    loader->fill++;
    if (batch->last) {
        loader->epoch++;
        loader->number = 0;
    } else {
        loader->number++;
    }
    return true;
}

/* The oldest pictures nobody works on yet: places `from` … `from + n - 1` of a slot. */
static struct slot *claim(struct loader *loader, int *from, int *n) {
    for (;;) {
        for (uint64_t i = loader->take; i < loader->fill; i++) {
            struct slot *slot = &loader->slot[i % (uint64_t)loader->slots];
            int left = slot->batch.count - slot->claimed;
            if (slot->state != SLOT_FILLING || left == 0) continue;
            *from = slot->claimed;
            *n = left < CHUNK ? left : CHUNK;
            slot->claimed += *n;
            return slot;
        }
        if (!begin_batch(loader)) return NULL;
    }
}

/* True for the one who finishes a batch. */
static bool finish(struct slot *slot, int n, int failed_at, sk_status status) {
    slot->done += n;
    /* Whichever worker is first, the failure told is that of the first picture. */
    if (status != SK_OK && (slot->status == SK_OK || failed_at < slot->failed_at)) {
        slot->status = status;
        slot->failed_at = failed_at;
        snprintf(slot->sentence, sizeof slot->sentence, "%s", sk_error());
    }
    return slot->done == slot->batch.count;
}

/* ---- outside it ---------------------------------------------------------------------------- */

/* In training the random numbers say what part of a picture is needed before it is decoded. */
static sk_status read_picture(const struct loader_options *options, uint32_t index, const struct sample_key *key,
                              struct scratch *scratch, struct picture *picture) {
    struct pipeline_wish own;
    pipeline_wish(&own, options->pipeline, key);
    scratch->wish = options->train ? &own.wish : NULL;
    sk_status status = dataset_read(options->dataset, options->part, index, scratch, picture);
    scratch->wish = NULL;
    return status;
}

/* The picture at a place cannot be read: take another, or none in an evaluation, where that is wished. */
static sk_status read_other(const struct loader_options *options, const struct batch *batch, int at, sk_status status,
                            const struct sample_key *key, struct scratch *scratch, struct picture *picture) {
    uint32_t index = batch->indices[at], other = index;
    *picture = (struct picture){0};
    if (!batch->skipped || !skip_is_corrupt(status)) return status;
    skip_note(&batch->skipped[at], index);
    if (!options->train) return SK_OK;
    for (int tries = 0; tries < SKIP_TRIES && skip_is_corrupt(status); tries++) {
        other = skip_next(options->dataset, options->part, index, other);
        if (other == index) break;
        status = read_picture(options, other, key, scratch, picture);
    }
    batch->indices[at] = other;
    return skip_is_corrupt(status)
               ? status_prefix(
                     status, "no other picture of class \"%s\" can be decoded in its place, the last tried",
                     dataset_class_name(options->dataset, dataset_label(options->dataset, options->part, index)))
               : status;
}

static struct sample_key key_of(const struct loader *loader, const struct batch *batch, int at) {
    const struct loader_options *options = &loader->options;
    struct sample_key key = {.seed = options->seed, .epoch = batch->epoch, .sample = batch->indices[at]};
    if (options->balanced || options->repeat.times > 0 ||
        options->stream != ORDER_EPOCHS) /* the picture may come again: its place is what is its own */
        key.sample = (uint64_t)batch->number * (uint64_t)options->batch_size + (uint64_t)at;
    return key;
}

static sk_status make_picture(const struct loader *loader, const struct batch *batch, int at, struct scratch *scratch) {
    const struct loader_options *options = &loader->options;
    uint32_t index = batch->indices[at];
    float *input = batch->images + (size_t)at * loader->size;
    struct picture picture = {0};
    batch->labels[at] = dataset_label(options->dataset, options->part, index);
    if (loader->labels_only) return SK_OK;
    struct sample_key key = key_of(loader, batch, at);
    sk_status read = read_picture(options, index, &key, scratch, &picture);
    if (read != SK_OK) TRY(read_other(options, batch, at, read, &key, scratch, &picture));
    if (!picture.pixels) return SK_OK; /* left out */
    sk_status status = options->train && batch->mix && options->mix->rounded
                           ? pipeline_train_bytes(options->pipeline, &key, &picture, scratch, input)
                       : options->train ? pipeline_train(options->pipeline, &key, &picture, scratch, input)
                                        : pipeline_eval(options->pipeline, &picture, scratch, input);
    if (status == SK_OK) return SK_OK;
    char name[512];
    return status_prefix(status, "%s", dataset_name(options->dataset, options->part, index, name, sizeof name));
}

/* Whoever finishes a batch mixes it. */
static sk_status mix_batch(const struct loader *loader, struct slot *slot, struct scratch *scratch) {
    const struct loader_options *o = &loader->options;
    const struct preprocess *p = &o->pipeline->options.preprocess;
    const struct batch *batch = &slot->batch;
    uint32_t all = (uint32_t)batch->count, most = o->mix->batch ? (uint32_t)o->mix->batch : (uint32_t)o->batch_size;
    uint64_t address = (uint64_t)batch->number * (((uint64_t)o->batch_size + most - 1) / most);
    float *spare = scratch_reserve(scratch, SCRATCH_MIX, loader->size * sizeof *spare);
    if (!spare) return SK_EMEMORY;
    for (uint32_t at = 0; at < all; at += most) {
        struct mix_frame frame = {all - at < most ? all - at : most, p->crop_height, p->crop_width, p->channels,
                                  o->mix->rounded};
        struct rng rng = rng_at(o->seed, RNG_MIX, batch->epoch, address++);
        mix_draw(o->mix, batch->epoch, &frame, &rng, slot->mixed + at);
        mix_labels(slot->mixed + at, batch->labels + at, frame.count);
        mix_apply(slot->mixed + at, &frame, batch->images + at * loader->size, spare);
        for (uint32_t i = 0; i < frame.count; i++) slot->mixed[at + i].partner += at;
    }
    for (uint32_t at = 0; o->mix->rounded && at < all; at++) {
        struct sample_key key = key_of(loader, batch, (int)at);
        pipeline_finish(o->pipeline, &key, scratch, batch->images + at * loader->size);
    }
    return SK_OK;
}

/* Make the claimed pictures; the mutex is held on entry and on return. */
static void work_on(struct loader *loader, struct slot *slot, int from, int n, struct scratch *scratch) {
    loader->busy++;
    pthread_mutex_unlock(&loader->mutex);
    const struct batch *batch = &slot->batch;
    uint64_t damaged = scratch->damaged;
    sk_status status = SK_OK;
    int at = from;
    while (at < from + n) {
        status = make_picture(loader, batch, at, scratch);
        if (status != SK_OK) break;
        at++;
    }
    if (from + n == batch->count) { /* whoever has the last picture clears what is missing of a short batch */
        size_t missing = (size_t)(loader->options.batch_size - batch->count) * loader->size;
        memset(batch->images + (size_t)batch->count * loader->size, 0, missing * sizeof *batch->images);
    }
    pthread_mutex_lock(&loader->mutex);
    bool whole = finish(slot, n, at, status);
    if (whole && slot->batch.skipped) skip_settle(&slot->batch, !loader->options.train, loader->size);
    if (whole && batch->mix && slot->status == SK_OK) {
        pthread_mutex_unlock(&loader->mutex);
        status = mix_batch(loader, slot, scratch);
        pthread_mutex_lock(&loader->mutex);
        if (status != SK_OK) finish(slot, 0, 0, status);
    }
    if (whole) {
        slot->state = SLOT_READY;
        pthread_cond_signal(&loader->ready);
    }
    loader->busy--;
    loader->damaged += scratch->damaged - damaged;
    if (loader->busy == 0) pthread_cond_signal(&loader->ready); /* seek waits for this */
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct loader *loader = worker->loader;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stop) {
        int from, n;
        struct slot *slot = loader->failed ? NULL : claim(loader, &from, &n);
        if (slot)
            work_on(loader, slot, from, n, &worker->scratch);
        else
            pthread_cond_wait(&loader->work, &loader->mutex);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static sk_status check_options(const struct loader_options *o, uint32_t count) {
    const char *part = data_part_name(o->part);
    FAIL_IF(count == 0, SK_EDATA, "the data have no %s part", part);
    FAIL_IF(o->batch_size < 1 || o->batch_size > BATCH_MAX, SK_EUSAGE, "batch size %d; expected 1 to %d", o->batch_size,
            BATCH_MAX);
    FAIL_IF(o->workers < 0 || o->workers > WORKERS_MAX, SK_EUSAGE, "%d data workers; expected 0 to %d", o->workers,
            WORKERS_MAX);
    FAIL_IF(o->prefetch < 0 || o->prefetch > PREFETCH_MAX, SK_EUSAGE, "prefetch %d; expected 0 to %d", o->prefetch,
            PREFETCH_MAX);
    FAIL_IF(o->repeat.times > 0 && (o->repeat.replicas < 1 || o->batch_size % o->repeat.replicas != 0), SK_EUSAGE,
            "a batch of %d cannot be dealt to repeat_replicas: %lld; it must divide batch_size", o->batch_size,
            (long long)o->repeat.replicas);
    FAIL_IF(o->drop_last && count < (uint32_t)o->batch_size, SK_EDATA,
            "the %s part has %u pictures, less than one batch of %d, and short batches are dropped: take a smaller "
            "batch or keep them",
            part, count, o->batch_size);
    return SK_OK;
}

static sk_status make_order(struct loader *loader) {
    const struct loader_options *o = &loader->options;
    struct epoch_order_options order = {.dataset = o->dataset,
                                        .part = o->part,
                                        .seed = o->seed,
                                        .shuffled = o->train && !o->in_order,
                                        .balanced = o->balanced,
                                        .stream = o->train && !o->in_order ? o->stream : ORDER_EPOCHS,
                                        .length = (uint32_t)o->stream_length,
                                        .shuffle_buffer = o->train && !o->in_order ? o->shuffle_buffer : 0};
    return epoch_order_make(&loader->order, &loader->arena, &order);
}

static sk_status take_memory(struct loader *loader) {
    const struct loader_options *o = &loader->options;
    int prefetch = o->prefetch ? o->prefetch : o->workers > 2 ? o->workers : 2;
    loader->slots = o->workers ? prefetch + 1 : 1; /* one is in the caller's hands */
    size_t batch = (size_t)o->batch_size, slots = (size_t)loader->slots;
    FAIL_IF(loader->size > SIZE_MAX / 8 / batch / slots, SK_EMEMORY, "%zu batches of %zu pictures do not fit memory",
            slots, batch);
    TRY(make_order(loader));
    loader->slot = arena_array(&loader->arena, slots, sizeof *loader->slot);
    loader->worker = arena_array(&loader->arena, (size_t)o->workers + 1, sizeof *loader->worker);
    if (!loader->slot || !loader->worker) return SK_EMEMORY;
    TRY(region_new(&loader->images, slots * batch * loader->size * sizeof(float)));
    for (size_t i = 0; i < slots; i++) {
        struct batch *b = &loader->slot[i].batch;
        b->images = (float *)loader->images.data + i * batch * loader->size;
        b->labels = arena_array(&loader->arena, batch, sizeof *b->labels);
        b->indices = arena_array(&loader->arena, batch, sizeof *b->indices);
        if (o->skip_corrupt) b->skipped = arena_array(&loader->arena, batch, sizeof *b->skipped);
        if (!b->labels || !b->indices || (o->skip_corrupt && !b->skipped)) return SK_EMEMORY;
        if (!o->train || !o->mix || !mix_on(o->mix)) continue;
        loader->slot[i].mixed = arena_array(&loader->arena, batch, sizeof *loader->slot[i].mixed);
        if (!loader->slot[i].mixed) return SK_EMEMORY;
    }
    return SK_OK;
}

static sk_status check_start(const struct loader *loader, int64_t batch) {
    FAIL_IF(batch < 0 || batch > loader->batches, SK_EUSAGE, "batch %lld to start at; an epoch has %lld",
            (long long)batch, (long long)loader->batches);
    return SK_OK;
}

/* Where to begin; the batch after an epoch's last one is the next epoch's first. */
static void start_at(struct loader *loader, uint64_t epoch, int64_t batch) {
    loader->epoch = batch == loader->batches ? epoch + 1 : epoch;
    loader->number = batch == loader->batches ? 0 : batch;
}

static sk_status start_workers(struct loader *loader) {
    for (; loader->started < loader->workers; loader->started++) {
        struct worker *worker = &loader->worker[loader->started];
        worker->loader = loader;
        int error = pthread_create(&worker->thread, NULL, worker_main, worker);
        FAIL_IF(error, SK_EMEMORY, "cannot start data worker %d of %d: %s", loader->started + 1, loader->workers,
                strerror(error));
    }
    return SK_OK;
}

static sk_status prepare(struct loader *loader) {
    const struct loader_options *o = &loader->options;
    uint32_t pictures = dataset_count(o->dataset, o->part);
    bool stream = o->train && !o->in_order && o->stream != ORDER_EPOCHS;
    FAIL_IF(stream && (o->repeat.times > 0 || o->stream_length < 1 || o->stream_length % o->batch_size != 0 ||
                       o->stream_length > UINT32_MAX),
            SK_EUSAGE, "data.stream takes whole batches of pictures that come once in a pass: %lld of batches of %d%s",
            (long long)o->stream_length, o->batch_size, o->repeat.times > 0 ? ", and sampling is repeated" : "");
    loader->count = stream ? (uint32_t)o->stream_length : (uint32_t)repeat_length(&o->repeat, pictures);
    FAIL_IF(loader->count == 0 && pictures > 0, SK_EDATA,
            "sampling repeated takes whole 256 pictures, and there are %u: set repeat_of timm, or sampling shuffle",
            pictures);
    TRY(check_options(o, loader->count));
    const struct preprocess *p = &o->pipeline->options.preprocess;
    if (o->train && o->mix)
        TRY(mix_check(o->mix, o->mix->batch ? o->mix->batch : o->batch_size, p->crop_height, p->crop_width));
    loader->size = (size_t)pipeline_size(o->pipeline);
    loader->batches = loader->count / o->batch_size;
    if (!o->drop_last && loader->count % (uint32_t)o->batch_size) loader->batches++;
    TRY(check_start(loader, o->batch));
    TRY(take_memory(loader));
    start_at(loader, o->epoch, o->batch);
    loader->workers = o->workers;
    return start_workers(loader);
}

sk_status loader_new(struct loader **out, const struct loader_options *options) {
    *out = NULL;
    struct loader *loader = block_new(sizeof *loader);
    if (!loader) return SK_EMEMORY;
    loader->options = *options;
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->ready, NULL);
    sk_status status = prepare(loader);
    if (status != SK_OK)
        loader_free(loader);
    else
        *out = loader;
    return status;
}

void loader_free(struct loader *loader) {
    if (!loader) return;
    pthread_mutex_lock(&loader->mutex);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->started; i++) pthread_join(loader->worker[i].thread, NULL);
    if (loader->worker) {
        for (int i = 0; i <= loader->options.workers; i++) scratch_free(&loader->worker[i].scratch);
    }
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    region_free(&loader->images);
    arena_free(&loader->arena);
    block_free(loader);
}

int64_t loader_batches(const struct loader *loader) {
    return loader->batches;
}

int64_t loader_pictures(const struct loader *loader) {
    return loader->options.drop_last ? loader->batches * loader->options.batch_size : (int64_t)loader->count;
}

/* ---- use ----------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Wait until a slot is ready; without workers, do the work here (the last worker's scratch is the caller's). */
static void wait_ready(struct loader *loader, const struct slot *slot) {
    double start = seconds();
    while (slot->state != SLOT_READY) {
        int from, n;
        struct slot *mine = loader->workers == 0 ? claim(loader, &from, &n) : NULL;
        if (mine)
            work_on(loader, mine, from, n, &loader->worker[0].scratch);
        else
            pthread_cond_wait(&loader->ready, &loader->mutex);
    }
    loader->waited += seconds() - start;
}

/* Give the slot in the caller's hands back to the workers. */
static void release_taken(struct loader *loader) {
    if (loader->take == 0) return;
    struct slot *slot = &loader->slot[(loader->take - 1) % (uint64_t)loader->slots];
    if (slot->state != SLOT_TAKEN) return;
    slot->state = SLOT_FREE;
    pthread_cond_broadcast(&loader->work);
}

sk_status loader_next(struct loader *loader, const struct batch **batch) {
    *batch = NULL;
    pthread_mutex_lock(&loader->mutex);
    release_taken(loader);
    sk_status status = SK_OK;
    if (!loader->failed && (loader->take < loader->fill || begin_batch(loader))) {
        struct slot *slot = &loader->slot[loader->take % (uint64_t)loader->slots];
        pthread_cond_broadcast(&loader->work); /* begin_batch may have been ours */
        wait_ready(loader, slot);
        loader->take++;
        slot->state = SLOT_TAKEN;
        status = slot->status;
        if (status != SK_OK) {
            loader->failed = true;
            status_fail(status, "%s", slot->sentence);
        } else {
            *batch = &slot->batch;
        }
    }
    pthread_mutex_unlock(&loader->mutex);
    return status;
}

sk_status loader_seek(struct loader *loader, uint64_t epoch, int64_t batch, uint64_t end) {
    TRY(check_start(loader, batch));
    pthread_mutex_lock(&loader->mutex);
    loader->failed = true; /* nobody claims more */
    while (loader->busy > 0) pthread_cond_wait(&loader->ready, &loader->mutex);
    for (int i = 0; i < loader->slots; i++) loader->slot[i].state = SLOT_FREE;
    loader->fill = loader->take = 0;
    loader->options.end = end;
    loader->labels_only = loader->labels_only_next;
    start_at(loader, epoch, batch);
    loader->failed = false;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return SK_OK;
}

void loader_labels_only(struct loader *loader, bool labels_only) {
    loader->labels_only_next = labels_only;
}

double loader_waited(const struct loader *loader) {
    return loader->waited;
}

uint64_t loader_damaged(struct loader *loader) {
    pthread_mutex_lock(&loader->mutex);
    uint64_t damaged = loader->damaged;
    pthread_mutex_unlock(&loader->mutex);
    return damaged;
}
