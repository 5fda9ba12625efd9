/* pass_mlp.c — inference: layer norm, 1x1 up, 1x1 down -> one fused_pixel_mlp.
 *
 * Behind pass_store, so that the activation lies in the first convolution's store and the residual in the second's. The
 * normalised and the wide tensor are then never stored. SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

static const struct conv_shape *shape_of(const struct node *conv) {
    return &((const struct conv_attr *)conv->attr)->shape;
}

/* 1x1 with a bias, no view and no statistics. */
static bool is_plain(const struct node *conv) {
    return conv_is_pointwise(shape_of(conv)) && conv->in[CONV_BIAS] && !conv->in[CONV_SCALE] && !conv->in[CONV_GATE] &&
           !conv->out[CONV_STATS];
}

static bool fuse(struct rewrite *rewrite, int node) {
    const struct graph *from = rewrite->from;
    const struct node *down = &from->nodes[node];
    const int *map = rewrite->map;
    if (!is_plain(down) || ((const struct conv_attr *)down->attr)->out_act != ACT_NONE) return false;
    const struct node *up = producer(from, down->in[CONV_X], &op_conv);
    if (!up || rewrite->uses[down->in[CONV_X]] != 1 || !is_plain(up) || up->in[CONV_ADD]) return false;
    const struct node *norm = producer(from, up->in[CONV_X], &op_layer_norm);
    const struct conv_shape *s = shape_of(up);
    if (!norm || rewrite->uses[up->in[CONV_X]] != 1 || !pixel_mlp_takes(s->n * s->p * s->q, s->c, s->k)) return false;
    struct pixel_mlp_attr attr = {.up = *s,
                                  .down = *shape_of(down),
                                  .act = ((const struct conv_attr *)up->attr)->out_act,
                                  .eps = ((const struct layer_norm_attr *)norm->attr)->eps};
    int in[PM_INPUTS] = {[PM_X] = map[norm->in[LN_X]],
                         [PM_NORM_WEIGHT] = map[norm->in[LN_WEIGHT]],
                         [PM_NORM_BIAS] = map[norm->in[LN_BIAS]],
                         [PM_UP] = map[up->in[CONV_W]],
                         [PM_UP_BIAS] = map[up->in[CONV_BIAS]],
                         [PM_DOWN] = map[down->in[CONV_W]],
                         [PM_DOWN_BIAS] = map[down->in[CONV_BIAS]],
                         [PM_ADD] = map[down->in[CONV_ADD]]};
    rewrite->map[down->out[CONV_Y]] =
        op_value(rewrite->to, &op_fused_pixel_mlp, &attr, sizeof attr, in, PM_INPUTS, down->name);
    return true;
}

sk_status pass_mlp(struct arena *arena, const struct graph *from, struct graph **to) {
    return rewrite_op(arena, from, &op_conv, fuse, to);
}
