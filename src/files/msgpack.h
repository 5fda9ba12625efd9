/* msgpack.h — Flax's checkpoints: what flax.serialization.to_bytes and msgpack_serialize write.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_MSGPACK_H
#define SK_FILES_MSGPACK_H

#include "files/weights.h"

/* Read every array of the nested maps; a tensor's name is its keys joined by '/': "params/Head/kernel". Arrays are
 * copied to the arena: `bytes` is not kept. What is no array (a step's number, a text) is said in out->note. */
sk_status msgpack_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what, struct weights *out);

/* True where the first byte is that of a map that is not empty. */
bool msgpack_begins(const uint8_t *bytes, size_t size);

#endif
