/* arena.c — the only caller of malloc, calloc, realloc, posix_memalign and free.
 *
 * An arena is a list of chunks, newest first; an allocation is a step forward in the newest chunk.
 * Chunks double up to 1 MiB, and a larger wish gets a chunk of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 16, CHUNK_MIN = 4096, CHUNK_MAX = 1 << 20, HUGE_PAGE = 2 << 20 };
enum { MAPPED_LEAST = 256 << 10 }; /* bytes of a region that is mapped: it takes pages where it is written, not at once */
enum { ANY_PAGE = 64 << 10 }; /* a multiple of the page of every usual system */

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used; /* of the bytes after this header */
    size_t padding;    /* keeps the header a multiple of 16 on 32- and 64-bit machines alike */
};

static void *out_of_memory(size_t bytes) {
    status_fail(SK_EMEMORY, "cannot get %zu bytes of memory", bytes);
    return NULL;
}

/* A new chunk that holds at least `bytes` in front of the list; NULL without a sentence. */
static struct arena_chunk *chunk_add(struct arena *arena, size_t bytes) {
    size_t size = arena->head ? arena->head->size * 2 : CHUNK_MIN;
    if (size > CHUNK_MAX) size = CHUNK_MAX;
    if (size < bytes) size = bytes;
    if (size > SIZE_MAX - sizeof(struct arena_chunk)) return NULL;
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk) return NULL;
    *chunk = (struct arena_chunk){.next = arena->head, .size = size};
    arena->head = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) return out_of_memory(bytes);
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0) rounded = ALIGNMENT;
    struct arena_chunk *chunk = arena->head;
    if (!chunk || chunk->size - chunk->used < rounded) chunk = chunk_add(arena, rounded);
    if (!chunk) return out_of_memory(bytes);
    unsigned char *start = (unsigned char *)(chunk + 1) + chunk->used;
    chunk->used += rounded;
    arena->bytes += rounded;
    return memset(start, 0, rounded);
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) return out_of_memory(SIZE_MAX);
    return arena_alloc(arena, count * size);
}

void *arena_grow(struct arena *arena, void *old, size_t *capacity, size_t want, size_t size) {
    if (old && want <= *capacity) return old;
    size_t fresh = *capacity ? *capacity : 8;
    while (fresh < want) {
        if (fresh > SIZE_MAX / 2) return out_of_memory(SIZE_MAX);
        fresh *= 2;
    }
    void *items = arena_array(arena, fresh, size);
    if (!items) return NULL;
    if (old) memcpy(items, old, *capacity * size);
    *capacity = fresh;
    return items;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length) {
    if (length == SIZE_MAX) return out_of_memory(length);
    char *copy = arena_alloc(arena, length + 1); /* zeroed, so terminated */
    if (copy && length) memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return out_of_memory(0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void arena_free(struct arena *arena) {
    for (struct arena_chunk *chunk = arena->head; chunk;) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *arena = (struct arena){0};
}

/* Address space for `bytes` that begins on a huge page; what stands out on either side is given back. */
static void *map_pages(size_t bytes, bool sparse) {
    if (bytes > SIZE_MAX / 2) return NULL;
    uint8_t *map = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)map % HUGE_PAGE) % HUGE_PAGE, after = HUGE_PAGE - before;
    if (before) munmap(map, before);
    if (after) munmap(map + before + bytes, after);
    /* Only advice: a kernel without huge pages is slower, not wrong. */
    (void)madvise(map + before, bytes, sparse || bytes < HUGE_PAGE ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    return map + before;
}

/* Whole pages; a huge one at the end, too, where more than half of it is wanted: its parts would cost more. */
static size_t whole_pages(size_t bytes) {
    size_t unit = bytes % HUGE_PAGE > HUGE_PAGE / 2 ? HUGE_PAGE : ANY_PAGE;
    return (bytes + unit - 1) / unit * unit;
}

/* Up to some pages the heap serves: it is watched by the sanitizers and costs no page that is not full. */
static sk_status region_make(struct region *region, size_t bytes, bool sparse) {
    *region = (struct region){0};
    size_t whole = whole_pages(bytes);
    void *data = NULL;
    if (bytes >= MAPPED_LEAST)
        data = whole < bytes ? NULL : map_pages(whole, sparse);
    else if (posix_memalign(&data, ANY_PAGE, bytes ? bytes : 1) != 0)
        data = NULL;
    FAIL_IF(!data, SK_EMEMORY, "cannot get a region of %zu bytes of memory", bytes);
    if (bytes < MAPPED_LEAST) memset(data, 0, bytes);
    *region = (struct region){.data = data, .bytes = bytes};
    return SK_OK;
}

sk_status region_new(struct region *region, size_t bytes) {
    return region_make(region, bytes, false);
}

sk_status region_new_sparse(struct region *region, size_t bytes) {
    return region_make(region, bytes, true);
}

void region_free(struct region *region) {
    if (region->bytes >= MAPPED_LEAST)
        munmap(region->data, whole_pages(region->bytes));
    else
        free(region->data);
    *region = (struct region){0};
}

void region_drop(void *part, size_t bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)part + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)part + bytes) / page * page;
    if (begin < end) (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

void *block_new(size_t bytes) {
    void *block = calloc(1, bytes ? bytes : 1);
    return block ? block : out_of_memory(bytes);
}

void *block_resize(void *block, size_t bytes) {
    void *fresh = realloc(block, bytes ? bytes : 1);
    return fresh ? fresh : out_of_memory(bytes);
}

void block_free(void *block) {
    free(block);
}
