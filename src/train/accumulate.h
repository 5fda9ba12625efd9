/* accumulate.h — Optax's MultiSteps: a running mean of the micro-batches' mean gradients.
 *
 * acc <- acc + (g - acc) / (i + 1), i = 0 … k-1, in the run's own precision. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_ACCUMULATE_H
#define SK_TRAIN_ACCUMULATE_H

#include <stdint.h>

/* `gathered` micro-batches are in it already; 0 begins anew. Elements begin … end-1. */
static inline void accumulate_f32(float *acc, const float *g, int64_t gathered, int64_t begin, int64_t end) {
    float parts = (float)(gathered + 1);
    for (int64_t j = begin; j < end; j++) acc[j] = gathered ? acc[j] + (g[j] - acc[j]) / parts : g[j];
}

static inline void accumulate_f64(double *acc, const double *g, int64_t gathered, int64_t begin, int64_t end) {
    double parts = (double)(gathered + 1);
    for (int64_t j = begin; j < end; j++) acc[j] = gathered ? acc[j] + (g[j] - acc[j]) / parts : g[j];
}

#endif
