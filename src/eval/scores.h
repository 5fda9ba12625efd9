/* scores.h — what a model said of each picture, and what follows from that: calibration, a paired test, worst mistakes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_EVAL_SCORES_H
#define SK_EVAL_SCORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Of one picture; probabilities are the softmax's. */
struct score {
    int32_t label,
        first; /* true class (negative: the picture was left out, and counts nowhere); the one that ranks first, the lower index of equal ones */
    float confidence;     /* probability of `first` */
    float own;            /* probability of `label` */
};
/* From its logits (classes). */
struct score score_of(const float *logits, int classes, int32_t label);

/* How much confidence is worth: pictures by confidence, in bins of equal width. C. Guo et al., "On Calibration of Modern
 * Neural Networks", 2017. */
enum { CALIBRATION_BINS = 15 };
struct calibration {
    int64_t count[CALIBRATION_BINS];
    double confidence[CALIBRATION_BINS], accuracy[CALIBRATION_BINS]; /* means of the bin, 0 to 1; 0 where it is empty */
    double ece;           /* expected calibration error: mean of |accuracy - confidence| over pictures, 0 to 1 */
    double overconfident; /* mean of confidence - accuracy, 0 to 1: above 0, the model promises too much */
};
struct calibration calibration_of(const struct score *scores, int64_t count);

/* Two models on the same pictures. The interval is Agresti's and Min's (2005) for matched proportions, the test McNemar's
 * (1947), exact: of the pictures that only one of them gets right, are there too many on one side for a fair coin? */
struct paired {
    int64_t images, both, only_a, only_b, neither; /* right */
    double difference, low, high;                  /* top-1 of b less top-1 of a, per cent, and 95 % interval */
    double p;                                      /* two-sided */
};
struct paired paired_test(const struct score *a, const struct score *b, int64_t count);

/* The pictures that are wrong with the highest confidence, the surest first; returns how many were put into
 * order[limit]. */
int64_t scores_worst(const struct score *scores, int64_t count, int64_t limit, int64_t *order);

#endif
