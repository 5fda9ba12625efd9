/* loader.h — batches of augmented pictures, prefetched by worker threads.
 *
 * What a batch holds depends on (dataset, pipeline, seed, epoch, number) alone: workers, prefetch and where
 * the loader started change no bit. All memory is taken when the loader is made.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_LOADER_H
#define SK_DATA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "augment/mix.h"
#include "data/data.h"
#include "data/epoch_order.h"
#include "data/repeat.h"

struct loader;
struct skipped;  /* data/skip.h */
struct pipeline; /* augment/augment.h */

struct loader_options {
    const struct dataset *dataset; /* both outlive the loader */
    const struct pipeline *pipeline;
    enum data_part part;
    int batch_size;
    int workers;  /* threads of the loader's own; 0 = the caller does the work in loader_next */
    int prefetch; /* batches ready ahead; 0 = 2, or as many as there are workers if that is more */
    uint64_t seed;
    bool train;     /* shuffle (RNG_SHUFFLE by epoch) and augment (RNG_AUGMENT by epoch and picture); */
                    /* otherwise in order, every picture once, as for evaluation */
    bool balanced;  /* with train: each class equally often (RNG_SHUFFLE, sample = 1 + class) */
    bool in_order;  /* with train: not shuffled */
    uint32_t shuffle_buffer; /* with train: shards are read end to end through a buffer of so many; 0 = all at random */
    enum order_stream stream; /* with train: passes go on over an epoch's end, which has */
    int64_t stream_length;    /* so many pictures, whole batches */
    struct repeat repeat;          /* with train: each picture several times in a row */
    const struct mix_options *mix; /* with train: mix pictures (RNG_MIX by epoch and batch); or NULL */
    bool skip_corrupt; /* go on without pictures that cannot be decoded (data/skip.h); otherwise they are failures */
    bool drop_last; /* leave out an epoch's last batch if it is short */
    uint64_t epoch; /* where to start: */
    int64_t batch;  /* number of the first batch within that epoch */
    uint64_t end;   /* the epoch before which to stop; 0 = go on for ever */
};

struct batch {
    float *images;     /* (N,H,W,C), normalised; rows from `count` on are zero */
    int32_t *labels;   /* (N) */
    uint32_t *indices; /* (N) number of each picture within the part */
    const struct mixed *mix; /* (count) what was mixed into each picture; NULL: nothing, labels say all */
    struct skipped *skipped; /* (skipped_count) pictures that this batch goes without; NULL: they are failures */
    int skipped_count;
    int count;         /* pictures in this batch, 1 … batch_size; 0 where all of an evaluation's were left out */
    uint64_t epoch;
    int64_t number; /* within the epoch, from 0 */
    bool last;      /* of its epoch */
};

sk_status loader_new(struct loader **loader, const struct loader_options *options);
void loader_free(struct loader *loader); /* at any time; waits for workers to finish the picture in hand */

int64_t loader_batches(const struct loader *loader);  /* per epoch */
int64_t loader_pictures(const struct loader *loader); /* per epoch: all, or whole batches with drop_last */

/* The next batch, valid until the next call; NULL after the end. A worker's failure is handed over with its
 * sentence, which names the picture; the loader is then at its end until loader_seek. */
sk_status loader_next(struct loader *loader, const struct batch **batch);

/* Go on from here (resume, or evaluation again); `end` as in the options. */
sk_status loader_seek(struct loader *loader, uint64_t epoch, int64_t batch, uint64_t end);

/* From the next loader_seek on: batches without pictures, labels and indices alone, for who keeps what it made of them. */
void loader_labels_only(struct loader *loader, bool labels_only);

/* Seconds that loader_next has waited for data so far: shows a run that its workers hold back. */
double loader_waited(const struct loader *loader);

/* Pictures decoded so far although their files are damaged (what libjpeg warns of and other readers ignore). */
uint64_t loader_damaged(struct loader *loader);

#endif
