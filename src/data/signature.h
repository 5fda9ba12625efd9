/* signature.h — the format of a picture's file, told by its first bytes; and what to do with those that are not read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_SIGNATURE_H
#define SK_DATA_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "data/decoder.h"

struct signature {
    const char *name; /* "JPEG" */
    size_t at, length;
    const char *bytes;                           /* what the file has at `at` */
    const char *extensions;                      /* ".jpg .jpeg": the first is the usual one */
    sk_status (*decode)(struct decode_job *job); /* NULL: not read */
    /* How it becomes one that is read: a command that takes IN and OUT, what follows IN, and OUT's extension. */
    const char *command, *choose, *result;
};

/* The row that fits, or NULL. */
const struct signature *signature_of(const uint8_t *bytes, size_t size);

/* The first row of that name ("JPEG"), or NULL. */
const struct signature *signature_by_name(const char *name);

/* True where a file of this name is expected to be of this format. */
bool signature_named(const struct signature *signature, const char *path);

/* The row of a format that is not read which files of this name usually have, or NULL. */
const struct signature *signature_unread(const char *path);
/* Its sentence: which format, and the command that converts it. */
sk_status signature_refuse(const struct signature *signature, const char *path);

/* Add the command that converts `path` to a format that is read, ready for a shell. */
void signature_convert(const struct signature *signature, const char *path, struct text *text);

#endif
