/* wire.h — protocol buffers' wire format, writing half: tags, varints, fixed numbers, nested messages.
 *
 * What ONNX, TFRecord's examples and TensorBoard's events are made of; no schema compiler, since each of them needs
 * a few dozen fields. Bytes go to a growing text, whose first failed growth is reported by text_check.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_WIRE_H
#define SK_FILES_WIRE_H

#include "base/text.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

/* A bare varint, low groups first; a negative int64 takes ten bytes, as the format says. */
void wire_varint(struct text *out, uint64_t value);
void wire_tag(struct text *out, int field, enum wire_type type);

void wire_integer(struct text *out, int field, int64_t value);
void wire_float(struct text *out, int field, float value);
void wire_double(struct text *out, int field, double value);
void wire_bytes(struct text *out, int field, const void *bytes, size_t size);
void wire_string(struct text *out, int field, const char *string);
/* A nested message, written before into a text of its own. A failed one fails `out`. */
void wire_message(struct text *out, int field, const struct text *message);
/* The head of a length-delimited field whose `size` bytes the caller writes next, wherever they lie. */
void wire_head(struct text *out, int field, uint64_t size);

#endif
