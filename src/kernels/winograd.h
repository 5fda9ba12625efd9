/* winograd.h — 3x3 convolutions of stride 1 by fewer products, after Winograd (Lavin and Gray, arXiv:1509.09308).
 *
 * m x m outputs are made of (m + 2)² inputs: both inputs and weights go to a space of (m + 2)² points, where a convolution
 * is a product at each point, summed over channels: (m + 2)² products instead of 9 m². Weights are transformed once, when
 * they are packed. The sums round otherwise than the plain ones; who wants them says so in the job.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_WINOGRAD_H
#define SK_KERNELS_WINOGRAD_H

#include "kernels/variants.h"

/* Points of the space where tiles have m x m outputs. */
static inline int64_t winograd_points(int m) {
    return (int64_t)(m + 2) * (m + 2);
}
/* m of a direction, or 0. */
static inline int winograd_side(enum pack_direction direction) {
    return direction == PACK_WINOGRAD_2 ? 2 : direction == PACK_WINOGRAD_4 ? 4 : 0;
}

/* Panels [panel][point][c][MM_COLS]. A tile of the job is a panel. */
void KERNEL_NAME(winograd_pack)(const struct pack_job *job, int64_t panel);
size_t KERNEL_NAME(winograd_plan)(struct conv_forward *job, int threads);
void KERNEL_NAME(winograd_run)(const struct conv_forward *job, int64_t tile, void *scratch);

#endif
