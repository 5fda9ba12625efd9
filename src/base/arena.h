/* arena.h — the only place that allocates: arenas that are freed whole, and large regions on huge pages.
 *
 * An arena is owned by whoever made it; everything allocated from it lives exactly as long. Early
 * return is therefore always safe. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_ARENA_H
#define SK_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Zero-initialise: struct arena a = {0}. Not thread-safe: one owner. */
struct arena {
    struct arena_chunk *head;
    size_t bytes; /* handed out so far */
};

/* `bytes` zeroed bytes aligned to 16, or NULL with a sentence recorded. bytes = 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* count * size with overflow check, zeroed. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Grow an array by doubling: returns storage for at least `want` items, old items kept, *capacity updated.
 * The old storage stays in the arena until it is freed. NULL on failure. */
void *arena_grow(struct arena *arena, void *old, size_t *capacity, size_t want, size_t size);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Free everything; the arena may be used again. */
void arena_free(struct arena *arena);

/* A large zeroed block: activations, packed weights, parameters. From 256 KiB on it is aligned to 2 MiB and takes
 * memory from the system where it is first written, from 1 MiB on by MADV_HUGEPAGE; a smaller one is aligned to 64 KiB. */
struct region {
    void *data;
    size_t bytes;
};
sk_status region_new(struct region *region, size_t bytes);
/* The same in small pages: for a block of which little, here and there, will be written. */
sk_status region_new_sparse(struct region *region, size_t bytes);
void region_free(struct region *region);
/* A part of a region that nobody reads again before it is written: its whole pages go back to the system. */
void region_drop(void *part, size_t bytes);

/* Single blocks with their own lifetime (few: handles, growing buffers). realloc semantics; NULL + sentence. */
void *block_new(size_t bytes); /* zeroed */
void *block_resize(void *block, size_t bytes);
void block_free(void *block);

#endif
