/* variants.h — the prototypes of one level's kernels, for the per-ISA files that define and list them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_VARIANTS_H
#define SK_KERNELS_VARIANTS_H

#include "kernels/kernels.h"
#include "kernels/simd.h"

#define LEVEL(name, isa, class)
#define KERNEL(slot, returns, arguments) returns KERNEL_NAME(slot) arguments;
#define FULL_KERNEL                      KERNEL
#include "kernels/kernels.def"

/* simd.h names the level as a token; these are its isa. */
#define LEVEL(name, isa, class) LEVEL_ISA_##name = isa,
#define KERNEL(slot, returns, arguments)
#define FULL_KERNEL(slot, returns, arguments)
enum {
#include "kernels/kernels.def"
};

/* The level's tables. */
extern const struct kernels KERNEL_NAME(kernels_table), KERNEL_NAME(kernels_run_table);

#endif
