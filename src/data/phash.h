/* phash.h — recognises pictures that look the same: a 64-bit difference hash, a thumbnail, and groups of near pictures.
 *
 * Pictures that were saved again, made smaller or brightened keep nearly all bits of the hash; the thumbnail then tells
 * true neighbours from pictures that merely share a layout. Pictures without detail, as of a clear sky, have nothing to
 * compare and are near to none. Small ones (below 32 pixels a side) are enlarged first, where many pictures of one kind
 * look the same.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_PHASH_H
#define SK_DATA_PHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/picture.h"

/* Near: at most PHASH_NEAR of 64 bits differ, and the details agree. */
enum { PHASH_HEIGHT = 16, PHASH_WIDTH = 18, PHASH_THUMB = PHASH_HEIGHT * PHASH_WIDTH, PHASH_NEAR = 6 };

struct phash {
    uint64_t bits;              /* each: is a cell of 8 x 9 darker than its right neighbour? */
    int8_t detail[PHASH_THUMB]; /* (16,18) grey without its mean and slopes */
    int32_t held;               /* its sum of squares */
    uint8_t colour[3];          /* mean red, green, blue */
    bool plain;                 /* no detail: near to none */
};

/* The hash of a picture of 1 or 3 channels. Uses SCRATCH_RESIZED and what the resize needs. */
sk_status phash_of(const struct picture *picture, struct scratch *scratch, struct phash *hash);

/* How many of the 64 bits differ. */
int phash_distance(uint64_t a, uint64_t b);
/* The same picture by the looks of it. */
bool phash_near(const struct phash *a, const struct phash *b);

/* For each of `count` hashes the first index of its group: pictures near to each other, also by way of others, have one
 * group. Compares those alone that share a piece of their bits, so that 100,000 pictures take seconds. NULL hashes
 * (unreadable pictures) stay alone. */
sk_status phash_group(const struct phash *const *hashes, uint32_t count, uint32_t *group);

/* Without "by way of others": first_near[i] is the first picture before i that i itself is near to, or i. */
sk_status phash_pairs(const struct phash *const *hashes, uint32_t count, uint32_t *first_near);

#endif
