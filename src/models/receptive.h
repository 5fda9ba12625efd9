/* receptive.h — how much of the picture each value of a network sees.
 *
 * Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_RECEPTIVE_H
#define SK_MODELS_RECEPTIVE_H

#include "ops/op.h"

/* One output pixel sees height x width pixels of the picture (borders cut off more); its neighbour sees the same
 * `jump` pixels further. whole: everything, as behind a mean over all pixels. */
struct receptive {
    int64_t height, width, jump_h, jump_w;
    bool whole;
};

/* For every value of a graph with the port "image" (value_count of them), in the arena. Of several ways from the
 * picture the widest counts. A gate's factors see the whole picture, but say nothing of where: they are left out. */
sk_status receptive_fields(struct arena *arena, const struct graph *graph, struct receptive **fields);

#endif
