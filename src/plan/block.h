/* block.h — expand and depthwise: the first half of an inverted residual, which two passes look for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_BLOCK_H
#define SK_PLAN_BLOCK_H

#include "ops/attrs.h"
#include "plan/rewrite.h"

/* A convolution that a block can take: bias, no view, no residual; NULL otherwise. */
const struct node *block_conv(const struct rewrite *rewrite, int value);

/* What a block reads, as values of the old graph and inputs of the new one. */
struct block_half {
    struct inverted_residual_attr attr;
    int x, in[IR_INPUTS];
};
/* Whether a block can begin with `depthwise`, which block_conv gave, and with the convolution before it where that is
 * its alone. */
bool block_half(const struct rewrite *rewrite, const struct node *depthwise, struct block_half *half);

#endif
