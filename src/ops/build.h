/* build.h — what models and passes say: one call a layer, values in and out.
 *
 * No call is checked: the graph remembers the first failure (graph_check). Shapes are NHWC.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_BUILD_H
#define SK_OPS_BUILD_H

#include "ops/gradients.h"
#include "ops/op.h"

/* ---- convolution ---- */

enum padding {
    PADDING_SYMMETRIC, /* torch: (kernel-1)/2*dilation on both sides */
    PADDING_SAME,      /* TF: out = ceil(n/stride), the extra pixel after */
    PADDING_EXPLICIT,  /* pad_h, pad_w on both sides */
    PADDING_WRAP,      /* JAX's CIRCULAR: the opposite side, (reach-1)/2 before and the rest of reach-1 after */
};

/* Zeros mean: kernel 1, stride 1, dilation 1, groups 1, symmetric padding, no bias. */
struct conv {
    int64_t out;
    int kernel_h, kernel_w, stride_h, stride_w, dilation, groups;
    int kernel, stride; /* square forms of the above */
    enum padding padding;
    int pad_h, pad_w;
    bool bias;
    bool linear; /* 1x1 only: its weight is (K,C) in files, as of a linear layer over channels */
};

/* x (N,H,W,C), or (N,C) for 1x1 (then y is (N,out)). y = conv(x), its parameters named "<name>.weight" and "<name>.bias". */
int build_conv(struct graph *graph, int x, struct conv conv, const char *name);
/* (N,1,1,C) or (N,C) -> (N,out): a matrix product with bias; "<name>.weight" (out,C) in files. */
int build_linear(struct graph *graph, int x, int64_t out, const char *name);

/* ---- normalisation ---- */

struct norm {
    double eps, momentum; /* torch's convention for momentum */
    bool unbiased;        /* running variance: torch, TF true; Flax, Keras false */
    bool training;
};
/* Parameters "<name>.weight", ".bias"; state ".running_mean", ".running_var", ".num_batches_tracked". */
int build_batch_norm(struct graph *graph, int x, struct norm norm, const char *name);

/* Over the channels of each pixel, biased variance, eps in the root. x (…,C); "<name>.weight", ".bias". */
int build_layer_norm(struct graph *graph, int x, double eps, const char *name);

/* ---- squeeze-excite, layer scale ---- */

/* y = x * gate: x (N,H,W,C), gate (N,C). */
int build_gate(struct graph *graph, int x, int gate, const char *name);
/* y = x * scale[c]; the parameter is called `name` itself, (C,1,1) in files. */
int build_layer_scale(struct graph *graph, int x, const char *name);

/* ---- the rest ---- */

int build_act(struct graph *graph, int x, enum act act, const char *name);
int build_add(struct graph *graph, int a, int b, const char *name);
int build_gap(struct graph *graph, int x, const char *name);     /* (N,H,W,C) -> (N,C) */
int build_flatten(struct graph *graph, int x, const char *name); /* (N,…) -> (N,rest), NHWC order */
struct pool {
    int kernel, stride, padding;
    bool same; /* TF's SAME instead of padding: max pools */
};
int build_max_pool(struct graph *graph, int x, struct pool pool, const char *name);
/* The mean of each window; padding counts as zeros (torch's default) unless exclude_padding (TF). */
int build_avg_pool(struct graph *graph, int x, struct pool pool, bool exclude_padding, const char *name);
/* Along channels. */
int build_concat(struct graph *graph, const int *x, int count, const char *name);
/* So many rows and columns of the opposite side before and after. */
struct wrap {
    int64_t top, bottom, left, right;
};
int build_wrap_pad(struct graph *graph, int x, struct wrap wrap, const char *name);
/* Zero with probability p, scale by 1/(1-p); rows: one draw per row of the batch (stochastic depth, row mode). */
int build_dropout(struct graph *graph, int x, double p, bool rows, const char *name);
double dropout_rate(const struct node *node, bool *rows); /* of a node that build_dropout made */
/* Mean cross-entropy of logits (N,K) against target distributions (N,K): hard, smoothed or soft.
 * Returns the loss (1). */
int build_softmax_xent(struct graph *graph, int logits, int target, const char *name);
/* The options of a loss of logits (N,K) against targets: softmax cross-entropy, or binary cross-entropy of each class by
 * itself. The lists outlive the graph. */
struct loss_rule {
    bool bce;
    bool sum;                /* bce: over the classes, rather than their mean */
    const double *weights;   /* bce: (K) of the classes; or NULL */
    const double *positive;  /* bce: (K) of the positive terms; or NULL */
};
int build_bce(struct graph *graph, int logits, int target, const struct loss_rule *rule, const char *name);
/* Sum of x times weights of its shape (1): the root of a gradient that asks for one logit. */
int build_dot(struct graph *graph, int x, int weights, const char *name);

/* ---- for gradient rules and passes ---- */

int build_combine(struct graph *graph, struct gradient gradient, int x);
int build_sum(struct graph *graph, int a, int b); /* as an affine node, which needs no lowering */

#endif
