/* chunks.h — a file to be written as a list of byte ranges, so that tensors are not copied to be saved.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_CHUNKS_H
#define SK_FILES_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Zero-initialise. The bytes are not copied: they must live until the list is saved or joined. */
struct chunks {
    struct chunk {
        const void *bytes;
        size_t size;
    } * list;
    size_t count, capacity;
    uint64_t total; /* bytes */
};

sk_status chunks_add(struct arena *arena, struct chunks *chunks, const void *bytes, size_t size);
sk_status chunks_save(const struct chunks *chunks, const char *path); /* atomic */
sk_status chunks_join(struct arena *arena, const struct chunks *chunks, uint8_t **bytes, size_t *size);

/* What a format's writer is: it lays `what` out as chunks, whose bytes live in the arena or in `what`. */
typedef sk_status chunks_layout(struct arena *arena, const void *what, struct chunks *file);
/* Lay out, then join or save; a failing layout's sentence gets the path in front. */
sk_status chunks_encode(chunks_layout *layout, const void *what, struct arena *arena, uint8_t **bytes, size_t *size);
sk_status chunks_write(chunks_layout *layout, const void *what, const char *path);

#endif
