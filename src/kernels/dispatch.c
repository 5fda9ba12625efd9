/* dispatch.c — all kernels of a level (libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/level_tables.h"

LEVEL_TABLES(kernels_table);

const struct kernels *kernels_of(enum isa isa) {
    return isa >= 0 && isa < ISA_COUNT ? tables[isa] : NULL;
}
