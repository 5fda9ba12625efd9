/* attrs.h — the attribute structs and slots of the ops that passes look into.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_ATTRS_H
#define SK_OPS_ATTRS_H

#include "kernels/kernels.h"
#include "ops/build.h"

/* conv: y = out_act(conv(view(x), w) + bias) + add, or the addition before the activation; view = in_act(scale*x + shift) * gate[n,c], the gate in inference and
 * where it is not depthwise. */
enum { CONV_X, CONV_W, CONV_BIAS, CONV_SCALE, CONV_SHIFT, CONV_ADD, CONV_GATE, CONV_INPUTS };
enum { CONV_Y, CONV_STATS, CONV_OUTPUTS };
struct conv_attr {
    struct conv_shape shape;
    enum act in_act, out_act;
    int winograd;    /* 0, or the side of Winograd's tiles; in inference alone */
    bool add_first;  /* y = out_act(conv + bias + add): a clamp, in inference alone */
    bool packed;     /* w is in panels (made by `panels`) */
    bool want_stats; /* the second output: partial sums of y and y*y */
};
/* groups = input channels = output channels: has its own kernels, and partial sums per strip. */
bool conv_is_depthwise(const struct conv_shape *shape);
/* 1x1, stride 1, one group, no padding: rows of a matrix. */
bool conv_is_pointwise(const struct conv_shape *shape);
/* (blocks,2,channels) for partial sums over a convolution's output (output = true) or input rows. */
struct shape conv_sums_shape(const struct conv_shape *shape, bool output);
/* The block that row `row` of partial sums over (n,h,w) belongs to. */
int64_t sums_block(bool strips, int64_t row, int64_t h, int64_t w);

/* conv_grad: dy = a*g + b*y + c; du = conv^T(dy) + add; dx = du * in_act'(scale*x+shift); sums of dx, dx*x;
 * dw; dbias. */
enum { CG_G, CG_Y, CG_A, CG_B, CG_C, CG_X, CG_SCALE, CG_SHIFT, CG_W, CG_ADD, CG_INPUTS };
enum { CG_DX, CG_SUMS, CG_DW, CG_DBIAS, CG_OUTPUTS };
struct conv_grad_attr {
    struct conv_shape shape;
    enum act in_act;
    bool packed;
    bool want_dx, want_sums, want_dw, want_dbias;
};

/* panels: w -> panels for the machine's kernels; only in lowered graphs. With a norm's weight and running variance (or a
 * layer scale's weight alone) filters are multiplied on the way, as fold_norm does. */
enum { PN_W, PN_WEIGHT, PN_VARIANCE, PN_INPUTS };
struct pack_attr {
    double eps; /* of the norm */
    struct conv_shape shape;
    enum pack_direction direction;
    int64_t elements; /* of the panels, from the kernels in force */
};

/* batch_norm: x, weight, bias, running mean, running variance -> y, batch mean, biased batch variance (training). */
enum { BN_X, BN_WEIGHT, BN_BIAS, BN_MEAN, BN_VARIANCE, BN_INPUTS };
enum { BN_Y, BN_BATCH_MEAN, BN_BATCH_VARIANCE };
struct batch_norm_attr {
    double eps;
    bool training;
};
/* batch_norm_grad: x, dy, weight, batch mean, batch variance -> dx, dweight, dbias. */
enum { BNG_X, BNG_DY, BNG_WEIGHT, BNG_MEAN, BNG_VARIANCE, BNG_INPUTS };

/* norm_coef: scale and shift of a norm, from partial sums (training) or running statistics (evaluation). */
enum { NC_STATS, NC_WEIGHT, NC_BIAS, NC_MEAN, NC_VARIANCE, NC_INPUTS };
enum { NC_SCALE, NC_SHIFT, NC_BATCH_MEAN, NC_BATCH_VARIANCE };
struct norm_coef_attr {
    double eps;
    int64_t count; /* numbers behind each channel's statistics; 0: evaluation */
};
/* norm_coef_grad: sums of g and g*x -> dweight, dbias, and the b, c of the gradient view of x. */
enum { NCG_SUMS, NCG_MEAN, NCG_VARIANCE, NCG_WEIGHT, NCG_INPUTS };
enum { NCG_DWEIGHT, NCG_DBIAS, NCG_B, NCG_C };

/* fold_norm: conv weight (R,S,C,K), bias or 0, norm weight, bias, running mean, variance -> folded weight and bias.
 * Of a layer scale: its weight alone, the others 0. Where `panels` multiplies the weights, the bias alone is made. */
enum { FN_W, FN_CONV_BIAS, FN_WEIGHT, FN_BIAS, FN_MEAN, FN_VARIANCE, FN_INPUTS };
enum { FN_FOLDED_W, FN_FOLDED_BIAS };
struct fold_norm_attr {
    double eps;
};

/* affine: z = act(scale*x + shift) + add; add_first, of clamps alone: act(scale*x + shift + add). */
enum { AF_X, AF_SCALE, AF_SHIFT, AF_ADD, AF_INPUTS };
struct affine_attr {
    enum act act;
    bool add_first;
};
/* affine_grad: g = dz * act'(scale*x+shift), sums of g and g*x. With `made`, what a clamp gave, the slope is known of that. */
enum { AG_DZ, AG_X, AG_SCALE, AG_SHIFT, AG_MADE, AG_INPUTS };
enum { AG_G, AG_SUMS };
struct affine_grad_attr {
    enum act act;
    bool want_g, want_sums;
};

