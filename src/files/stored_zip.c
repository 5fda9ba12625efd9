/* stored_zip.c — reads a zip of stored entries: the central directory rules, local headers must agree.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/stored_zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/text.h"

enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, COMMENT_MAX = 65535 };

static uint64_t little(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static bool signature(const uint8_t *bytes, char third, char fourth) {
    return bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == (uint8_t)third && bytes[3] == (uint8_t)fourth;
}

struct directory {
    uint64_t count, size, at;
};

/* The zip64 end record, which the locator just before the plain one points at. */
static sk_status find_end64(const uint8_t *bytes, size_t end, struct directory *directory) {
    FAIL_IF(end < LOCATOR_SIZE + END64_SIZE || !signature(bytes + end - LOCATOR_SIZE, 6, 7), SK_EFORMAT,
            "its zip64 locator is missing; the file is damaged");
    uint64_t at = little(bytes + end - LOCATOR_SIZE + 8, 8);
    FAIL_IF(at > end - LOCATOR_SIZE - END64_SIZE || !signature(bytes + at, 6, 6), SK_EFORMAT,
            "its zip64 end record is not where the locator says; the file is damaged");
    const uint8_t *record = bytes + at;
    *directory = (struct directory){little(record + 32, 8), little(record + 40, 8), little(record + 48, 8)};
    return SK_OK;
}

static sk_status find_directory(const uint8_t *bytes, size_t size, struct directory *directory) {
    FAIL_IF(size < END_SIZE, SK_EFORMAT, "its %zu bytes are too few for a zip file", size);
    size_t end = size - END_SIZE, lowest = end > COMMENT_MAX ? end - COMMENT_MAX : 0;
    while (!(signature(bytes + end, 5, 6) && little(bytes + end + 20, 2) == size - end - END_SIZE)) {
        FAIL_IF(end == lowest, SK_EFORMAT, "it has no zip end record; the file is cut short or is no .pth");
        end--;
    }
    const uint8_t *record = bytes + end;
    FAIL_IF(little(record + 4, 2) != 0 || little(record + 6, 2) != 0, SK_EFORMAT,
            "it is one part of a zip in several parts");
    FAIL_IF(little(record + 8, 2) != little(record + 10, 2), SK_EFORMAT,
            "its zip end record counts the entries in two ways; the file is damaged");
    *directory = (struct directory){little(record + 10, 2), little(record + 12, 4), little(record + 16, 4)};
    if (directory->count == 0xffff || directory->size == 0xffffffff || directory->at == 0xffffffff)
        TRY(find_end64(bytes, end, directory));
    FAIL_IF(directory->at > end || directory->size > end - directory->at, SK_EFORMAT,
            "its zip directory lies outside the file; the file is cut short or damaged");
    FAIL_IF(directory->count > directory->size / CENTRAL_SIZE, SK_EFORMAT,
            "its zip directory is too short for %llu entries", (unsigned long long)directory->count);
    return SK_OK;
}

struct central {
    uint64_t packed, unpacked, local; /* sizes, and where the local header is */
};

/* Take one 8-byte field of the zip64 extra for a 32-bit field that says "see there". */
static sk_status widen(uint64_t *value, const uint8_t **field, size_t *left) {
    if (*value != 0xffffffff) return SK_OK;
    FAIL_IF(*left < 8, SK_EFORMAT, "its zip64 sizes are missing");
    *value = little(*field, 8);
    *field += 8;
    *left -= 8;
    return SK_OK;
}

static sk_status read_extra(const uint8_t *extra, size_t length, struct central *central) {
    bool wide = false;
    for (size_t at = 0; length - at >= 4;) {
        size_t id = (size_t)little(extra + at, 2), left = (size_t)little(extra + at + 2, 2);
        at += 4;
        FAIL_IF(left > length - at, SK_EFORMAT, "its zip extra field is cut short");
        const uint8_t *field = extra + at;
        at += left;
        if (id != 1 || wide) continue;
        wide = true;
        TRY(widen(&central->unpacked, &field, &left));
        TRY(widen(&central->packed, &field, &left));
        TRY(widen(&central->local, &field, &left));
    }
    return SK_OK;
}

/* The payload of one entry whose central record and name are known; everything before `limit` may be its. */
static sk_status locate(const uint8_t *bytes, uint64_t limit, const struct central *central,
                        struct stored_entry *entry) {
    FAIL_IF(central->packed != central->unpacked, SK_EFORMAT, "its two sizes differ although it is not compressed");
    FAIL_IF(central->local > limit || limit - central->local < LOCAL_SIZE, SK_EFORMAT, "it lies outside the file");
    const uint8_t *local = bytes + central->local;
    FAIL_IF(!signature(local, 3, 4), SK_EFORMAT, "its local header is not where the zip directory says");
    size_t name = (size_t)little(local + 26, 2), extra = (size_t)little(local + 28, 2);
    uint64_t left = limit - central->local - LOCAL_SIZE;
    FAIL_IF(name + extra > left || central->unpacked > left - name - extra, SK_EFORMAT,
            "it reaches beyond the zip directory; the file is cut short or damaged");
    FAIL_IF(name != strlen(entry->name) || memcmp(local + LOCAL_SIZE, entry->name, name) != 0, SK_EFORMAT,
            "its local header gives it another name");
    FAIL_IF(little(local + 8, 2) != 0, SK_EFORMAT, "its local header says that it is compressed");
    entry->begin = (size_t)central->local;
    entry->data = local + LOCAL_SIZE + name + extra;
    entry->size = (size_t)central->unpacked;
    return SK_OK;
}

