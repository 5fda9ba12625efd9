/* epoch_order.c — shuffled, balanced, through a shuffle buffer, or as the pictures come.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/epoch_order.h"

#include <string.h>

#include "base/rng.h"

/* Addresses of the shuffle buffer's numbers (RNG_SHUFFLE, sample): apart from those of classes. */
enum { SHARDS = 1 << 30, BUFFER };

/* ---- making ---- */

static sk_status sort_by_class(struct epoch_order *o, struct arena *arena) {
    const struct epoch_order_options *from = &o->options;
    size_t classes = (size_t)dataset_classes(from->dataset);
    o->by_class = arena_array(arena, o->count, sizeof *o->by_class);
    o->turns = arena_array(arena, o->count, sizeof *o->turns);
    uint32_t *start = arena_array(arena, classes + 2, sizeof *start);
    if (!o->by_class || !o->turns || !start) return SK_EMEMORY;
    for (uint32_t i = 0; i < o->count; i++) start[dataset_label(from->dataset, from->part, i) + 2]++;
    for (size_t c = 2; c < classes + 2; c++) start[c] += start[c - 1];
    for (uint32_t i = 0; i < o->count; i++) o->by_class[start[dataset_label(from->dataset, from->part, i) + 1]++] = i;
    o->class_start = start;
    return SK_OK;
}

/* Where each shard's pictures begin: a part numbers them shard by shard. */
static sk_status find_shards(struct epoch_order *o, struct arena *arena) {
    const struct epoch_order_options *from = &o->options;
    FAIL_IF(!dataset_is_sharded(from->dataset), SK_EUSAGE,
            "data.shuffle_buffer is for pictures in tar and TFRecord shards; any others are shuffled as a whole: "
            "take it out, or set it to 0");
    FAIL_IF(from->balanced, SK_EUSAGE,
            "data.shuffle_buffer reads shards from end to end, and sampling=balanced takes classes by turns: set "
            "data.shuffle_buffer=0");
    uint32_t shards = 0;
    for (uint32_t i = 0; i < o->count; i++)
        shards +=
            i == 0 || dataset_shard(from->dataset, from->part, i) != dataset_shard(from->dataset, from->part, i - 1);
    uint32_t room = from->shuffle_buffer < o->count ? from->shuffle_buffer : o->count;
    o->shards = arena_array(arena, shards, sizeof *o->shards);
    o->shard_start = arena_array(arena, (size_t)shards + 1, sizeof *o->shard_start);
    o->buffer = arena_array(arena, room, sizeof *o->buffer);
    if (!o->shards || !o->shard_start || !o->buffer) return SK_EMEMORY;
    for (uint32_t i = 0; i < o->count; i++)
        if (i == 0 || dataset_shard(from->dataset, from->part, i) != dataset_shard(from->dataset, from->part, i - 1))
            o->shard_start[o->shard_count++] = i;
    o->shard_start[o->shard_count] = o->count;
    return SK_OK;
}

sk_status epoch_order_make(struct epoch_order *order, struct arena *arena, const struct epoch_order_options *options) {
    *order = (struct epoch_order){.options = *options, .count = dataset_count(options->dataset, options->part)};
    order->order = arena_array(arena, order->count, sizeof *order->order);
    if (!order->order) return SK_EMEMORY;
    if (options->balanced) TRY(sort_by_class(order, arena));
    return options->shuffle_buffer ? find_shards(order, arena) : SK_OK;
}

/* ---- an epoch ---- */

/* Classes take turns; each gives its pictures in an order of its own, again and again, shuffled anew each time. */
static void balance(struct epoch_order *o) {
    uint32_t classes = (uint32_t)dataset_classes(o->options.dataset), at = 0;
    for (uint32_t turn = 0; at < o->count; turn++) {
        for (uint32_t c = 0; c < classes && at < o->count; c++) {
            uint32_t first = o->class_start[c], count = o->class_start[c + 1] - first;
            if (count == 0) continue;
            if (turn % count == 0) {
                uint64_t address = 1 + c + (uint64_t)(turn / count) * classes;
                struct rng rng = rng_at(o->options.seed, RNG_SHUFFLE, o->epoch, address);
                memcpy(o->turns + first, o->by_class + first, count * sizeof *o->turns);
                rng_shuffle(&rng, o->turns + first, count);
            }
            o->order[at++] = o->turns[first + turn % count];
        }
    }
}

/* What a reader of the shards sees: each place is drawn from a full buffer, whose gap the next picture fills. */
static void buffer_shards(struct epoch_order *o) {
    struct rng rng = rng_at(o->options.seed, RNG_SHUFFLE, o->epoch, SHARDS);
    uint32_t room = o->options.shuffle_buffer < o->count ? o->options.shuffle_buffer : o->count, held = 0, at = 0;
    for (uint32_t s = 0; s < o->shard_count; s++) o->shards[s] = s;
    rng_shuffle(&rng, o->shards, o->shard_count);
    rng = rng_at(o->options.seed, RNG_SHUFFLE, o->epoch, BUFFER);
    for (uint32_t s = 0; s < o->shard_count; s++) {
        uint32_t shard = o->shards[s];
        for (uint32_t i = o->shard_start[shard]; i < o->shard_start[shard + 1]; i++) {
            if (held < room) {
                o->buffer[held++] = i;
                continue;
            }
            uint64_t gap = rng_below(&rng, held);
            o->order[at++] = o->buffer[gap];
            o->buffer[gap] = i;
        }
    }
    rng_shuffle(&rng, o->buffer, held);
    memcpy(o->order + at, o->buffer, held * sizeof *o->order);
}

void epoch_order_fill(struct epoch_order *o, uint64_t epoch) {
    if (o->known && o->epoch == epoch) return;
    o->epoch = epoch;
    o->known = true;
    for (uint32_t i = 0; i < o->count; i++) o->order[i] = i;
    if (o->options.balanced) balance(o);
    if (o->options.shuffled && o->options.shuffle_buffer) {
        buffer_shards(o);
    } else if (o->options.shuffled) {
        struct rng rng = rng_at(o->options.seed, RNG_SHUFFLE, epoch, 0);
        rng_shuffle(&rng, o->order, o->count);
    }
}