/* gap: mean over pixels of the viewed x; gap_grad: g = (dy/(HW) + dz*factor) * act'(scale*x+shift), sums of
 * g and g*x. */
enum { GAP_X, GAP_SCALE, GAP_SHIFT, GAP_INPUTS };
struct gap_attr {
    enum act act;
};
enum { GG_DY, GG_X, GG_SCALE, GG_SHIFT, GG_DZ, GG_FACTOR, GG_INPUTS };
enum { GG_G, GG_SUMS };

/* gate: y = act(scale*x + shift) * gate[n,c]; gate_grad: dx = dy*gate, where x is not viewed; dgate = sum over pixels of
 * dy*act(scale*x + shift). */
enum { GT_X, GT_GATE, GT_SCALE, GT_SHIFT, GT_INPUTS };
struct gate_attr {
    enum act act;
};
enum { GTG_DY, GTG_X, GTG_GATE, GTG_SCALE, GTG_SHIFT, GTG_INPUTS };
enum { GTG_DX, GTG_DGATE };

/* layer_norm: y = (x - mean) / sqrt(variance + eps) * weight + bias over the last dimension. */
enum { LN_X, LN_WEIGHT, LN_BIAS, LN_INPUTS };
struct layer_norm_attr {
    double eps;
};
enum { LNG_X, LNG_DY, LNG_WEIGHT, LNG_INPUTS };
enum { LNG_DX, LNG_DWEIGHT, LNG_DBIAS };

/* layer_scale: x, scale -> y. Lowered to scale_coef (scale -> scale and a shift of zeros) and affine. */
enum { LS_X, LS_SCALE, LS_INPUTS };
enum { SC_SCALE, SC_SHIFT };

/* avg_pool, and its gradient. */
struct avg_pool_attr {
    int kernel, stride, padding;
    bool exclude_padding;
};

/* max_pool_grad: only the shape of what was pooled is asked for. */
struct max_pool_grad_attr {
    struct pool pool;
    struct shape x;
};

/* A max pool's windows over a side of n: how many, and where the first begins before it. */
static inline int64_t pool_outputs(const struct pool *pool, int64_t n) {
    if (pool->same) return (n + pool->stride - 1) / pool->stride;
    return (n + 2 * pool->padding - pool->kernel) / pool->stride + 1;
}
static inline int64_t pool_before(const struct pool *pool, int64_t n) {
    int64_t total = (pool_outputs(pool, n) - 1) * pool->stride + pool->kernel - n;
    return !pool->same ? pool->padding : total > 0 ? total / 2 : 0;
}

/* The kernels' job over tensors (n,h,w,c) and (n,p,q,c), without its pointers. */
struct max_pool_job max_pool_job(const struct pool *pool, const int64_t in[4], const int64_t out[4]);

/* slice: channels from … of x, `count` of them: what concat's gradient is made of. */
struct slice_attr {
    int64_t from, count;
};

/* fused_inverted_residual (inference): x, expand w/bias, depthwise w/bias, project w/bias; all folded. Without a projection
 * the second output are partial sums of the first and its squares. */
enum { IR_X, IR_EXPAND, IR_EXPAND_BIAS, IR_DEPTHWISE, IR_DEPTHWISE_BIAS, IR_PROJECT, IR_PROJECT_BIAS, IR_INPUTS };
enum { IR_Y, IR_SUMS };
struct inverted_residual_attr {
    struct conv_shape expand, depthwise, project; /* expand.k, project.k = 0: none; expand may be dense, not 1x1 */
    enum act act, expand_act;
    bool add, packed;
};

/* squeeze (inference): partial sums, two layers' weights and biases -> gate (N,C). */
enum { SQ_SUMS, SQ_IN, SQ_IN_BIAS, SQ_OUT, SQ_OUT_BIAS, SQ_INPUTS };
struct squeeze_attr {
    struct conv_shape in, out; /* the two layers */
    int64_t pixels;            /* that were added up for each image */
    enum act act, gate_act;
    bool packed;
};

/* fused_pixel_mlp (inference): x, norm weight/bias, up w/bias, down w/bias, add or 0 -> down(act(up(norm(x)))) + add. */
enum { PM_X, PM_NORM_WEIGHT, PM_NORM_BIAS, PM_UP, PM_UP_BIAS, PM_DOWN, PM_DOWN_BIAS, PM_ADD, PM_INPUTS };
struct pixel_mlp_attr {
    struct conv_shape up, down;
    enum act act;
    double eps;
    bool packed;
};

/* ---- the scalar meaning of activations and views, for references ---- */

double act_value(enum act act, double x);
double act_slope(enum act act, double x); /* relu6: 1 strictly between 0 and 6 */
const char *act_name(enum act act);
static inline double view_value(enum act act, const double *scale, const double *shift, int64_t c, double x) {
    return act_value(act, scale ? scale[c] * x + shift[c] : x);
}
static inline double view_slope(enum act act, const double *scale, const double *shift, int64_t c, double x) {
    return act_slope(act, scale ? scale[c] * x + shift[c] : x);
}

#endif
