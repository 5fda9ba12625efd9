/* epoch_order.c — shuffled, balanced, through a shuffle buffer, or as the pictures come.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/epoch_order.h"

#include <string.h>

#include "base/rng.h"

/* Addresses of the shuffle buffer's numbers (RNG_SHUFFLE, sample): apart from those of classes. */
enum { SHARDS = 1 << 30, BUFFER, ENDLESS };

/* ---- making ---- */

static sk_status sort_by_class(struct epoch_order *o, struct arena *arena) {
    const struct epoch_order_options *from = &o->options;
    size_t classes = (size_t)dataset_classes(from->dataset);
    o->by_class = arena_array(arena, o->pictures, sizeof *o->by_class);
    o->turns = arena_array(arena, o->pictures, sizeof *o->turns);
    uint32_t *start = arena_array(arena, classes + 2, sizeof *start);
    if (!o->by_class || !o->turns || !start) return SK_EMEMORY;
    for (uint32_t i = 0; i < o->pictures; i++) start[dataset_label(from->dataset, from->part, i) + 2]++;
    for (size_t c = 2; c < classes + 2; c++) start[c] += start[c - 1];
    for (uint32_t i = 0; i < o->pictures; i++)
        o->by_class[start[dataset_label(from->dataset, from->part, i) + 1]++] = i;
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
    for (uint32_t i = 0; i < o->pictures; i++)
        shards +=
            i == 0 || dataset_shard(from->dataset, from->part, i) != dataset_shard(from->dataset, from->part, i - 1);
    uint32_t room = from->shuffle_buffer < o->pictures ? from->shuffle_buffer : o->pictures;
    if (from->stream == ORDER_REPEAT_FIRST) room = from->shuffle_buffer;
    o->shards = arena_array(arena, shards, sizeof *o->shards);
    o->shard_start = arena_array(arena, (size_t)shards + 1, sizeof *o->shard_start);
    o->buffer = arena_array(arena, room, sizeof *o->buffer);
    if (!o->shards || !o->shard_start || !o->buffer) return SK_EMEMORY;
    for (uint32_t i = 0; i < o->pictures; i++)
        if (i == 0 || dataset_shard(from->dataset, from->part, i) != dataset_shard(from->dataset, from->part, i - 1))
            o->shard_start[o->shard_count++] = i;
    o->shard_start[o->shard_count] = o->pictures;
    return SK_OK;
}

static sk_status check_stream(const struct epoch_order *o) {
    const struct epoch_order_options *from = &o->options;
    if (from->stream == ORDER_EPOCHS) return SK_OK;
    FAIL_IF(from->length == 0 || o->pictures == 0, SK_EUSAGE, "a stream of %u pictures in epochs of %u", o->pictures,
            from->length);
    FAIL_IF(from->balanced, SK_EUSAGE,
            "data.stream goes over every picture again and again, and sampling=balanced has epochs of its own: set "
            "data.stream=epochs");
    FAIL_IF(from->stream == ORDER_REPEAT_FIRST && from->shuffle_buffer == 0, SK_EUSAGE,
            "data.stream=repeat_first is about a shuffle buffer: set data.shuffle_buffer, or data.stream=repeat");
    return SK_OK;
}

sk_status epoch_order_make(struct epoch_order *order, struct arena *arena, const struct epoch_order_options *options) {
    *order = (struct epoch_order){.options = *options, .pictures = dataset_count(options->dataset, options->part)};
    TRY(check_stream(order));
    order->count = options->stream == ORDER_EPOCHS ? order->pictures : options->length;
    order->order = order->pass = arena_array(arena, order->count, sizeof *order->order);
    if (options->stream != ORDER_EPOCHS) order->pass = arena_array(arena, order->pictures, sizeof *order->pass);
    if (!order->order || !order->pass) return SK_EMEMORY;
    if (options->balanced) TRY(sort_by_class(order, arena));
    return options->shuffle_buffer ? find_shards(order, arena) : SK_OK;
}

/* ---- a pass over the data ---- */

/* Classes take turns; each gives its pictures in an order of its own, again and again, shuffled anew each time. */
static void balance(struct epoch_order *o) {
    uint32_t classes = (uint32_t)dataset_classes(o->options.dataset), at = 0;
    for (uint32_t turn = 0; at < o->pictures; turn++) {
        for (uint32_t c = 0; c < classes && at < o->pictures; c++) {
            uint32_t first = o->class_start[c], count = o->class_start[c + 1] - first;
            if (count == 0) continue;
            if (turn % count == 0) {
                uint64_t address = 1 + c + (uint64_t)(turn / count) * classes;
                struct rng rng = rng_at(o->options.seed, RNG_SHUFFLE, o->pass_at, address);
                memcpy(o->turns + first, o->by_class + first, count * sizeof *o->turns);
                rng_shuffle(&rng, o->turns + first, count);
            }
            o->pass[at++] = o->turns[first + turn % count];
        }
    }
}

