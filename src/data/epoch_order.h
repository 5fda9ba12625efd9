/* epoch_order.h — in which order an epoch takes a part's pictures: a function of seed and epoch alone.
 *
 * The order of shards read through a shuffle buffer is worked out on the index, picture by picture, as a reader of the
 * shards would meet them. It is a list like any other: a position in it is exact, whoever reads and wherever a run was
 * cut. An order costs 4 bytes a picture, a balanced one 12. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_EPOCH_ORDER_H
#define SK_DATA_EPOCH_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "data/data.h"

struct epoch_order_options {
    const struct dataset *dataset;
    enum data_part part;
    uint64_t seed;
    bool shuffled; /* RNG_SHUFFLE by epoch; otherwise as the part numbers them */
    bool balanced; /* each class equally often (RNG_SHUFFLE, sample = 1 + class) */
    uint32_t
        shuffle_buffer; /* shuffled: shards in random order through a buffer of so many pictures; 0: all at random */
};

struct epoch_order {
    struct epoch_order_options options;
    uint32_t count;  /* pictures */
    uint32_t *order; /* (count) of `epoch` */
    uint64_t epoch;
    bool known;
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
