/* wire_read.h — protocol buffers' wire format, reading half: one field after another, bounds checked.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_WIRE_READ_H
#define SK_FILES_WIRE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/wire.h"

/* Fields of one message; `broken` once it is no message. */
struct wire_reader {
    const uint8_t *at, *end;
    bool broken;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t integer;     /* WIRE_VARINT, WIRE_FIXED32, WIRE_FIXED64: the bits */
    const uint8_t *bytes; /* WIRE_LENGTH */
    size_t size;
};

/* A message's bytes, or a field's. */
struct wire_reader wire_read(const uint8_t *bytes, size_t size);
/* The next field; false at the end, and where reader->broken. */
bool wire_next(struct wire_reader *reader, struct wire_field *field);
/* A bare varint, as packed lists hold; false where it is broken or nothing is left. */
bool wire_read_varint(struct wire_reader *reader, uint64_t *value);

#endif
