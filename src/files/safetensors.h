/* safetensors.h — reads and writes .safetensors, the native format of models and checkpoints.
 *
 * A u64 length, a JSON header of that length, then the tensors' bytes, tiled without holes. No code, no
 * compression. The reader (safetensors.c) belongs to libsiskin-run and includes base/ alone; the writer
 * is safetensors_write.c. Format: huggingface/safetensors 0.8. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_SAFETENSORS_H
#define SK_FILES_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "base/tensor.h"

struct weights_pair {
    const char *key, *value;
};

enum weights_format { WEIGHTS_SAFETENSORS, WEIGHTS_PTH, WEIGHTS_PTH_LEGACY, WEIGHTS_MSGPACK, WEIGHTS_KERAS };

/* The named tensors of a file, whatever its format (see files/weights.h for opening by content).
 * To write: fill tensors, count, metadata and metadata_count; the rest is the readers'. */
struct weights {
    struct tensor *tensors; /* in the order of the file */
    size_t count;
    struct weights_pair *metadata;
    size_t metadata_count;
    enum weights_format format;
    const char *key;         /* .pth: the entry that held the tensors ("model"), or "" for the top level */
    const char *note;        /* one sentence on what was left aside, or NULL: to be shown to the user */
    struct file_bytes bytes; /* weights_open: what the tensors' data may point into */
};

/* By name, or NULL. */
const struct tensor *weights_find(const struct weights *weights, const char *name);
const char *weights_metadata(const struct weights *weights, const char *key);

/* Parse a whole file in memory; `what` names it in sentences. The tensors' data point into `bytes` (which
 * must outlive them) except where that would be misaligned for the type: those are copied to the arena. */
sk_status safetensors_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                            struct weights *out);

/* Write tensors by descending element size, else in the order given, with a header padded to 8 bytes. */
sk_status safetensors_save(const char *path, const struct weights *weights); /* atomic */
sk_status safetensors_encode(struct arena *arena, const struct weights *weights, uint8_t **bytes, size_t *size);

/* "F32" for a dtype; and back, DTYPE_COUNT where siskin holds no such type. */
const char *safetensors_dtype_name(enum dtype dtype);
enum dtype safetensors_dtype(const char *name);

#endif
