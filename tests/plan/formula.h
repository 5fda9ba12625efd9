/* formula.h — weights and pictures made by a formula, the same here and in tests/golden/formula.py.
 *
 * Tensor number k (state_dict order, counters left out), element j in file order:
 * All of it is rounded to f32, so that every precision starts from the same numbers.
 * h = j*2654435761 + (k+1)*2246822519; h ^= h>>15; h *= 2246822519; h ^= h>>13; u = h / 2^32.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_FORMULA_H
#define SK_TEST_FORMULA_H

#include <math.h>
#include <string.h>

#include "ir/graph.h"

static inline double formula_u(int64_t j, int64_t k) {
    uint32_t h = (uint32_t)j * 2654435761u + (uint32_t)(k + 1) * 2246822519u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return h / 4294967296.0;
}

static inline double formula_weight(const struct param *param, int64_t j, int64_t k) {
    double u = formula_u(j, k);
    struct shape file = param_file_shape(param);
    switch (param->kind) {
    case PARAM_CONV:
    case PARAM_DEPTHWISE:
    case PARAM_LINEAR:
    case PARAM_LAYER_SCALE: return (2 * u - 1) * sqrt(6.0 / ((double)param->count / (double)file.dim[0]));
    case PARAM_NORM_WEIGHT:
    case PARAM_LAYER_NORM_WEIGHT: return 1 + 0.2 * (u - 0.5);
    case STATE_VARIANCE: return 1 + 0.5 * u;
    case STATE_COUNTER: return 0;
    default: return 0.2 * (u - 0.5);
    }
}

/* Fill a model's blocks, in f32 and in double; either may be NULL. The graph's order is state_dict order. */
static inline void formula_fill(const struct graph *graph, float *params, float *state, double *params64,
                                double *state64) {
    int64_t k = 0;
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        for (int64_t j = 0; j < param->count; j++) {
            double v = formula_weight(param, param_file_index(param, j), k);
            int64_t at = param->offset + j;
            if (params) (param->state ? state : params)[at] = (float)v;
            if (params64) (param->state ? state64 : params64)[at] = (float)v;
        }
        k += param->kind != STATE_COUNTER;
    }
}

/* Picture n of ImageNet-normalised noise: (37y + 91x + 53c + 7xy + 11yy + 29n) mod 256. */
static inline double formula_pixel(int64_t n, int64_t y, int64_t x, int64_t c) {
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    double p = (double)((37 * y + 91 * x + 53 * c + 7 * x * y + 11 * y * y + 29 * n) % 256) / 255.0;
    return (p - mean[c]) / deviation[c];
}

static inline void formula_images(int64_t first, int64_t n, int64_t side, float *images, double *images64) {
    for (int64_t i = 0; i < n * side * side * 3; i++) {
        double v = formula_pixel(first + i / (side * side * 3), i / (side * 3) % side, i / 3 % side, i % 3);
        if (images) images[i] = (float)v;
        if (images64) images64[i] = (float)v;
    }
}

#endif
