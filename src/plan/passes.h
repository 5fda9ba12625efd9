/* passes.h — graph -> graph, one pass a file; training and inference are two lists of them.
 *
 * Each pass is tested by running the graph without passes by references, and with all passes by the engine:
 * outputs, gradients, updated state. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_PLAN_PASSES_H
#define SK_PLAN_PASSES_H

#include "plan/rewrite.h"

typedef sk_status pass(struct arena *arena, const struct graph *from, struct graph **to);

pass pass_fold_norm;  /* inference: batch-norm with running statistics into the convolution before it */
pass pass_lower;      /* act, add, batch_norm -> affine, stats, norm_coef: what has kernels */
pass pass_fold_scale; /* inference: a layer scale into the convolution before it */
pass pass_merge;      /* affine after affine -> one */
pass pass_sum;        /* training: a clamp behind a sum -> one affine */
pass pass_stats;      /* statistics formed in the convolution's store */
pass pass_views;      /* affine into its only reader's load */
pass pass_store;      /* inference: activation and residual into the convolution's store */
pass pass_gate;       /* inference: a gate into the load of the 1x1 convolution behind it */
pass pass_block;      /* inference: expand, depthwise, project -> fused_inverted_residual */
pass pass_mlp;        /* inference: layer norm, 1x1 up, 1x1 down -> fused_pixel_mlp */
pass pass_winograd;   /* inference: dense 3x3 convolutions by Winograd's transforms, where the shape favours them */
pass pass_squeeze;    /* inference: expand, depthwise and their sums -> one step; a squeeze-excite's gate -> another */

/* Training, behind the gradient: what is cheap to make again from what is kept anyway is made again, not kept. */
pass pass_recompute;

/* Insert `panels` nodes for the kernels in force: always last. */
sk_status pass_pack(struct arena *arena, const struct graph *from, const struct kernels *kernels, struct graph **to);

/* Say of large activations and gradients that they are kept as bf16, where all who touch them can. Behind pass_pack. */
void pass_bf16(struct graph *graph);

/* Append the gradient of `loss` with respect to every parameter: the gradient values get PLACE_GRADIENT. */
sk_status gradient_build(struct graph *graph, int loss);

/* The whole lists. Training: the gradient of the port "loss" is built between fusion and packing. */
struct lowering {
    const struct kernels *kernels;
    bool training;
    bool forward; /* training without a gradient: for what batch norms see of a batch */
    bool bf16; /* training: pass_bf16 */
};
sk_status passes_run(struct arena *arena, const struct graph *from, const struct lowering *lowering, struct graph **to);

#endif
