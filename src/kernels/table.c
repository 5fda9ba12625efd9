/* table.c — the table of all of one level's kernels (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/matmul.h"
#include "kernels/variants.h"

const struct kernels KERNEL_NAME(kernels_table) = {
    .isa = (enum isa)SK_PASTE(LEVEL_ISA, SK_ISA),
    .panel = MM_COLS,
#define LEVEL(name, isa, class)
#define KERNEL(slot, returns, arguments) .slot = KERNEL_NAME(slot),
#define FULL_KERNEL                      KERNEL
#include "kernels/kernels.def"
};
