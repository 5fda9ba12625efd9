/* trainer.h — one training step: forward, backward, statistics, optimizer.
 *
 * In f32 by the engine, or in double by references.
 * The trainer knows no files and no data sources: it is given batches, and its whole state is a few flat blocks.
 * Forward and backward are pure; running statistics and parameters move only once loss and gradients were seen finite.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_TRAINER_H
#define SK_TRAIN_TRAINER_H

#include "data/loader.h"
#include "files/recipe.h"
#include "models/network.h"
#include "train/decay.h"
#include "train/optimizer.h"
#include "train/schedule.h"

struct trainer;
struct plan;

struct trainer_options {
    const struct recipe *recipe;
    struct network *network; /* trained in place; outlives the trainer */
    struct team *team;
    const struct epoch_plan *epochs;
    bool reference; /* every op by its reference, in double, the optimizer too */
    bool profile;   /* time every phase of the plan for full batches */
    const int64_t *class_counts; /* training pictures of each class, for class_weights: balanced; or NULL */
};
/* Makes every plan that the run needs (full batches, and a short last one of `short_batch` pictures, 0 = none). */
sk_status trainer_new(struct trainer **trainer, const struct trainer_options *options, int64_t short_batch);
void trainer_free(struct trainer *trainer);

/* One micro-batch; every `accumulate`-th makes an optimizer step. On SK_EDIVERGED nothing has moved, and the sentence
 * names step, first bad tensor and batch. `flush`: make the optimizer step from what has been gathered (end of an epoch
 * under steps_per_epoch: ceil). */
struct trainer_result {
    double loss;          /* mean over the batch, of the training target */
    int64_t right;        /* pictures whose highest logit is their label */
    double lr;            /* of the optimizer step made, where `stepped` */
    double gradient_norm; /* where `stepped`: of the mean gradient, before clipping */
    bool stepped;
};
sk_status trainer_step(struct trainer *trainer, const struct batch *batch, bool flush, struct trainer_result *result);
/* Features: what lies below a stage's cut gives for a picture, always the same. A stage without a cut has none. */
int trainer_stage(const struct trainer *trainer, int64_t epoch);
int trainer_stages(const struct trainer *trainer);
struct graph_cut trainer_cut(const struct trainer *trainer, int stage);
int64_t trainer_feature_floats(const struct trainer *trainer, int stage); /* 0: none */
void trainer_features(struct trainer *trainer, int stage, int64_t count, const float *images, float *features);
/* From now on a batch's features are rows[indices[i]] and its pictures are not looked at; NULL: they are computed. */
void trainer_keep(struct trainer *trainer, const float *rows);

/* Forget a half-gathered accumulation (end of an epoch under floor). */
void trainer_drop(struct trainer *trainer);

/* The complete state beside the network's own blocks, for checkpoints: name, pointer, element type and count. */
struct trainer_block {
    const char *name; /* "params", "state", "slot.0", "accumulator", "ema.params" */
    enum dtype dtype; /* F32, or F64 in reference runs */
    void *data;
    int64_t count;
};
enum { TRAINER_BLOCKS = 6 + OPTIMIZER_SLOTS };
int trainer_blocks(struct trainer *trainer, struct trainer_block blocks[TRAINER_BLOCKS]);

/* Counters that belong to the state. */
struct trainer_position {
    int64_t step;       /* optimizer steps made */
    int64_t micro_step; /* micro-batches seen */
    int64_t gathered;   /* micro-batches in the accumulator */
};
struct trainer_position trainer_position(const struct trainer *trainer);
void trainer_seek(struct trainer *trainer, struct trainer_position position);

/* schedule.name plateau: the learning rate that evaluations have led to. */
void trainer_reach(struct trainer *trainer, double lr);
const struct schedule *trainer_schedule(const struct trainer *trainer);

/* Reference runs: bring the network's f32 blocks up to date from the doubles, before saving or evaluating. */
void trainer_publish(struct trainer *trainer);

/* The moving average, if the recipe asks for one. Between show_ema and show_raw the network's f32 blocks hold what the
 * average gives for evaluation; no step may be made there. */
bool trainer_has_ema(const struct trainer *trainer);
void trainer_show_ema(struct trainer *trainer);
void trainer_show_raw(struct trainer *trainer);

/* Bytes of the training plan's arena, and the largest sum of bytes alive at once. */
void trainer_memory(const struct trainer *trainer, size_t *peak, size_t *bound);

/* The plan for full batches; NULL in reference runs. */
const struct plan *trainer_full_plan(const struct trainer *trainer);

/* Gradients of the last micro-batch, for tests: in f32, or double in reference runs (the other is NULL). */
const float *trainer_gradients_f32(const struct trainer *trainer);
const double *trainer_gradients_f64(const struct trainer *trainer);

#endif
