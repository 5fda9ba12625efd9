/* loop_setup.h — what a run is made of; for loop_setup.c (making it) and loop.c (running it).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOOP_SETUP_H
#define SK_TRAIN_LOOP_SETUP_H

#include "augment/augment.h"
#include "base/team.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/kept.h"
#include "train/log.h"
#include "train/loop.h"
#include "train/progress.h"
#include "train/start.h"
#include "train/trainer.h"

struct loop {
    struct loop_options options;
    struct loop_result *result;
    struct arena arena;
    struct start start;
    struct dataset *dataset;
    int64_t test_images; /* of a test part that is not val */
    struct pipeline pipeline, train_pipeline; /* of evaluation, of training */
    struct mix_options mix;
    struct network *network;
    struct team *team;
    struct loader *loader;
    struct evaluator *evaluator; /* NULL: no val part */
    struct score *scores;        /* [validation picture], where they are kept */
    struct evaluator *tester;    /* NULL: no test part of its own */
    struct kept kept_train, kept_val;
    int stage; /* that loader and trainer are set to; -1: none yet */
    struct trainer *trainer;
    struct epoch_plan plan;
    struct run_log log;
    struct progress progress;
    struct checkpoint at;             /* where the run is */
    int64_t saved_epoch, saved_batch; /* of the newest checkpoint; -1: none */
    /* since this program began: */
    double began, began_seconds, epoch_began;
    bool off_course;      /* the last epoch that the recipe has an expectation of lay outside it */
    uint64_t damaged;     /* pictures told so far to be of damaged files */
    double waited_before; /* of the loader, before this epoch */
    int64_t trained;      /* pictures since this program began, */
    int64_t epoch_before; /* and of this epoch before that */
    double line_began;    /* when the last step line of the log was written, */
    int64_t line_before;  /* and pictures since that line before this program began */
};

/* Everything in memory: data, network, trainer, loader, evaluators. Writes nothing. */
sk_status loop_build(struct loop *loop);
/* That, and the run's folder: everything up to the first step. Nothing after it allocates, and whatever can be wrong is
 * said here. */
sk_status loop_prepare(struct loop *loop);
void loop_release(struct loop *loop);

/* One event, printf form. */
void loop_say(const struct loop *loop, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
