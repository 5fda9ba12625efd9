/* wire.c — writing protocol buffers' wire format.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/wire.h"

#include <string.h>

void wire_varint(struct text *out, uint64_t value) {
    char bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7) bytes[count++] = (char)(uint8_t)(value | 0x80);
    bytes[count++] = (char)value;
    text_add_n(out, bytes, count);
}

void wire_tag(struct text *out, int field, enum wire_type type) {
    wire_varint(out, (uint64_t)field << 3 | (uint64_t)type);
}

static void fixed(struct text *out, uint64_t bits, size_t size) {
    char bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(uint8_t)(bits >> (8 * i));
    text_add_n(out, bytes, size);
}

void wire_integer(struct text *out, int field, int64_t value) {
    wire_tag(out, field, WIRE_VARINT);
    wire_varint(out, (uint64_t)value);
}

void wire_float(struct text *out, int field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_tag(out, field, WIRE_FIXED32);
    fixed(out, bits, sizeof bits);
}

void wire_double(struct text *out, int field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_tag(out, field, WIRE_FIXED64);
    fixed(out, bits, sizeof bits);
}

void wire_head(struct text *out, int field, uint64_t size) {
    wire_tag(out, field, WIRE_LENGTH);
    wire_varint(out, size);
}

void wire_bytes(struct text *out, int field, const void *bytes, size_t size) {
    wire_head(out, field, size);
    if (size) text_add_n(out, bytes, size);
}

void wire_string(struct text *out, int field, const char *string) {
    wire_bytes(out, field, string, strlen(string));
}

void wire_message(struct text *out, int field, const struct text *message) {
    out->failed = out->failed || message->failed;
    wire_bytes(out, field, message->data, message->length);
}
