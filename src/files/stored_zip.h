/* stored_zip.h — the zip container of .pth files: stored entries only, read in place and strictly.
 *
 * Ours and not libzip, because a .pth has nothing to inflate and what must be refused (overlapping
 * entries, a local header that disagrees, payloads outside the file) libzip does not tell; because the
 * payloads can then be used where they lie; and because writing needs entries aligned to 64 bytes.
 * PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (zip64). SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_STORED_ZIP_H
#define SK_FILES_STORED_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "files/chunks.h"

struct stored_entry {
    const char *name; /* terminated; holds no NUL */
    const uint8_t *data;
    size_t size;
    size_t begin; /* of its local header */
};

struct stored_zip {
    struct stored_entry *entries; /* by name */
    size_t count;
    const char *first; /* name of the first entry in the directory */
};

/* Sentences come without the file's name. */
sk_status stored_zip_parse(struct arena *arena, const uint8_t *bytes, size_t size, bool ignore_checksum,
                           struct stored_zip *zip);
const struct stored_entry *stored_zip_find(const struct stored_zip *zip, const char *name);

/* Append entries to `file`, each payload at a multiple of 64 bytes, then finish with the directory. */
struct stored_zip_writer {
    struct arena *arena;
    struct chunks file, directory;
    size_t count;
};
sk_status stored_zip_add(struct stored_zip_writer *writer, const char *name, const void *bytes, size_t size);
sk_status stored_zip_finish(struct stored_zip_writer *writer);

#endif
