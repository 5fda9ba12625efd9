/* memory_left.c — Linux's MemAvailable, and what a control group still allows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory_left.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { TEXT_MAX = 1 << 16 };

/* The number behind `word` in a small file (the first number where word is NULL), times `unit`; or `missing`. */
static size_t read_number(const char *path, const char *word, size_t unit, size_t missing) {
    struct arena arena = {0};
    uint8_t *text;
    size_t size, found = missing;
    if (file_exists(path) && file_read(&arena, path, TEXT_MAX, &text, &size) == SK_OK) {
        const char *at = word ? strstr((const char *)text, word) : (const char *)text;
        char *end;
        if (at) at += word ? strlen(word) : 0;
        unsigned long long number = at ? strtoull(at, &end, 10) : 0;
        if (at && end != at && number <= SIZE_MAX / unit) found = (size_t)number * unit;
    }
    arena_free(&arena);
    return found;
}

/* A group counts cached files as used, although it gives them up when asked. */
static size_t group_left(void) {
    size_t most = read_number("/sys/fs/cgroup/memory.max", NULL, 1, SIZE_MAX); /* "max": no limit */
    if (most == SIZE_MAX) return SIZE_MAX;
    size_t used = read_number("/sys/fs/cgroup/memory.current", NULL, 1, 0);
    size_t cached = read_number("/sys/fs/cgroup/memory.stat", "inactive_file ", 1, 0);
    used = used > cached ? used - cached : 0;
    return most > used ? most - used : 0;
}

size_t memory_left(void) {
    size_t machine = read_number("/proc/meminfo", "MemAvailable:", 1024, SIZE_MAX), group = group_left();
    return machine < group ? machine : group;
}
