/* pass_winograd.c — inference: which 3x3 convolutions are made by Winograd's transforms (src/kernels/winograd.h).
 *
 * The shape of a picture's tensors decides, not their number and no clock: bits are the same in every batch and on every
 * machine. Tiles of 4 x 4 outputs need a quarter of the products, tiles of 2 x 2 less than half. Transformed weights, made on
 * the way, are four times and twice as many; where they are many and pixels few, making them takes longer than multiplying.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "plan/passes.h"

enum {
    CHANNELS_LEAST = 32,      /* transforms cost as much a channel as these products save */
    PIXELS_LEAST_4 = 400,     /* of the output, for tiles of 4 x 4 */
    PIXELS_LEAST_2 = 144,     /* for tiles of 2 x 2 */
    WEIGHTS_MOST_4 = 1 << 15, /* input times output channels */
    WEIGHTS_MOST_2 = 1 << 17,
};

static int side_of(const struct conv_shape *s) {
    int64_t pixels = s->p * s->q, weights = s->c * s->k;
    if (!winograd_takes(s) || s->c < CHANNELS_LEAST || s->k < CHANNELS_LEAST) return 0;
    if (weights <= WEIGHTS_MOST_4 && pixels >= PIXELS_LEAST_4) return 4;
    return weights <= WEIGHTS_MOST_2 && pixels >= PIXELS_LEAST_2 ? 2 : 0;
}

static bool is_clamp(enum act act) {
    return act == ACT_NONE || act == ACT_RELU || act == ACT_RELU6;
}

sk_status pass_winograd(struct arena *arena, const struct graph *from, struct graph **to) {
    struct rewrite rewrite;
    TRY(rewrite_begin(arena, from, &rewrite));
    for (int node = 0; node < (int)from->node_count; node++) {
        const struct node *old = &from->nodes[node];
        if (!rewrite.live[node]) continue;
        if (old->op != &op_conv) {
            rewrite_copy(&rewrite, node);
            continue;
        }
        struct conv_attr attr = *(const struct conv_attr *)old->attr;
        bool plain = !old->in[CONV_SCALE] && !old->in[CONV_GATE] && !attr.want_stats && attr.in_act == ACT_NONE;
        if (plain && is_clamp(attr.out_act)) attr.winograd = side_of(&attr.shape);
        int in[NODE_INPUTS];
        rewrite_inputs(&rewrite, node, in);
        rewrite_as(&rewrite, node, &attr, sizeof attr, in);
    }
    return rewrite_end(&rewrite, to);
}
