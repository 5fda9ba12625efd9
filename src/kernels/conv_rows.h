/* conv_rows.h — any rows of a dense convolution's output, for kernels that have one inside (per-ISA).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_CONV_ROWS_H
#define SK_KERNELS_CONV_ROWS_H

#include "kernels/kernels.h"
#include "kernels/variants.h"

/* Bytes of `tile`. */
size_t KERNEL_NAME(conv_rows_scratch)(const struct conv_shape *s);
/* Output pixels row … row + rows of one group, no statistics and not planned: y + row*K … is written. */
void KERNEL_NAME(conv_rows)(const struct conv_forward *job, int64_t row, int64_t rows, float *tile);

#endif
