/* tar_walk.c — walks the headers of a tar archive; nothing is unpacked.
 *
 * A header is 512 bytes: name 0, size 124, checksum 148, type 156, magic 257, prefix 345. Before it may stand a pax
 * header (type x: "length key=value\n" records, of which path and size count) or GNU's long name (type L).
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/tar_walk.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { NAME = 0, NAME_SIZE = 100, SIZE = 124, SUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345, PREFIX_SIZE = 155 };
enum { EXTRA_MAX = 1 << 20 };

/* Octal digits, blanks around them; or GNU's base 256, whose first bit is set. */
static bool parse_number(const uint8_t *field, size_t length, uint64_t *value) {
    *value = 0;
    size_t i = 0;
    if (field[0] & 0x80) {
        *value = field[0] & 0x7f;
        for (i = 1; i < length; i++) {
            if (*value >> 55) return false;
            *value = *value << 8 | field[i];
        }
        return true;
    }
    while (i < length && field[i] == ' ') i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) *value = *value << 3 | (uint64_t)(field[i] - '0');
    while (i < length && (field[i] == ' ' || field[i] == 0)) i++;
    return i == length;
}

static uint64_t header_sum(const uint8_t *block) {
    uint64_t sum = 0;
    for (int i = 0; i < TAR_BLOCK; i++) sum += i >= SUM && i < SUM + 8 ? ' ' : block[i];
    return sum;
}

static bool is_empty(const uint8_t *block) {
    for (int i = 0; i < TAR_BLOCK; i++)
        if (block[i]) return false;
    return true;
}

bool tar_is_header(const uint8_t *bytes, size_t size) {
    uint64_t sum;
    return size >= TAR_BLOCK && !is_empty(bytes) && parse_number(bytes + SUM, 8, &sum) && sum == header_sum(bytes);
}

/* What extended headers said of the member behind them. */
struct extra {
    const uint8_t *name; /* NULL: nothing */
    size_t name_length;
    bool has_size;
    uint64_t size;
};

/* One "length key=value\n" after another. */
static sk_status read_pax(const struct tar_walk *tar, const uint8_t *bytes, size_t size, struct extra *extra) {
    for (size_t at = 0; at < size;) {
        size_t length = 0, i = at;
        for (; i < size && bytes[i] >= '0' && bytes[i] <= '9' && length <= EXTRA_MAX; i++)
            length = length * 10 + (size_t)(bytes[i] - '0');
        FAIL_IF(i == size || bytes[i] != ' ' || length > size - at || length < i - at + 3 ||
                    bytes[at + length - 1] != '\n',
                SK_EFORMAT, "%s: a broken pax header at byte %zu", tar->what, tar->at);
        const uint8_t *key = bytes + i + 1, *end = bytes + at + length - 1;
        if (end - key > 5 && memcmp(key, "path=", 5) == 0) {
            extra->name = key + 5;
            extra->name_length = (size_t)(end - key - 5);
        } else if (end - key > 5 && memcmp(key, "size=", 5) == 0) {
            extra->has_size = true;
            extra->size = 0;
            for (const uint8_t *digit = key + 5; digit < end; digit++) {
                FAIL_IF(*digit < '0' || *digit > '9' || extra->size > UINT64_MAX / 20, SK_EFORMAT,
                        "%s: a broken size in a pax header at byte %zu", tar->what, tar->at);
                extra->size = extra->size * 10 + (uint64_t)(*digit - '0');
            }
        }
        at += length;
    }
    return SK_OK;
}

static sk_status take_name(const struct tar_walk *tar, const uint8_t *block, const struct extra *extra,
                           struct tar_file *file) {
    const char *name = (const char *)block + NAME, *prefix = (const char *)block + PREFIX;
    size_t length = strnlen(name, NAME_SIZE), before = 0;
    char *to = file->name;
    if (extra->name) {
        name = (const char *)extra->name;
        length = strnlen(name, extra->name_length);
    } else if (memcmp(block + MAGIC, "ustar", 6) == 0 && prefix[0]) {
        before = strnlen(prefix, PREFIX_SIZE);
        memcpy(to, prefix, before);
        to[before++] = '/';
    }
    FAIL_IF(before + length >= TAR_NAME_MAX || length == 0, SK_EFORMAT,
            "%s: a name of %zu bytes at byte %zu; expected 1 to %d", tar->what, before + length, tar->at,
            TAR_NAME_MAX - 1);
    memcpy(to + before, name, length);
    to[before + length] = 0;
    size_t skip = 0;
    while (to[skip] == '.' && to[skip + 1] == '/') skip += 2;
    if (skip) memmove(to, to + skip, before + length - skip + 1);
    return SK_OK;
}

