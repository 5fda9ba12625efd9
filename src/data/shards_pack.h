/* shards_pack.h — any source's pictures as tar shards: files copied byte by byte, with classes, sums and an index.
 *
 * FOLDER receives pack.json (what is packed, and how), classes.txt, train-000000.tar … and the same for val and test,
 * SHA256SUMS and index.siskin. Each file appears when it is whole. A packing that was cut off goes on with the first
 * shard that is missing: what a shard holds follows from source and options alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_SHARDS_PACK_H
#define SK_DATA_SHARDS_PACK_H

#include "data/data.h"

struct pack_options {
    const char *folder;
    const char *spec;     /* of the source, for pack.json */
    uint64_t shard_bytes; /* a shard is closed once it has as many; */
    uint32_t shards;      /* or train is cut into so many with equally many pictures, others alike; 0: by size */
    uint64_t seed;        /* of train's order (RNG_SPLIT) */
    bool in_order;        /* train as the source has it, too */
    bool (*progress)(void *user, uint32_t done, uint32_t total); /* false: stop; or NULL */
    void *user;
};

struct pack_result {
    uint32_t shards, found; /* found: whole from an earlier packing */
    uint32_t pictures;
    uint64_t bytes;
};

/* Every picture of every part of a dataset that was opened undivided. */
sk_status data_pack(const struct dataset *dataset, const struct pack_options *options, struct pack_result *result);

#endif
