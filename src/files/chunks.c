/* chunks.c — writes a list of byte ranges to a file, whole or not at all, or joins it in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/chunks.h"

#include <string.h>

#include "base/file.h"

sk_status chunks_add(struct arena *arena, struct chunks *chunks, const void *bytes, size_t size) {
    struct chunk *list = arena_grow(arena, chunks->list, &chunks->capacity, chunks->count + 1, sizeof *list);
    if (!list) return SK_EMEMORY;
    chunks->list = list;
    list[chunks->count++] = (struct chunk){bytes, size};
    chunks->total += size;
    return SK_OK;
}

sk_status chunks_save(const struct chunks *chunks, const char *path) {
    struct file_writer writer;
    TRY(file_begin(&writer, path));
    for (size_t i = 0; i < chunks->count; i++) {
        sk_status status = file_write(&writer, chunks->list[i].bytes, chunks->list[i].size);
        if (status != SK_OK) {
            file_abort(&writer);
            return status;
        }
    }
    return file_commit(&writer);
}

sk_status chunks_join(struct arena *arena, const struct chunks *chunks, uint8_t **bytes, size_t *size) {
    FAIL_IF(chunks->total > SIZE_MAX / 2, SK_EMEMORY, "the file would not fit into memory");
    *size = (size_t)chunks->total;
    *bytes = arena_alloc(arena, *size);
    if (!*bytes) return SK_EMEMORY;
    uint8_t *at = *bytes;
    for (size_t i = 0; i < chunks->count; i++) {
        if (chunks->list[i].size == 0) continue; /* bytes may be NULL */
        memcpy(at, chunks->list[i].bytes, chunks->list[i].size);
        at += chunks->list[i].size;
    }
    return SK_OK;
}

sk_status chunks_encode(chunks_layout *layout, const void *what, struct arena *arena, uint8_t **bytes, size_t *size) {
    struct chunks file = {0};
    TRY(layout(arena, what, &file));
    return chunks_join(arena, &file, bytes, size);
}

sk_status chunks_write(chunks_layout *layout, const void *what, const char *path) {
    struct arena arena = {0};
    struct chunks file = {0};
    sk_status status = layout(&arena, what, &file);
    status = status == SK_OK ? chunks_save(&file, path) : status_prefix(status, "%s", path);
    arena_free(&arena);
    return status;
}
