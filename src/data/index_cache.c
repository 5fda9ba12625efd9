/* index_cache.c — keeping the index of a large source, and knowing when it is out of date.
 *
 * A folder's time of change moves whenever a name in it comes or goes; a shard's with its content. A source that changed
 * in the last seconds is not kept: the clock of a file system is too coarse to see a second change.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/sha256.h"
#include "data/folder.h"
#include "data/index_file.h"

enum { PRINT_BYTES = 4096, NAME_DIGITS = 24 };
static const int64_t settled_ns = 2000000000;

/* The folder of the cache, as a new text in the arena; NULL without a sentence: there is none. */
static char *cache_folder(struct arena *arena, const char *setting) {
    const char *own = getenv("SISKIN_CACHE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (strcmp(setting, "off") == 0) return NULL;
    if (strcmp(setting, "auto") != 0) return arena_strdup(arena, setting);
    if (own && own[0]) return arena_strdup(arena, own);
    if (cache && cache[0] == '/') return path_join(arena, cache, "siskin");
    return home && home[0] == '/' ? path_join(arena, home, ".cache/siskin") : NULL;
}

sk_status index_place(struct arena *arena, const char *setting, const char *format, const char *path,
                      struct index_place *place) {
    char digest[SHA256_TEXT];
    struct sha256 hash;
    *place = (struct index_place){0};
    if (!setting || !setting[0]) setting = "auto";
    char *folder = cache_folder(arena, setting);
    place->key = format; /* of an index that stays in memory */
    if (!folder) return SK_OK;
    char *real = file_exists(path) ? path_real(arena, path) : arena_strdup(arena, path);
    place->key = real ? arena_printf(arena, "%s:%s", format, real) : NULL;
    if (!place->key) return SK_EMEMORY;
    sha256_begin(&hash);
    sha256_add(&hash, place->key, strlen(place->key));
    sha256_end(&hash, digest);
    place->always = strcmp(setting, "auto") != 0;
    place->file = arena_printf(arena, "%s/%s-%.*s.index", folder, format, NAME_DIGITS, digest);
    return place->file ? SK_OK : SK_EMEMORY;
}

sk_status index_print(const char *path, uint64_t size, uint32_t *print) {
    uint8_t *block = NULL;
    size_t capacity = 0, piece = size < PRINT_BYTES ? (size_t)size : PRINT_BYTES;
    sk_status status = file_read_at(path, 0, piece, 0, &block, &capacity);
    uint32_t crc = status == SK_OK ? crc32c(0, block, piece) : 0;
    if (status == SK_OK) status = file_read_at(path, size - piece, piece, 0, &block, &capacity);
    if (status == SK_OK) crc = crc32c(crc, block, piece);
    block_free(block);
    *print = crc ? crc : 1;
    return status;
}

static bool is_same(const struct index_stamp *was, const char *path) {
    struct file_stamp now;
    uint32_t print;
    if (file_stamp(path, &now) != SK_OK || now.size != was->size) return false;
    if (was->changed_ns != INT64_MIN) return now.changed_ns == was->changed_ns;
    return index_print(path, now.size, &print) == SK_OK && print == was->print;
}

bool index_is_fresh(const struct index *index, const char *root) {
    for (uint32_t i = 0; i < index->stamp_count; i++) {
        char path[FOLDER_PATH_MAX];
        const char *name = index->text + index->stamp[i].path;
        int length = root[0] ? snprintf(path, sizeof path, "%s%s%s", root, name[0] ? "/" : "", name)
                             : snprintf(path, sizeof path, "%s", name);
        if (length < 0 || (size_t)length >= sizeof path || !is_same(&index->stamp[i], path)) return false;
    }
    return true;
}

sk_status index_load(const struct index_place *place, const char *root, struct index *index, bool *found) {
    struct file_bytes bytes;
    *found = false;
    *index = (struct index){0};
    if (!place->file || !file_exists(place->file)) return SK_OK;
    sk_status status = file_map(place->file, &bytes);
    if (status == SK_OK) {
        status = index_parse(bytes.data, bytes.size, place->file, index);
        index->bytes = bytes;
        *found = status == SK_OK && (!place->key || strcmp(index->key, place->key) == 0) && index_is_fresh(index, root);
        if (!*found) index_free(index);
    }
    if (status == SK_EMEMORY) return status;
    status_clear(); /* whatever is wrong with it: the source is read anew */
    return SK_OK;
}

void index_keep(const struct index_place *place, const struct index *index) {
    struct timespec now;
    uint64_t pictures = 0;
    for (int part = 0; part < DATA_PARTS; part++) pictures += index->part[part].count;
    if (!place->file || (!place->always && pictures < INDEX_WORTH_KEEPING)) return;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t settled = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - settled_ns;
    for (uint32_t i = 0; i < index->stamp_count; i++)
        if (index->stamp[i].changed_ns > settled) return;
    char folder[FOLDER_PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(path_base(place->file) - place->file), place->file);
    sk_status status = folder_make(folder);
    if (status == SK_OK) status = file_replace(place->file, index->bytes.data, index->bytes.size);
    if (status != SK_OK) status_clear(); /* a full or read-only disk: the next opening reads the source again */
}

sk_status index_carry(const struct index *index, const char *root, const char *file) {
    struct arena arena = {0};
    sk_status status = SK_OK;
    uint8_t *copy = arena_alloc(&arena, index->bytes.size);
    if (!copy) return SK_EMEMORY;
    memcpy(copy, index->bytes.data, index->bytes.size);
    struct index_stamp *stamp =
        (struct index_stamp *)(void *)(copy + ((const uint8_t *)index->stamp - index->bytes.data));
    for (uint32_t i = 0; i < index->stamp_count && status == SK_OK; i++) {
        char *path = path_join(&arena, root, index->text + stamp[i].path);
        status = path ? index_print(path, stamp[i].size, &stamp[i].print) : SK_EMEMORY;
        stamp[i].changed_ns = INT64_MIN;
    }
    index_seal(copy, index->bytes.size);
    if (status == SK_OK) status = file_replace(file, copy, index->bytes.size);
    arena_free(&arena);
    return status;
}
