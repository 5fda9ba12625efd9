/* loop_plateau.c — feeds the plateau, tells where the rate falls, and hands it to the trainer.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/loop_plateau.h"

#include "train/from_recipe.h"
#include "train/loop_setup.h"

sk_status loop_plateau_check(const struct loop *loop) {
    if (!schedule_follows_run(trainer_schedule(loop->trainer)) || loop->evaluator) return SK_OK;
    return recipe_fail(loop->options.recipe, RECIPE_schedule_name,
                       "plateau follows evaluations, and there are no validation pictures; set data.split");
}

void loop_plateau_resume(struct loop *loop) {
    if (loop->at.plateau.fed > 0) trainer_reach(loop->trainer, loop->at.plateau.lr);
}

void loop_plateau_feed(struct loop *loop, const struct metrics_result *val) {
    struct plateau *plateau = &loop->at.plateau;
    int64_t step = trainer_position(loop->trainer).step;
    if (!val) return;
    double metric = plateau_metric(loop->options.recipe, val);
    bool falls = plateau_feed(plateau, trainer_schedule(loop->trainer), step, metric);
    loop_plateau_resume(loop);
    if (falls) loop_say(loop, "note", "validation no longer gets better: the learning rate falls to %.6g", plateau->lr);
}
