/* wire_read.c — reading protocol buffers' wire format; groups, which nobody writes any more, are broken messages.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/wire_read.h"

struct wire_reader wire_read(const uint8_t *bytes, size_t size) {
    static const uint8_t none[1];
    if (size == 0) bytes = none;
    return (struct wire_reader){.at = bytes, .end = bytes + size};
}

bool wire_read_varint(struct wire_reader *reader, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        if (shift == 63 && byte > 1) break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    reader->broken = true;
    return false;
}

static bool read_fixed(struct wire_reader *reader, int size, uint64_t *value) {
    *value = 0;
    if (reader->end - reader->at < size) {
        reader->broken = true;
        return false;
    }
    for (int i = 0; i < size; i++) *value |= (uint64_t)reader->at[i] << (8 * i);
    reader->at += size;
    return true;
}

bool wire_next(struct wire_reader *reader, struct wire_field *field) {
    uint64_t tag, size;
    *field = (struct wire_field){0};
    if (reader->broken || reader->at == reader->end || !wire_read_varint(reader, &tag)) return false;
    field->number = (uint32_t)(tag >> 3);
    field->type = (enum wire_type)(tag & 7);
    if (tag > UINT32_MAX || field->number == 0) reader->broken = true;
    if (reader->broken) return false;
    switch (field->type) {
    case WIRE_VARINT: return wire_read_varint(reader, &field->integer);
    case WIRE_FIXED64: return read_fixed(reader, 8, &field->integer);
    case WIRE_FIXED32: return read_fixed(reader, 4, &field->integer);
    case WIRE_LENGTH:
        if (!wire_read_varint(reader, &size)) return false;
        if (size > (uint64_t)(reader->end - reader->at)) break;
        field->bytes = reader->at;
        field->size = (size_t)size;
        reader->at += size;
        return true;
    default: break;
    }
    reader->broken = true;
    return false;
}
