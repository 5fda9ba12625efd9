/* noise.h — pictures by formula, the same as tests/golden/noise.py, and the hash the fixtures are kept as.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_AUGMENT_NOISE_H
#define SK_TESTS_AUGMENT_NOISE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "data/picture.h"

static inline struct picture noise(struct arena *arena, int height, int width, int channels, uint32_t seed,
                                   bool extreme) {
    size_t count = (size_t)height * (size_t)width * (size_t)channels;
    struct picture picture = {arena_alloc(arena, count), height, width, channels};
    for (size_t j = 0; picture.pixels && j < count; j++) {
        uint32_t h = (uint32_t)j * 2654435761U + (seed + 1) * 2246822519U;
        h ^= h >> 15;
        h *= 2246822519U;
        h ^= h >> 13;
        picture.pixels[j] = (uint8_t)(extreme ? (h >> 31) * 255 : h >> 24);
    }
    return picture;
}

/* FNV-1a in hexadecimal into text[17]. */
static inline const char *fnv(const void *bytes, size_t size, char *text) {
    const uint8_t *at = bytes;
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < size; i++) h = (h ^ at[i]) * 0x100000001b3U;
    snprintf(text, 17, "%016llx", (unsigned long long)h);
    return text;
}

/* A JSON fixture, or NULL. */
static inline const struct json *fixture(struct arena *arena, const char *path) {
    uint8_t *data;
    size_t size;
    struct json *json;
    if (file_read(arena, path, 1 << 24, &data, &size) != SK_OK) return NULL;
    return json_parse(arena, (const char *)data, size, path, &json) == SK_OK ? json : NULL;
}

/* Item i of a list of integers. */
static inline int list_item(const struct json *list, int i) {
    const struct json *item = list ? list->child : NULL;
    while (item && i-- > 0) item = item->next;
    return item ? (int)item->integer : -1;
}

#endif
