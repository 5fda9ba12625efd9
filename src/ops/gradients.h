/* gradients.h — the table that gradient rules fill: for each forward value, how its gradient is known.
 *
 * A gradient is a value, or a view over two stored tensors: a[c]*g + b[c]*x + c[c], x being the forward value
 * itself. That is what batch-norm makes of it: g and a come from the consumer that read act(scale*x+shift), b and
 * c from the norm whose statistics were taken of x. A scale's and a shift's gradients are kept together as the
 * partial sums of g and g*x. Where a gate and the pool that feeds it read one view, the gate leaves its part of that
 * view's gradient, dz*factor, with the scale, and the pool's rule forms g of both. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_GRADIENTS_H
#define SK_OPS_GRADIENTS_H

#include "ops/op.h"

struct gradient {
    int g;          /* plain, or the first tensor of the view; 0: none (yet) */
    int a;          /* (C) or 0: 1 */
    int b, c;       /* (C) each, or 0 */
    int sums;       /* of a scale: (blocks,2,C) sums of g and g*x */
    int dz, factor; /* of a scale: (N,H,W,C) and (N,C), a gate's part; or 0 */
};

struct gradients {
    struct graph *graph;
    struct gradient *of; /* [value], for the values of the forward graph */
    bool *wanted;        /* [value] */
    size_t count;        /* forward values */
};

/* True where the value's gradient is of use: it is a parameter that is trained, or made of such. */
bool gradients_wanted(const struct gradients *gradients, int value);
/* True where something has been recorded for the value. */
bool gradients_known(const struct gradients *gradients, int value);
/* The gradient of a value as one tensor, written out by a `combine` where it is a view; 0 where there is none. */
int gradients_plain(struct gradients *gradients, int value);
/* Add a contribution; two are summed by a node. */
void gradients_add(struct gradients *gradients, int value, int contribution);
/* A contribution g through a view of the value: g*scale[c], kept as a view where it is the first. */
void gradients_view(struct gradients *gradients, int value, int g, int scale);
/* Take away what has been collected for a value, for a node that adds its own part and records the sum. */
int gradients_take(struct gradients *gradients, int value);

#endif
