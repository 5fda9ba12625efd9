/* pass_pack.c — weights to panels: a `panels` node before every matrix kernel, for the kernels in force.
 *
 * Weights that a norm or a layer scale was folded into are multiplied as they are packed: fold_norm then makes the bias alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static int pack(struct graph *to, const struct kernels *kernels, int w, const struct conv_shape *shape,
                enum pack_direction direction, const char *name) {
    struct pack_attr attr = {.shape = *shape, .direction = direction};
    attr.elements = (int64_t)(kernels->packed_bytes(shape, direction) / sizeof(float));
    int in[PN_INPUTS] = {[PN_W] = w};
    const struct node *fold = direction == PACK_FORWARD ? producer(to, w, &op_fold_norm) : NULL;
    if (fold) {
        in[PN_W] = fold->in[FN_W], in[PN_WEIGHT] = fold->in[FN_WEIGHT], in[PN_VARIANCE] = fold->in[FN_VARIANCE];
        attr.eps = ((const struct fold_norm_attr *)fold->attr)->eps;
    }
    return op_value(to, &op_panels, &attr, sizeof attr, in, PN_INPUTS, name);
}

static void pack_conv(struct rewrite *rewrite, const struct kernels *kernels, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct conv_attr attr = *(const struct conv_attr *)old->attr;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    if (!conv_is_depthwise(&attr.shape) && !attr.packed) {
        in[CONV_W] = pack(rewrite->to, kernels, in[CONV_W], &attr.shape, PACK_FORWARD, old->name);
        attr.packed = true;
    }
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
}

static void pack_conv_grad(struct rewrite *rewrite, const struct kernels *kernels, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct conv_grad_attr attr = *(const struct conv_grad_attr *)old->attr;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    if (!conv_is_depthwise(&attr.shape) && attr.want_dx && !attr.packed) {
        in[CG_W] = pack(rewrite->to, kernels, in[CG_W], &attr.shape, PACK_BACKWARD, old->name);
        attr.packed = true;
    }
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
}

static void pack_block(struct rewrite *rewrite, const struct kernels *kernels, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct inverted_residual_attr attr = *(const struct inverted_residual_attr *)old->attr;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    if (!attr.packed) {
        if (attr.expand.k)
            in[IR_EXPAND] = pack(rewrite->to, kernels, in[IR_EXPAND], &attr.expand, PACK_FORWARD, old->name);
        if (attr.project.k)
            in[IR_PROJECT] = pack(rewrite->to, kernels, in[IR_PROJECT], &attr.project, PACK_FORWARD, old->name);
        attr.packed = true;
    }
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
}

static void pack_squeeze(struct rewrite *rewrite, const struct kernels *kernels, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct squeeze_attr attr = *(const struct squeeze_attr *)old->attr;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    if (!attr.packed) {
        in[SQ_IN] = pack(rewrite->to, kernels, in[SQ_IN], &attr.in, PACK_FORWARD, old->name);
        in[SQ_OUT] = pack(rewrite->to, kernels, in[SQ_OUT], &attr.out, PACK_FORWARD, old->name);
        attr.packed = true;
    }
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
}

static void pack_mlp(struct rewrite *rewrite, const struct kernels *kernels, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct pixel_mlp_attr attr = *(const struct pixel_mlp_attr *)old->attr;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    if (!attr.packed) {
        in[PM_UP] = pack(rewrite->to, kernels, in[PM_UP], &attr.up, PACK_FORWARD, old->name);
        in[PM_DOWN] = pack(rewrite->to, kernels, in[PM_DOWN], &attr.down, PACK_FORWARD, old->name);
        attr.packed = true;
    }
    rewrite_as(rewrite, node, &attr, sizeof attr, in);
}

/* Folded weights that nobody reads are not made. */
static sk_status drop_unread(struct graph *graph, struct arena *arena) {
    bool *read = arena_array(arena, graph->value_count + 1, sizeof *read);
    if (!read) return SK_EMEMORY;
    for (size_t i = 0; i < graph->node_count; i++)
        for (int slot = 0; slot < NODE_INPUTS; slot++) read[graph->nodes[i].in[slot]] = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        if (node->op == &op_fold_norm && !read[node->out[FN_FOLDED_W]]) node->out[FN_FOLDED_W] = node->in[FN_W] = 0;
    }
    return SK_OK;
}

sk_status pass_pack(struct arena *arena, const struct graph *from, const struct kernels *kernels, struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    for (int node = 0; node < (int)from->node_count; node++) {
        const struct op *op = from->nodes[node].op;
        if (!rewrite.live[node]) continue;
        if (op == &op_conv)
            pack_conv(&rewrite, kernels, node);
        else if (op == &op_conv_grad)
            pack_conv_grad(&rewrite, kernels, node);
        else if (op == &op_fused_inverted_residual)
            pack_block(&rewrite, kernels, node);
        else if (op == &op_squeeze)
            pack_squeeze(&rewrite, kernels, node);
        else if (op == &op_fused_pixel_mlp)
            pack_mlp(&rewrite, kernels, node);
        else
            rewrite_copy(&rewrite, node);
    }
    TRY(rewrite_end(&rewrite, to));
    return drop_unread(*to, arena);
}
