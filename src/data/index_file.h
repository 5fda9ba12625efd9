/* index_file.h — the numbers that writer and reader of an index share.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_INDEX_FILE_H
#define SK_DATA_INDEX_FILE_H

#include "data/index.h"

#define INDEX_MAGIC "SISKINIX"
enum { INDEX_VERSION = 1, INDEX_ORDER = 0x01020304, INDEX_HEAD = 64 };
enum { INDEX_TEXT, INDEX_CLASSES, INDEX_STAMPS, INDEX_PART, INDEX_SECTIONS = INDEX_PART + DATA_PARTS * INDEX_ARRAYS };

/* Write the checksum of a whole index's bytes. */
void index_seal(uint8_t *bytes, size_t size);

#endif
