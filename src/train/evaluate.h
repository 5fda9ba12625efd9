/* evaluate.h — scoring a network over exactly all pictures of one part of a dataset.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_EVALUATE_H
#define SK_TRAIN_EVALUATE_H

#include <stdatomic.h>

#include "augment/augment.h"
#include "data/loader.h"
#include "eval/metrics.h"
#include "files/recipe.h"
#include "eval/scores.h"
#include "models/network.h"
#include "train/corrupt.h"

struct evaluator;
struct evaluator_options {
    const struct network *network; /* outlive the evaluator */
    const struct dataset *dataset;
    const struct pipeline *pipeline;
    enum data_part part;
    struct team *team;
    int batch_size, workers;
    bool reference, confusion;
    bool skip_corrupt;              /* leave out pictures that cannot be decoded: their scores get label -1 */
    enum recipe_eval_stream stream; /* which pictures are scored: once, drop or repeat */
    struct score *scores; /* of every picture of the part, in its order, are written here; or NULL */
    const int64_t *epoch;   /* that corrupt pictures are told with, from 0; or NULL */
    const atomic_int *stop; /* becomes nonzero: give up with SK_EINTERRUPTED; or NULL */
    void (*progress)(void *user, int64_t done, int64_t all); /* after each batch; or NULL */
    void *user;
};
/* Everything is allocated here; evaluate as often as wanted. */
sk_status evaluator_new(struct evaluator **evaluator, const struct evaluator_options *options);
void evaluator_free(struct evaluator *evaluator);

/* Score features instead of pictures: rows[index] as what lies below the cut gives them for the part's pictures. One
 * runner for each of cuts[count]; nowhere: none. */
sk_status evaluator_above(struct evaluator *evaluator, const struct graph_cut *cuts, int count);
/* The next runs take rows through what lies above cut `index`; rows NULL: whole pictures again. */
void evaluator_keep(struct evaluator *evaluator, int index, const float *rows);

/* Batches of an evaluation of so many pictures, and the pictures scored, those twice among them counted twice; and the
 * different ones. */
struct evaluation_plan {
    int64_t batches, whole, scored, distinct; /* whole: batches without a rest */
};
struct evaluation_plan evaluation_plan(enum recipe_eval_stream stream, int64_t pictures, int64_t batch);
struct evaluation_plan evaluation_plan_of(const struct recipe *recipe, int64_t pictures); /* as the recipe validates */

/* How many evaluations of the run came before the next: a repeated stream goes on where the last one stopped. */
void evaluator_turn(struct evaluator *evaluator, int64_t turn);

/* Every picture once (or as the stream has them), in order, with the network's present weights. */
sk_status evaluator_run(struct evaluator *evaluator, struct metrics_result *result);

/* Score the first `batches` batches of pictures, to see how long it takes; *pictures were scored. */
sk_status evaluator_probe(struct evaluator *evaluator, int batches, int64_t *pictures);

const struct metrics *evaluator_metrics(const struct evaluator *evaluator);
/* What the last run left out. */
struct corrupt *evaluator_corrupt(struct evaluator *evaluator);
uint64_t evaluator_damaged(struct evaluator *evaluator);

#endif