static void shuffle_shards(struct epoch_order *o) {
    struct rng rng = rng_at(o->options.seed, RNG_SHUFFLE, o->pass_at, SHARDS);
    for (uint32_t s = 0; s < o->shard_count; s++) o->shards[s] = s;
    rng_shuffle(&rng, o->shards, o->shard_count);
}

/* What a reader of the shards sees: each place is drawn from a full buffer, whose gap the next picture fills. */
static void buffer_shards(struct epoch_order *o) {
    struct rng rng;
    uint32_t room = o->options.shuffle_buffer < o->pictures ? o->options.shuffle_buffer : o->pictures, held = 0, at = 0;
    shuffle_shards(o);
    rng = rng_at(o->options.seed, RNG_SHUFFLE, o->pass_at, BUFFER);
    for (uint32_t s = 0; s < o->shard_count; s++) {
        uint32_t shard = o->shards[s];
        for (uint32_t i = o->shard_start[shard]; i < o->shard_start[shard + 1]; i++) {
            if (held < room) {
                o->buffer[held++] = i;
                continue;
            }
            uint64_t gap = rng_below(&rng, held);
            o->pass[at++] = o->buffer[gap];
            o->buffer[gap] = i;
        }
    }
    rng_shuffle(&rng, o->buffer, held);
    memcpy(o->pass + at, o->buffer, held * sizeof *o->pass);
}

static void fill_pass(struct epoch_order *o, uint64_t pass) {
    if (o->pass_known && o->pass_at == pass) return;
    o->pass_at = pass;
    o->pass_known = true;
    for (uint32_t i = 0; i < o->pictures; i++) o->pass[i] = i;
    if (o->options.balanced) balance(o);
    if (o->options.shuffled && o->options.shuffle_buffer) {
        buffer_shards(o);
    } else if (o->options.shuffled) {
        struct rng rng = rng_at(o->options.seed, RNG_SHUFFLE, pass, 0);
        rng_shuffle(&rng, o->pass, o->pictures);
    }
}

/* ---- an epoch ---- */

/* Passes one behind the other, from this picture of all on. */
static void cut_passes(struct epoch_order *o, uint64_t first) {
    for (uint32_t i = 0; i < o->count; i++) {
        fill_pass(o, (first + i) / o->pictures);
        o->order[i] = o->pass[(first + i) % o->pictures];
    }
}

/* The shards of a pass as they lie, without the buffer. */
static void read_pass(struct epoch_order *o, uint64_t pass) {
    uint32_t at = 0;
    if (o->pass_known && o->pass_at == pass) return;
    o->pass_at = pass;
    o->pass_known = true;
    shuffle_shards(o);
    for (uint32_t s = 0; s < o->shard_count; s++)
        for (uint32_t i = o->shard_start[o->shards[s]]; i < o->shard_start[o->shards[s] + 1]; i++) o->pass[at++] = i;
}

/* The next out of a buffer that is always full. */
static uint32_t draw_endless(struct epoch_order *o) {
    for (;;) {
        read_pass(o, o->taken / o->pictures);
        uint32_t next = o->pass[o->taken++ % o->pictures];
        if (o->held < o->options.shuffle_buffer) {
            o->buffer[o->held++] = next;
            continue;
        }
        uint64_t gap = rng_below(&o->gaps, o->held);
        uint32_t given = o->buffer[gap];
        o->buffer[gap] = next;
        o->given++;
        return given;
    }
}

/* Whoever comes from elsewhere begins at the beginning. */
static void cut_endless(struct epoch_order *o, uint64_t first) {
    if (o->given > first || o->taken == 0) {
        o->taken = o->given = 0;
        o->held = 0;
        o->gaps = rng_at(o->options.seed, RNG_SHUFFLE, 0, ENDLESS);
    }
    while (o->given < first) draw_endless(o);
    for (uint32_t i = 0; i < o->count; i++) o->order[i] = draw_endless(o);
}

void epoch_order_fill(struct epoch_order *o, uint64_t epoch) {
    if (o->known && o->epoch == epoch) return;
    o->epoch = epoch;
    o->known = true;
    switch (o->options.stream) {
    case ORDER_REPEAT: cut_passes(o, epoch * o->count); break;
    case ORDER_REPEAT_FIRST: cut_endless(o, epoch * o->count); break;
    default: fill_pass(o, epoch); break;
    }
}
