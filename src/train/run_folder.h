/* run_folder.h — the folder of a run: made once, never overwritten; recipe, split lists, checkpoints, log, models.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_RUN_FOLDER_H
#define SK_TRAIN_RUN_FOLDER_H

#include "base/arena.h"
#include "data/data.h"
#include "files/recipe.h"

/* A folder that is not empty is refused: asked before a run is prepared, and again by run_folder_make. */
sk_status run_folder_check(const char *run);
/* Make it. The resolved recipe is written last, when all else of a beginning is there: without it a folder is no run. */
sk_status run_folder_make(const char *run);
sk_status run_folder_begin(const char *run, const struct recipe *recipe);
/* Names of the pictures of each part, where train was divided: RUN/split/train.txt, val.txt, test.txt. */
sk_status run_folder_split(const char *run, const struct dataset *dataset);
/* Their folder for struct data_options, or NULL where there is none. */
sk_status run_folder_lists(const char *run, struct arena *arena, const char **lists);
/* Read the recipe back. */
sk_status run_folder_open(const char *run, struct arena *arena, struct recipe *recipe);

/* The name of the best model's file: the raw weights', or the moving average's where ema.best says so. */
const char *run_folder_best(const struct recipe *recipe);

#endif
