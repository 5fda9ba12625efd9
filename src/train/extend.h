/* extend.h — another length for a run that is there: what becomes of its learning rates, and the new recipe.yaml.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_EXTEND_H
#define SK_TRAIN_EXTEND_H

#include "files/recipe.h"
#include "train/schedule.h"

struct extension {
    int64_t epochs_before, epochs_after;
    int64_t epochs_done, step; /* of the newest checkpoint: whole epochs, optimizer steps */
    struct epoch_plan plan_before, plan_after;
    struct schedule before, after;
    double next_before, next_after; /* rate of the next step; the old schedule beyond its end keeps its last value */
    /* Steps up to now whose rate the new length would have made another: 0 where the run goes on as if it had always been
     * meant to be so long. */
    int64_t other_steps;
};

/* Look; nothing is written. `recipe` is the run's own (run_folder_open), settled by its data. */
sk_status extension_look(struct extension *extension, const char *run, struct recipe *recipe, int64_t epochs);
/* Write: recipe.yaml with the new length; a line in RUN/extended.jsonl; a test.json of before is set aside, since the best
 * model may change. `siskin resume` then goes on. */
sk_status extension_write(const struct extension *extension, const char *run, const struct recipe *recipe);

#endif
