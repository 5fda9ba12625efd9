/* blocks.h — what the families share: channel rounding, conv + norm + activation, the inverted residual.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_BLOCKS_H
#define SK_MODELS_BLOCKS_H

#include "models/model.h"

/* The nearest multiple of `divisor` (at least `divisor`), never more than 10 % below v;
 * as TF, torchvision, Keras and timm. */
int64_t make_divisible(double v, int64_t divisor);

/* How a family's blocks are to be built. */
struct block_style {
    struct norm norm;
    enum act act;
    enum padding padding;
};
struct block_style block_style(const struct model_args *args, bool training, enum act act);

/* Stochastic depth over a network's residual blocks: start with `blocks` and `rate`, ask once a block, in order. */
struct drop_rates {
    double rate;
    bool reaches_end; /* the last block has the whole rate: i/(N-1) rather than i/N */
    int blocks, done;
};
double next_drop(struct drop_rates *rates);

/* "<name>.0" convolution, "<name>.1" norm, activation: torchvision's Conv2dNormActivation. */
int conv_norm_act(struct graph *graph, int x, const char *name, struct conv conv, const struct block_style *style);

struct inverted_residual_block {
    int kernel, stride;
    int64_t in, hidden, out;
    double drop; /* stochastic depth, row mode, on the residual branch */
};
/* "<name>.conv.…" as torchvision's MobileNetV2: [expand unless hidden = in], depthwise, project + norm, residual. */
int inverted_residual_v2(struct graph *graph, int x, const char *name, const struct inverted_residual_block *block,
                         const struct block_style *style);

#endif
