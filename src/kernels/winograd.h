/* winograd.h — 3x3 convolutions of stride 1 by fewer products, after Winograd (Lavin and Gray, arXiv:1509.09308).
 *
 * m x m outputs are made of (m + 2)² inputs: both inputs and weights go to a space of (m + 2)² points, where a convolution
 * is a product at each point, summed over channels: (m + 2)² products instead of 9 m². The sums round otherwise than the
 * plain ones; who wants them says so in the job.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_WINOGRAD_H
#define SK_KERNELS_WINOGRAD_H

#include "kernels/variants.h"

size_t KERNEL_NAME(winograd_plan)(struct conv_forward *job, int threads);
void KERNEL_NAME(winograd_run)(const struct conv_forward *job, int64_t tile, void *scratch);

#endif
