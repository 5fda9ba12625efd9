/* scoring.h — a model, or a run's best one, over one part of a dataset: opened by the call's arguments, scored, closed.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_SCORING_H
#define SK_VERBS_SCORING_H

#include "augment/augment.h"
#include "base/team.h"
#include "train/evaluate.h"
#include "train/progress.h"
#include "verbs/scored_part.h"

/* Zero-initialise; scoring_close at the end, however far it came. Takes the options data, part, batch, skip-corrupt, reference
 * and --threads of the call, as far as its verb has them. */
struct scoring {
    struct call *call;
    struct progress progress;
    const char *spec; /* of the data */
    struct network *network;
    struct dataset *dataset;
    struct pipeline pipeline;
    struct team *team;
    struct evaluator *evaluator;
    enum data_part part;
    struct score *scores; /* [picture of the part], filled by scoring_run */
    struct metrics_result result;
    bool skip_corrupt; /* option skip-corrupt, or as the run that is scored */
    bool borrows; /* dataset and team belong to another scoring */
};

/* `argument`: a model file (then the call's --data), or a run's folder. */
sk_status scoring_open(struct scoring *scoring, struct call *call, const char *argument, bool confusion);
/* Another model on the very pictures of `first`, which must outlive it. */
sk_status scoring_open_beside(struct scoring *scoring, const struct scoring *first, const char *argument);
sk_status scoring_run(struct scoring *scoring);
/* Warn of the pictures that were left out, and name them in the open object of the call's JSON. */
sk_status scoring_tell_corrupt(struct scoring *scoring);
void scoring_close(struct scoring *scoring);

#endif
