/* memory.h — placing what lives in the arena: every item has a size and a lifetime, known before the first step.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_MEMORY_H
#define SK_PLAN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct memory_item {
    size_t bytes;
    int first, last; /* phases in which it is alive, both included */
    size_t offset;   /* the answer: a multiple of 64; of a fixed item given */
    bool fixed;
};

/* Place the items so that no two alive at once overlap (fixed ones do not among themselves); *peak is the arena's size.
 * `scratch` is working memory. */
sk_status memory_place(struct arena *scratch, struct memory_item *items, size_t count, size_t *peak);

/* The largest sum of bytes alive at once: what no plan can go below. */
size_t memory_bound(const struct memory_item *items, size_t count);

#endif
