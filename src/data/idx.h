/* idx.h — the IDX container of MNIST: a big-endian header, then bytes; plain or gzipped.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_IDX_H
#define SK_DATA_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { IDX_RANK_MAX = 3 };

struct idx {
    int rank;
    uint32_t dim[IDX_RANK_MAX];
    const uint8_t *data;  /* unsigned bytes, row-major; inside the bytes given, or inside `memory` */
    struct region memory; /* of a gzipped file; region_free it */
};

/* Parse a whole file's bytes; `what` names it in sentences. */
sk_status idx_parse(const uint8_t *bytes, size_t size, const char *what, struct idx *idx);

#endif
