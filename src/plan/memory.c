/* memory.c — first fit by falling size, what has its place already first.
 *
 * As XNNPACK's and TFLite's planners do: "greedy by size", Pisarchyk and Lee 2020.
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/memory.h"

#include <stdlib.h>

enum { MEMORY_ALIGN = 64 };

static size_t aligned(size_t bytes) {
    return (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
}

static bool overlap(const struct memory_item *a, const struct memory_item *b) {
    return a->first <= b->last && b->first <= a->last;
}

static int by_falling_size(const void *left, const void *right) {
    const struct memory_item *a = *(struct memory_item *const *)left, *b = *(struct memory_item *const *)right;
    if (a->fixed != b->fixed) return a->fixed ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* The lowest offset at which `item` fits between the placed items, which are sorted by offset. */
static size_t lowest_fit(const struct memory_item *item, struct memory_item *const *placed, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!overlap(item, placed[i])) continue;
        if (at + aligned(item->bytes) <= placed[i]->offset) break;
        size_t end = placed[i]->offset + aligned(placed[i]->bytes);
        if (end > at) at = end;
    }
    return at;
}

sk_status memory_place(struct arena *scratch, struct memory_item *items, size_t count, size_t *peak) {
    struct memory_item **order = arena_array(scratch, count + 1, sizeof *order);
    struct memory_item **placed = arena_array(scratch, count + 1, sizeof *placed);
    if (!order || !placed) return SK_EMEMORY;
    for (size_t i = 0; i < count; i++) order[i] = &items[i];
    qsort(order, count, sizeof *order, by_falling_size);
    *peak = 0;
    for (size_t i = 0; i < count; i++) {
        struct memory_item *item = order[i];
        if (!item->fixed) item->offset = lowest_fit(item, placed, i);
        size_t end = item->offset + aligned(item->bytes), slot = i;
        if (end > *peak) *peak = end;
        for (; slot > 0 && placed[slot - 1]->offset > item->offset; slot--) placed[slot] = placed[slot - 1];
        placed[slot] = item;
    }
    return SK_OK;
}

size_t memory_bound(const struct memory_item *items, size_t count) {
    size_t bound = 0;
    for (size_t i = 0; i < count; i++) { /* the sum is largest at some item's birth */
        size_t sum = 0;
        for (size_t j = 0; j < count; j++)
            if (items[j].first <= items[i].first && items[i].first <= items[j].last) sum += aligned(items[j].bytes);
        if (sum > bound) bound = sum;
    }
    return bound;
}