/* A header at tar->at and what lies behind it: type, size, place. */
static sk_status read_block(struct tar_walk *tar, const uint8_t **block, size_t *data, uint64_t *size) {
    FAIL_IF(tar->size - tar->at < TAR_BLOCK, SK_EFORMAT, "%s: the archive ends within a header, at byte %zu: cut short",
            tar->what, tar->at);
    *block = tar->bytes + tar->at;
    FAIL_IF(!tar_is_header(*block, TAR_BLOCK), SK_EFORMAT, "%s: no tar header at byte %zu: its checksum is wrong",
            tar->what, tar->at);
    FAIL_IF(!parse_number(*block + SIZE, 12, size), SK_EFORMAT, "%s: the header at byte %zu has a broken size",
            tar->what, tar->at);
    *data = tar->at + TAR_BLOCK;
    return SK_OK;
}

static sk_status check_room(const struct tar_walk *tar, const char *name, size_t data, uint64_t size) {
    char shown[256];
    FAIL_IF(size > tar->size - data, SK_EFORMAT,
            "%s: \"%s\" has %llu bytes at byte %zu, beyond the archive's %zu: cut short", tar->what,
            printable(name, strlen(name), shown, sizeof shown), (unsigned long long)size, data, tar->size);
    return SK_OK;
}

static size_t behind(const struct tar_walk *tar, size_t data, uint64_t size) {
    size_t end = data + (size_t)size, padding = (TAR_BLOCK - end % TAR_BLOCK) % TAR_BLOCK;
    return padding > tar->size - end ? tar->size : end + padding;
}

sk_status tar_next(struct tar_walk *tar, struct tar_file *file, bool *end) {
    struct extra extra = {0};
    for (;;) {
        const uint8_t *block = NULL;
        size_t data = 0;
        uint64_t size = 0;
        *end = tar->at == tar->size || (tar->size - tar->at >= TAR_BLOCK && is_empty(tar->bytes + tar->at));
        FAIL_IF(*end && (extra.name || extra.has_size), SK_EFORMAT, "%s: ends behind a pax header", tar->what);
        if (*end) return SK_OK;
        TRY(read_block(tar, &block, &data, &size));
        char type = (char)block[TYPE];
        bool extends = type == 'x' || type == 'L' || type == 'g' || type == 'K';
        if (!extends && extra.has_size) size = extra.size;
        if (extends) TRY(check_room(tar, "(a pax header)", data, size));
        FAIL_IF(extends && size > EXTRA_MAX, SK_EFORMAT, "%s: a pax header of %llu bytes at byte %zu", tar->what,
                (unsigned long long)size, tar->at);
        if (type == 'x') TRY(read_pax(tar, tar->bytes + data, (size_t)size, &extra));
        if (type == 'L') extra.name = tar->bytes + data, extra.name_length = (size_t)size;
        if (extends) {
            tar->at = behind(tar, data, size);
            continue;
        }
        FAIL_IF(type == 'S', SK_EFORMAT, "%s: a sparse file at byte %zu; pack it again without --sparse", tar->what,
                tar->at);
        TRY(take_name(tar, block, &extra, file));
        bool holds = type == '0' || type == 0 || type == '7';
        if (type == '1' || type == '2' || type == '5') size = 0; /* links and folders may state a size, and have none */
        TRY(check_room(tar, file->name, data, size));
        size_t length = strlen(file->name);
        file->offset = data;
        file->size = size;
        file->link = type == '1' || type == '2';
        file->regular = holds && length > 0 && file->name[length - 1] != '/';
        tar->at = behind(tar, data, size);
        return SK_OK;
    }
}

/* ---- writing ---- */

static void put_octal(uint8_t *field, int width, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%0*llo", width - 1, (unsigned long long)value);
    memcpy(field, text, (size_t)width);
}

bool tar_header(uint8_t *block, const char *name, uint64_t size) {
    size_t length = strlen(name);
    memset(block, 0, TAR_BLOCK);
    if (length == 0 || length > NAME_SIZE) return false;
    memcpy(block + NAME, name, length);
    put_octal(block + 100, 8, 0444);
    put_octal(block + 108, 8, 0);
    put_octal(block + 116, 8, 0);
    if (size < (uint64_t)1 << 33) {
        put_octal(block + SIZE, 12, size);
    } else {
        for (int i = 0; i < 8; i++) block[SIZE + 4 + i] = (uint8_t)(size >> (56 - 8 * i));
        block[SIZE] = 0x80;
    }
    put_octal(block + 136, 12, 0);
    block[TYPE] = '0';
    memcpy(block + MAGIC, "ustar", 6);
    memcpy(block + 263, "00", 2);
    put_octal(block + SUM, 7, header_sum(block));
    block[SUM + 7] = ' ';
    return true;
}
