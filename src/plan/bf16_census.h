/* bf16_census.h — what pass_bf16 made of a graph: which tensors with pixels are bf16, and for whose sake others are not.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_BF16_CENSUS_H
#define SK_PLAN_BF16_CENSUS_H

#include "ir/graph.h"

enum { CENSUS_OPS = 16 };
struct bf16_census {
    int64_t bf16, bf16_bytes; /* tensors kept as bf16 */
    int64_t f32, f32_bytes;   /* tensors of more than one pixel an image that stay f32 */
    struct bf16_reason {
        const char *op; /* the first that cannot store or load them as bf16 */
        int64_t tensors, bytes;
    } reason[CENSUS_OPS];
    int reasons;
};

/* Of a lowered training graph. */
struct bf16_census bf16_census(const struct graph *graph);

#endif
