/* init.c — fresh weights: torchvision's rule and TensorFlow's, each parameter from its own random sequence.
 *
 * torchvision: convolutions N(0, 2/fan_out) with fan_out = out*k*k of the weight tensor (groups ignored, so depthwise
 * weights are small); linear N(0, 0.01^2); biases 0. TF: VarianceScaling(2, fan_out, truncated normal) with depthwise
 * fan_out = k*k, linear uniform within 1/sqrt(out). Norms 1 and 0 in both. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/rng.h"
#include "models/model.h"

/* A normal cut at two deviations has this deviation; TF divides by it so that the result has the one asked for. */
static const double truncated_deviation = 0.87962566103423978;

static double weight(enum param_kind kind, enum model_init init, const struct shape *s, struct rng *rng) {
    double taps = (double)(s->dim[0] * s->dim[1]), out = (double)s->dim[3];
    if (kind == PARAM_LINEAR) return init == INIT_TF ? (2 * rng_double(rng) - 1) / sqrt(out) : 0.01 * rng_normal(rng);
    if (init == INIT_TORCHVISION) return sqrt(2 / (taps * out)) * rng_normal(rng);
    double fan_out = kind == PARAM_DEPTHWISE ? taps : taps * out;
    return sqrt(2 / fan_out) / truncated_deviation * rng_truncated_normal(rng);
}

static void fill(float *to, int64_t count, float value) {
    for (int64_t j = 0; j < count; j++) to[j] = value;
}

void model_initialise(const struct graph *graph, enum model_init init, uint64_t seed, float *params, float *state) {
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        float *to = (param->state ? state : params) + param->offset;
        struct rng rng = rng_at(seed, RNG_INIT, 0, i);
        switch (param->kind) {
        case PARAM_CONV:
        case PARAM_DEPTHWISE:
        case PARAM_LINEAR: /* drawn in memory order */
            for (int64_t j = 0; j < param->count; j++) to[j] = (float)weight(param->kind, init, &param->shape, &rng);
            break;
        case PARAM_NORM_WEIGHT:
        case PARAM_LAYER_NORM_WEIGHT:
        case STATE_VARIANCE: fill(to, param->count, 1); break;
        default: fill(to, param->count, 0); break;
        }
    }
}
