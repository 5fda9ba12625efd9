/* table_run.c — the table of one level's kernels that inference needs (per-ISA: compiled once per level).
 *
 * It names no other kernel, so that a program that runs models is linked without them. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/matmul.h"
#include "kernels/variants.h"

const struct kernels KERNEL_NAME(kernels_run_table) = {
    .isa = (enum isa)SK_PASTE(LEVEL_ISA, SK_ISA),
    .panel = MM_COLS,
#define LEVEL(name, isa, class)
#define KERNEL(slot, returns, arguments) .slot = KERNEL_NAME(slot),
#define FULL_KERNEL(slot, returns, arguments)
#include "kernels/kernels.def"
};
