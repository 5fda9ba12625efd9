/* pass_lower.c — what models say -> what has kernels: act and add become affine; batch_norm becomes statistics,
 * coefficients and affine; layer_scale becomes coefficients and affine.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static void lower_act(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    int in[AF_INPUTS] = {[AF_X] = rewrite->map[old->in[0]]};
    rewrite->map[old->out[0]] =
        op_value(rewrite->to, &op_affine, old->attr, sizeof(struct affine_attr), in, AF_INPUTS, old->name);
}

static void lower_add(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct affine_attr attr = {.act = ACT_NONE};
    int in[AF_INPUTS] = {[AF_X] = rewrite->map[old->in[0]], [AF_ADD] = rewrite->map[old->in[1]]};
    rewrite->map[old->out[0]] = op_value(rewrite->to, &op_affine, &attr, sizeof attr, in, AF_INPUTS, old->name);
}

static void lower_batch_norm(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    const struct batch_norm_attr *norm = old->attr;
    struct graph *to = rewrite->to;
    int in[NODE_INPUTS];
    rewrite_inputs(rewrite, node, in);
    struct norm_coef_attr attr = {.eps = norm->eps};
    int coef_in[NC_INPUTS] = {[NC_WEIGHT] = in[BN_WEIGHT], [NC_BIAS] = in[BN_BIAS]};
    if (norm->training) {
        const struct shape *x = value_shape(to, in[BN_X]);
        attr.count = shape_elements(x) / x->dim[x->rank - 1];
        coef_in[NC_STATS] = op_value(to, &op_stats, NULL, 0, &in[BN_X], 1, old->name);
    } else {
        coef_in[NC_MEAN] = in[BN_MEAN], coef_in[NC_VARIANCE] = in[BN_VARIANCE];
    }
    int coef = op_node(to, &op_norm_coef, &attr, sizeof attr, coef_in, NC_INPUTS, old->name);
    if (norm->training) {
        rewrite->map[old->out[BN_BATCH_MEAN]] = node_out(to, coef, NC_BATCH_MEAN);
        rewrite->map[old->out[BN_BATCH_VARIANCE]] = node_out(to, coef, NC_BATCH_VARIANCE);
    }
    struct affine_attr affine = {.act = ACT_NONE};
    int affine_in[AF_INPUTS] = {in[BN_X], node_out(to, coef, NC_SCALE), node_out(to, coef, NC_SHIFT), 0};
    rewrite->map[old->out[BN_Y]] = op_value(to, &op_affine, &affine, sizeof affine, affine_in, AF_INPUTS, old->name);
}

static void lower_layer_scale(struct rewrite *rewrite, int node) {
    const struct node *old = &rewrite->from->nodes[node];
    struct graph *to = rewrite->to;
    int coef = op_node(to, &op_scale_coef, NULL, 0, &rewrite->map[old->in[LS_SCALE]], 1, old->name);
    struct affine_attr attr = {.act = ACT_NONE};
    int in[AF_INPUTS] = {rewrite->map[old->in[LS_X]], node_out(to, coef, SC_SCALE), node_out(to, coef, SC_SHIFT), 0};
    rewrite->map[old->out[0]] = op_value(to, &op_affine, &attr, sizeof attr, in, AF_INPUTS, old->name);
}

sk_status pass_lower(struct arena *arena, const struct graph *from, struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    for (int node = 0; node < (int)from->node_count; node++) {
        const struct op *op = from->nodes[node].op;
        if (!rewrite.live[node]) continue;
        if (op == &op_act)
            lower_act(&rewrite, node);
        else if (op == &op_add)
            lower_add(&rewrite, node);
        else if (op == &op_batch_norm)
            lower_batch_norm(&rewrite, node);
        else if (op == &op_layer_scale)
            lower_layer_scale(&rewrite, node);
        else
            rewrite_copy(&rewrite, node);
    }
    return rewrite_end(&rewrite, to);
}
