/* epoch_order.h — in which order an epoch takes a part's pictures: a function of seed and epoch alone.
 *
 * The order of shards read through a shuffle buffer is worked out on the index, picture by picture, as a reader of the
 * shards would meet them. It is a list like any other: a position in it is exact, whoever reads and wherever a run was
 * cut. An order costs 4 bytes a picture, a balanced one 12, a stream 8. Where the buffer runs over the end of passes, an
 * order depends on all before it: a start in the middle follows the index from the first picture on, 10 ns each. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_EPOCH_ORDER_H
#define SK_DATA_EPOCH_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rng.h"
#include "data/data.h"

/* Passes over the data and epochs: the same; passes one behind the other, cut into epochs; and through one buffer. */
enum order_stream { ORDER_EPOCHS, ORDER_REPEAT, ORDER_REPEAT_FIRST };

struct epoch_order_options {
    const struct dataset *dataset;
    enum data_part part;
    uint64_t seed;
    bool shuffled; /* RNG_SHUFFLE by epoch; otherwise as the part numbers them */
    bool balanced; /* each class equally often (RNG_SHUFFLE, sample = 1 + class) */
    uint32_t
        shuffle_buffer; /* shuffled: shards in random order through a buffer of so many pictures; 0: all at random */
    enum order_stream stream; /* shuffled */
    uint32_t length;          /* of an epoch of a stream */
};

struct epoch_order {
    struct epoch_order_options options;
    uint32_t count;  /* pictures of an epoch */
    uint32_t *order; /* (count) of `epoch` */
    uint64_t epoch;
    bool known;
    uint32_t pictures; /* of a pass over the data */
    uint32_t *pass;    /* (pictures) the pass number pass_at; without a stream, order itself */
    uint64_t pass_at;
    bool pass_known;
    uint64_t taken, given; /* repeat_first: pictures that went into the buffer, and that came out of it */
    uint32_t held;
    struct rng gaps;
    uint32_t *by_class; /* balanced: pictures by class: by_class[class_start[c]] … class_start[c + 1] - 1, rising, */
    uint32_t *turns;    /* and the same shuffled */
    uint32_t *class_start;
    uint32_t *shards;      /* shuffle_buffer: the shards that hold any of the part, shuffled anew each epoch, */
    uint32_t *shard_start; /* (shards + 1) where each one's pictures begin, */
    uint32_t *buffer;      /* and the pictures that wait */
    uint32_t shard_count;
};

/* All memory is taken here. */
sk_status epoch_order_make(struct epoch_order *order, struct arena *arena, const struct epoch_order_options *options);

/* Fill order->order for an epoch; nothing to do where it is known. */
void epoch_order_fill(struct epoch_order *order, uint64_t epoch);

#endif