static sk_status check_sum(const struct stored_entry *entry, uint32_t expected) {
    uLong sum = crc32(0, NULL, 0);
    for (size_t at = 0; at < entry->size;) {
        uInt part = entry->size - at > 1 << 30 ? 1 << 30 : (uInt)(entry->size - at);
        sum = crc32(sum, entry->data + at, part);
        at += part;
    }
    FAIL_IF((uint32_t)sum != expected, SK_EFORMAT,
            "its CRC-32 is %08x where the file says %08x; the file is damaged, or was edited", (unsigned)sum, expected);
    return SK_OK;
}

static sk_status read_central(const uint8_t *bytes, const uint8_t *record, uint64_t limit, bool ignore_checksum,
                              struct stored_entry *entry) {
    size_t name = (size_t)little(record + 28, 2), extra = (size_t)little(record + 30, 2);
    struct central central = {little(record + 20, 4), little(record + 24, 4), little(record + 42, 4)};
    TRY(read_extra(record + CENTRAL_SIZE + name, extra, &central));
    FAIL_IF(little(record + 8, 2) & 1, SK_EFORMAT, "it is encrypted");
    FAIL_IF(little(record + 10, 2) != 0, SK_EFORMAT,
            "it is compressed (method %u), but weight files store their entries as they are",
            (unsigned)little(record + 10, 2));
    TRY(locate(bytes, limit, &central, entry));
    return ignore_checksum ? SK_OK : check_sum(entry, (uint32_t)little(record + 16, 4));
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct stored_entry *)left)->name, ((const struct stored_entry *)right)->name);
}

static int by_begin(const void *left, const void *right) {
    const struct stored_entry *a = left, *b = right;
    return (a->begin > b->begin) - (a->begin < b->begin);
}

/* No two entries may share a byte or a name. Leaves the entries sorted by name. */
static sk_status check_apart(const uint8_t *bytes, struct stored_zip *zip) {
    char shown[80];
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_begin);
    for (size_t i = 1; i < zip->count; i++) {
        const struct stored_entry *before = &zip->entries[i - 1];
        FAIL_IF((size_t)(before->data - bytes) + before->size > zip->entries[i].begin, SK_EFORMAT,
                "zip entry '%s' overlaps another", printable(before->name, strlen(before->name), shown, sizeof shown));
    }
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_name);
    for (size_t i = 1; i < zip->count; i++) {
        const char *name = zip->entries[i].name;
        FAIL_IF(strcmp(zip->entries[i - 1].name, name) == 0, SK_EFORMAT, "zip entry '%s' stands in the file twice",
                printable(name, strlen(name), shown, sizeof shown));
    }
    return SK_OK;
}

sk_status stored_zip_parse(struct arena *arena, const uint8_t *bytes, size_t size, bool ignore_checksum,
                           struct stored_zip *zip) {
    struct directory directory = {0};
    TRY(find_directory(bytes, size, &directory));
    *zip = (struct stored_zip){.first = ""};
    zip->entries = arena_array(arena, (size_t)directory.count, sizeof *zip->entries);
    if (!zip->entries) return SK_EMEMORY;
    const uint8_t *at = bytes + directory.at, *end = at + directory.size;
    for (uint64_t i = 0; i < directory.count; i++) {
        FAIL_IF(end - at < CENTRAL_SIZE || !signature(at, 1, 2), SK_EFORMAT,
                "record %llu of its zip directory is damaged", (unsigned long long)i);
        size_t name = (size_t)little(at + 28, 2), rest = (size_t)little(at + 30, 2) + (size_t)little(at + 32, 2);
        FAIL_IF((size_t)(end - at) - CENTRAL_SIZE < name + rest, SK_EFORMAT,
                "record %llu of its zip directory is cut short", (unsigned long long)i);
        const char *text = (const char *)at + CENTRAL_SIZE;
        FAIL_IF(name == 0 || memchr(text, 0, name) || !utf8_valid(text, name), SK_EFORMAT,
                "the name of zip entry %llu is not a name", (unsigned long long)i);
        struct stored_entry *entry = &zip->entries[zip->count++];
        entry->name = arena_strndup(arena, text, name);
        if (!entry->name) return SK_EMEMORY;
        if (i == 0) zip->first = entry->name;
        sk_status status = read_central(bytes, at, directory.at, ignore_checksum, entry);
        char shown[80];
        if (status != SK_OK) return status_prefix(status, "zip entry '%s'", printable(text, name, shown, sizeof shown));
        at += CENTRAL_SIZE + name + rest;
    }
    FAIL_IF(at != end, SK_EFORMAT, "its zip directory has bytes of no entry");
    return check_apart(bytes, zip);
}

const struct stored_entry *stored_zip_find(const struct stored_zip *zip, const char *name) {
    if (zip->count == 0) return NULL;
    struct stored_entry wanted = {.name = name};
    return bsearch(&wanted, zip->entries, zip->count, sizeof *zip->entries, by_name);
}
