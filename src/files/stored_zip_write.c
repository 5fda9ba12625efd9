/* stored_zip_write.c — writes a zip of stored entries whose payloads lie at multiples of 64 bytes.
 *
 * An extra field in the local header makes up the distance, as torch.save does, so that readers may map
 * the file and use the numbers in place. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>

#include "files/stored_zip.h"

enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, ALIGNMENT = 64, NAME_MAX_BYTES = 1000 };

static uint8_t *put(uint8_t *at, uint64_t value, int count) {
    for (int i = 0; i < count; i++) at[i] = (uint8_t)(value >> (8 * i));
    return at + count;
}

/* What both headers share, from "version needed" to the extra field's length: 26 bytes. */
static uint8_t *put_common(uint8_t *at, uint32_t sum, size_t size, size_t name, size_t extra) {
    at = put(at, 0, 2);      /* version needed, as torch writes it */
    at = put(at, 0x0800, 2); /* names are UTF-8 */
    at = put(at, 0, 2);      /* stored */
    at = put(at, 0, 2);      /* time: fixed, so that equal weights give equal files */
    at = put(at, 0x21, 2);   /* date: 1980-01-01 */
    at = put(at, sum, 4);
    at = put(at, size, 4);
    at = put(at, size, 4);
    at = put(at, name, 2);
    return put(at, extra, 2);
}

static uint32_t checksum(const uint8_t *bytes, size_t size) {
    uLong sum = crc32(0, NULL, 0);
    for (size_t at = 0; at < size;) {
        uInt part = size - at > 1 << 30 ? 1 << 30 : (uInt)(size - at);
        sum = crc32(sum, bytes + at, part);
        at += part;
    }
    return (uint32_t)sum;
}

sk_status stored_zip_add(struct stored_zip_writer *writer, const char *name, const void *bytes, size_t size) {
    size_t length = strlen(name), begin = (size_t)writer->file.total;
    FAIL_IF(length == 0 || length > NAME_MAX_BYTES, SK_EINTERNAL, "a zip entry's name has %zu bytes", length);
    FAIL_IF(writer->file.total > 0xfffff000u - size || size > 0xf0000000u || writer->count >= 0xfffe, SK_EFORMAT,
            "the weights are too large for a .pth of siskin (4 GiB, 65,534 entries); save them as .safetensors");
    size_t unpadded = begin + LOCAL_SIZE + length + 4;
    size_t padding = (ALIGNMENT - unpadded % ALIGNMENT) % ALIGNMENT;
    uint32_t sum = checksum(bytes, size);

    uint8_t *local = arena_alloc(writer->arena, LOCAL_SIZE + length + 4 + padding);
    if (!local) return SK_EMEMORY;
    uint8_t *at = put(local, 0x04034b50, 4);
    at = put_common(at, sum, size, length, 4 + padding);
    memcpy(at, name, length);
    at = put(at + length, 0x4246, 2); /* "FB", torch's own id for padding */
    at = put(at, padding, 2);
    memset(at, 'Z', padding);
    TRY(chunks_add(writer->arena, &writer->file, local, LOCAL_SIZE + length + 4 + padding));
    TRY(chunks_add(writer->arena, &writer->file, bytes, size));

    uint8_t *central = arena_alloc(writer->arena, CENTRAL_SIZE + length);
    if (!central) return SK_EMEMORY;
    at = put(central, 0x02014b50, 4);
    at = put(at, 0, 2); /* made by */
    at = put_common(at, sum, size, length, 0);
    at = put(at, 0, 2 + 2 + 2); /* comment, disk, attributes inside */
    at = put(at, 0, 4);         /* attributes outside */
    at = put(at, begin, 4);
    memcpy(at, name, length);
    writer->count++;
    return chunks_add(writer->arena, &writer->directory, central, CENTRAL_SIZE + length);
}

sk_status stored_zip_finish(struct stored_zip_writer *writer) {
    struct chunks *file = &writer->file, *directory = &writer->directory;
    uint64_t begin = file->total;
    FAIL_IF(begin + directory->total > 0xffffff00u, SK_EFORMAT,
            "the weights are too large for a .pth of siskin (4 GiB); save them as .safetensors");
    for (size_t i = 0; i < directory->count; i++)
        TRY(chunks_add(writer->arena, file, directory->list[i].bytes, directory->list[i].size));
    uint8_t *end = arena_alloc(writer->arena, END_SIZE);
    if (!end) return SK_EMEMORY;
    uint8_t *at = put(end, 0x06054b50, 4);
    at = put(at, 0, 4); /* disks */
    at = put(at, writer->count, 2);
    at = put(at, writer->count, 2);
    at = put(at, directory->total, 4);
    put(at, begin, 4);
    return chunks_add(writer->arena, file, end, END_SIZE);
}
