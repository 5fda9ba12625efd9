/* checkpoint.h — a run's complete state on disk: RUN/checkpoints/step-N/state.safetensors, whole or absent.
 *
 * The file holds every block of the trainer; its metadata hold the position in the data, what the epoch has
 * gathered so far, the best so far, the log's length, the numeric level, and each block's CRC-32. A checkpoint is
 * written into a folder of another name, synced and renamed, so that a kill leaves the one before.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_CHECKPOINT_H
#define SK_TRAIN_CHECKPOINT_H

#include "base/arena.h"
#include "train/plateau.h"
#include "train/trainer.h"

/* What a run must know to go on as if it had never stopped; beside the trainer's blocks. */
struct checkpoint {
    struct trainer_position position;
    int64_t epoch, batch; /* the next batch to train on, both from 0 */
    double loss_sum;      /* of the epoch so far: */
    int64_t right, images;
    int64_t corrupt;  /* pictures of it that were passed over */
    double line_loss; /* since the log's last step line: */
    int64_t line_right, line_images;
    double lr;                        /* of the last optimizer step */
    double seconds;                   /* trained so far */
    int64_t log_bytes;                /* length of log.jsonl */
    double best_top1;                 /* per cent; negative: none yet */
    int64_t best_epoch;               /* from 1 */
    double best_ema_top1;             /* of the moving average, where there is one; and its epoch: */
    int64_t best_ema_epoch;
    int64_t train_images, val_images; /* of the data, to notice when they change */
    int64_t seed;
    struct plateau plateau;
    const char *level;     /* numeric level: cpu_isa_name */
    const char *precision; /* what activations were kept as: f32 or bf16 */
};

sk_status checkpoint_save(const char *run, const struct checkpoint *checkpoint, struct trainer *trainer);

/* True where a run has checkpoints, whole or damaged. */
sk_status checkpoint_any(const char *run, bool *any);

/* Fill the trainer and *checkpoint from the newest checkpoint that is whole. Each damaged one on the way is named to
 * `note`. SK_EDATA where there is none. */
struct checkpoint_note {
    void (*say)(void *user, const char *sentence);
    void *user;
};
sk_status checkpoint_load(const char *run, struct arena *arena, const struct checkpoint_note *note,
                          struct trainer *trainer, struct checkpoint *checkpoint);

/* Only where a run is: *checkpoint from the newest one whose metadata can be read; its blocks are not looked at. */
sk_status checkpoint_peek(const char *run, struct arena *arena, struct checkpoint *checkpoint);

/* Remove all but the newest `keep`, and what an interrupted writer left. */
sk_status checkpoint_tidy(const char *run, int64_t keep);

#endif
