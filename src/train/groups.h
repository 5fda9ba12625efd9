/* groups.h — a batch as parts that are normalised apart: batch_norm.group pictures each, as so many replicas see them.
 *
 * The trainer's plans are made for one part and run part by part: each has its own batch statistics forward and backward, and
 * everything else is linear in the pictures, so the mean gradient of the parts, weighted by their pictures, is the batch's.
 * Replicas of TPU and DDP runs move running statistics each for itself and average them before they are used. The move is
 * linear in the batch's statistics and all begin alike: moving once by the parts' mean gives the same numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_GROUPS_H
#define SK_TRAIN_GROUPS_H

#include "train/trainer_state.h"

/* Refuses groups where the network has no batch norm, or that do not divide a pass. */
sk_status groups_check(const struct recipe *recipe, const struct model_args *args);
/* Read batch_norm.group: sets trainer->group, and makes room for what the parts gather. */
sk_status groups_make(struct trainer *trainer);
/* Pictures of the part that ends a batch of so many and is smaller than the others; 0: there is none. */
int64_t groups_rest(const struct trainer *trainer, int64_t batch);

/* What part `from` … of a batch adds: its statistics, and its gradient where there is more than one part; the last leaves
 * the batch's gradient in trainer->gradients. `share` is the part of the batch's pictures. */
struct group_part {
    struct trainer_plan *plan;
    double share;
    bool first, last;
};
void groups_gather(struct trainer *trainer, const struct group_part *part);
/* Move the running statistics by what was gathered; the plan is any that was run. */
void groups_move(struct trainer *trainer, const struct trainer_plan *plan);

#endif
