/* trainer_state.h — what a trainer is made of; for trainer.c (making it) and trainer_step.c (stepping).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRAINER_STATE_H
#define SK_TRAIN_TRAINER_STATE_H

#include "plan/passes.h"
#include "plan/reference.h"
#include "plan/workspace.h"
#include "train/clip.h"
#include "train/ema.h"
#include "train/freeze.h"
#include "train/target.h"
#include "train/trainer.h"

/* The plan for one size of batch: the engine's, or a reference. */
struct trainer_plan {
    int64_t batch; /* 0: none */
    struct bound_plan bound;
    struct reference *reference;
};

enum { TRAINER_RANGE = 16384 }; /* elements a thread takes at once in flat loops; sums are merged range by range */

/* What a stage of the unfreezing has of its own. */
struct trainer_stage {
    struct trainer_plan full, rest;
    struct pace *paces;   /* of the segments */
    struct graph_cut cut; /* nowhere: the graph is run whole */
    struct runner *below;
    int64_t floats; /* of a picture's features */
};

struct trainer {
    struct arena arena;
    struct trainer_options options;
    struct model_args args;    /* the network's, but for augment.size */
    const struct graph *graph; /* the network's: layout of the blocks */
    struct freeze freeze;
    struct trainer_stage stages[FREEZE_STAGES];
    int64_t batch, short_batch;
    int64_t group; /* pictures that are normalised together: what full plans are made for */
    struct workspace workspace;
    struct optimizer optimizer;
    struct schedule schedule;
    struct decay_segment *segments;
    int64_t segment_count, accumulate, classes;
    struct target_rule rule;
    struct loss_rule loss;
    struct trainer_position position;
    int64_t ranges;
    double *range_sums; /* (ranges) */

    bool below_known;          /* what lies below the cuts has today's weights */
    struct region features;    /* (batch,…) of the stage's cut */
    const float *kept;         /* [picture] features of the running stage, or NULL */
    struct region target;      /* (batch,classes) f32 */
    double mean_weight;        /* of the batch's labels, under class weights */
    struct region statistics;  /* the state block's layout in f64: what a batch's parts gather (groups.h) */
    struct region gathered;    /* gradients of a batch's parts, where there is more than one */
    void *gradients;           /* the parameter block's layout: at the start of the workspace's arena, or gradients64 */
    struct region gradients64; /* reference runs */
    struct region accumulator; /* the parameter block's layout; f32, or f64 in reference runs */
    struct region slots[OPTIMIZER_SLOTS];
    struct region params64, state64; /* reference runs: the network's blocks in double */

    struct clip clip;
    struct ema ema;
    struct ema_counters ema_counters;
    struct region ema_blocks[2]; /* parameters, state: as the network's; f32, or f64 in reference runs */
    struct region lent[2];       /* the network's own f32 blocks while it shows the average */
};

/* Range `index` of the parameter block. */
static inline void trainer_range(const struct trainer *trainer, int64_t index, int64_t *begin, int64_t *end) {
    *begin = index * TRAINER_RANGE;
    *end = *begin + TRAINER_RANGE;
    if (*end > trainer->graph->param_elements) *end = trainer->graph->param_elements;
}

/* trainer_ema.c: the moving average's blocks; and its move after batch `batch` of an epoch. */
sk_status trainer_ema_make(struct trainer *trainer);
void trainer_ema_free(struct trainer *trainer);
int trainer_ema_blocks(struct trainer *trainer, struct trainer_block *blocks);
void trainer_ema_move(struct trainer *trainer, int64_t batch, bool stepped);

/* Build a stage's training graph with its gradient, as models say it: no passes; above the cut, if there is one. */
sk_status trainer_plain_graph(struct trainer *trainer, struct arena *arena, int stage, int64_t batch,
                              struct graph **graph);

#endif
