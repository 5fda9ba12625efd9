/* blocks.h — what the families share: channel rounding, conv + norm + activation, the inverted residuals.
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
    bool wrap; /* depthwise convolutions with a stride: PADDING_WRAP */
};
struct block_style block_style(const struct model_args *args, bool training, enum act act);

/* Stochastic depth over a network's residual blocks: begin with `stages`, count `blocks`, ask once a block, in order. */
struct drop_rates {
    double rate;
    bool reaches_end; /* the last block has the whole rate: i/(N-1) rather than i/N */
    bool by_stage;    /* all blocks of stage i of S have (i+2)/(S+1) of it: TF Model Garden's and jax_examples' ResNet */
    int stages, blocks, done;
};
struct drop_rates drop_rates(const struct model_args *args, int stages);
double next_drop(struct drop_rates *rates, int stage);

/* "<name>.0" convolution, "<name>.1" norm, activation: torchvision's Conv2dNormActivation. */
int conv_norm_act(struct graph *graph, int x, const char *name, struct conv conv, const struct block_style *style);

/* x * gate(fc2(act(fc1(mean of x)))): "<name>.fc1", "<name>.fc2", both with bias; `squeeze` channels between. */
struct squeeze_excite {
    int64_t squeeze;
    enum act act, gate;
};
int squeeze_excite(struct graph *graph, int x, const char *name, const struct squeeze_excite *se);

/* [expand unless hidden = in], depthwise, [squeeze-excite], project + norm, [residual]: "<name>.block.j", j counting the
 * parts there are, as torchvision's MobileNetV3 and EfficientNet. A dilation above 1 takes the stride's place. */
struct mbconv {
    int kernel, stride, dilation;
    int64_t in, hidden, out;
    enum act act;
    struct squeeze_excite se; /* squeeze 0: none */
    double drop;              /* stochastic depth, row mode, on the residual branch */
};
int mbconv(struct graph *graph, int x, const char *name, const struct mbconv *block, const struct block_style *style);

/* What ends a classifier: the hidden layers that the arguments ask for, called "<module>.hidden0" … beside the last one,
 * each with its activation and dropout, and the last linear layer, called `name`. */
int last_layers(struct graph *graph, const struct model_args *args, int x, bool training, const char *name);

/* input + x, with stochastic depth on x while training. */
int residual_add(struct graph *graph, int input, int x, double drop, bool training, const char *name);

struct inverted_residual_block {
    int kernel, stride;
    int64_t in, hidden, out;
    double drop; /* stochastic depth, row mode, on the residual branch */
};
/* "<name>.conv.…" as torchvision's MobileNetV2: [expand unless hidden = in], depthwise, project + norm, residual. */
int inverted_residual_v2(struct graph *graph, int x, const char *name, const struct inverted_residual_block *block,
                         const struct block_style *style);

#endif
