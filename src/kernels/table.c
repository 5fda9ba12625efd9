/* table.c — the table of one level's kernels (per-ISA: compiled once per level).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/matmul.h"
#include "kernels/variants.h"

/* simd.h names the level as a token; these are its isa. */
#define LEVEL(name, isa, class) LEVEL_ISA_##name = isa,
#define KERNEL(slot, returns, arguments)
enum {
#include "kernels/kernels.def"
};

const struct kernels KERNEL_NAME(kernels_table) = {
    .isa = (enum isa)SK_PASTE(LEVEL_ISA, SK_ISA),
    .panel = MM_COLS,
#define LEVEL(name, isa, class)
#define KERNEL(slot, returns, arguments) .slot = KERNEL_NAME(slot),
#include "kernels/kernels.def"
};
