/* metrics.h — loss, top-1, top-5 and the confusion table over exactly the pictures that were scored.
 *
 * Of equal logits the lower class index ranks first (as a stable descending sort); a logit that is not a
 * number never counts as right. Sums are in double, in the order of the pictures.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_EVAL_METRICS_H
#define SK_EVAL_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/status.h"

struct metrics {
    int classes;
    double smoothing; /* of the loss; 0 = plain cross-entropy, as published accuracies have it */
    int64_t images, top1, top5;
    double loss_sum;
    int64_t *confusion; /* (true class, predicted class), or NULL */
};

/* Fresh counters; confusion = true keeps the table (classes^2 counters from the arena). */
sk_status metrics_new(struct metrics *metrics, struct arena *arena, int classes, bool confusion);
void metrics_reset(struct metrics *metrics);

/* Add n pictures: logits (n,classes) f32, labels (n). A label outside the classes fails. */
sk_status metrics_add(struct metrics *metrics, int n, const float *logits, const int32_t *labels);
sk_status metrics_add_f64(struct metrics *metrics, int n, const double *logits, const int32_t *labels);

struct metrics_result {
    int64_t images;
    double loss;       /* mean; 0 where there are no pictures */
    double top1, top5; /* per cent */
    double low, high;  /* Wilson's 95 % interval of top-1, per cent */
};
struct metrics_result metrics_result(const struct metrics *metrics);
/* As members of an open JSON object. */
void metrics_write(const struct metrics_result *result, struct json_writer *w);

/* Of one true class: pictures and how many were right (both 0 without a table). */
void metrics_class(const struct metrics *metrics, int class_index, int64_t *images, int64_t *right);

#endif
