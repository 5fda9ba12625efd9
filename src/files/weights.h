/* weights.h — named tensors from a file and to a file, whatever the format.
 *
 * To add a format: a reader that fills `struct weights`, and its magic bytes in weights.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_WEIGHTS_H
#define SK_FILES_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "files/safetensors.h"

/* Zeros mean the defaults. Only .pth uses them. */
struct weights_options {
    const char *key;      /* entry that holds the tensors; NULL = "state_dict", "model", "model_ema" or the top level */
    bool ignore_checksum; /* accept zip entries whose CRC-32 does not fit (some writers leave it out) */
};

/* Open a file; its format is known by its content, not by its name. options may be NULL. Tensors may point
 * into the mapped file: they live until weights_close and until the arena is freed. */
sk_status weights_open(struct arena *arena, const char *path, const struct weights_options *options,
                       struct weights *weights);
void weights_close(struct weights *weights);

/* The same from memory; `bytes` must outlive the tensors. */
sk_status weights_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                        const struct weights_options *options, struct weights *weights);

/* Write atomically, in the format that the extension names: .safetensors, .pth or .pt. */
sk_status weights_save(const char *path, const struct weights *weights);

/* Writers: names given, unique and valid UTF-8; shapes sound and their bytes countable. */
sk_status weights_check(const struct weights *weights);

#endif
