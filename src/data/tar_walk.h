/* tar_walk.h — the files in a tar archive: ustar, pax (POSIX.1-2001) and GNU's long names and large sizes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_TAR_WALK_H
#define SK_DATA_TAR_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 4096 };

/* Zero-initialise, then bytes, size and what (for sentences). */
struct tar_walk {
    const uint8_t *bytes;
    size_t size, at;
    const char *what;
};

struct tar_file {
    char name[TAR_NAME_MAX]; /* as the archive says it, without a leading "./" */
    size_t offset;           /* of its bytes */
    uint64_t size;
    bool regular; /* otherwise a folder, a link or a device */
    bool link;
};

/* The next member; *end at the archive's end. All of its bytes lie in the archive. */
sk_status tar_next(struct tar_walk *tar, struct tar_file *file, bool *end);

/* True where a file's first block is a tar header, for ones that may be something else. */
bool tar_is_header(const uint8_t *bytes, size_t size);

/* One ustar header (with GNU's size where it is larger than 8 GiB) into block[TAR_BLOCK]; false: the name is too long. */
bool tar_header(uint8_t *block, const char *name, uint64_t size);

#endif
