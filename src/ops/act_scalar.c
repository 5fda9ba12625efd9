/* act_scalar.c — the meaning of every activation and its slope, in double, for references.
 *
 * Written so that a NaN goes through, as in the kernels and in torch: the reference finds the first bad tensor.
 * Slopes at the corners are torch's. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/attrs.h"

static const double inverse_sqrt_2 = 0.70710678118654752440;
static const double inverse_sqrt_2_pi = 0.39894228040143267794; /* 1 / sqrt(2 pi), the normal density at 0 */
static const double tanh_cubic = 0.044715;                      /* Hendrycks and Gimpel 2016 */
/* torch's slope of hardsigmoid is this f32 constant, in double too. */
static const double sixth = 0.16666667163372039794921875;

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double gelu_tanh_inner(double x) {
    return 2 * inverse_sqrt_2_pi * (x + tanh_cubic * x * x * x); /* 2/sqrt(2 pi) = sqrt(2/pi) */
}

double act_value(enum act act, double x) {
    switch (act) {
    case ACT_RELU: return x < 0 ? 0 : x;
    case ACT_RELU6: return clamp(x, 0, 6);
    case ACT_HARDSIGMOID: return clamp(x + 3, 0, 6) / 6;
    case ACT_HARDSWISH: return x * clamp(x + 3, 0, 6) / 6;
    case ACT_SIGMOID: return sigmoid(x);
    case ACT_SILU: return x * sigmoid(x);
    case ACT_GELU: return 0.5 * x * (1 + erf(x * inverse_sqrt_2));
    case ACT_GELU_TANH: return 0.5 * x * (1 + tanh(gelu_tanh_inner(x)));
    default: return x;
    }
}

static double gelu_tanh_slope(double x) {
    double t = tanh(gelu_tanh_inner(x));
    double inner = 2 * inverse_sqrt_2_pi * (1 + 3 * tanh_cubic * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner;
}

double act_slope(enum act act, double x) {
    double s;
    switch (act) {
    case ACT_RELU: return x > 0;
    case ACT_RELU6: return x > 0 && x < 6;
    case ACT_HARDSIGMOID: return x > -3 && x < 3 ? sixth : 0;
    case ACT_HARDSWISH: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case ACT_SIGMOID: s = sigmoid(x); return s * (1 - s);
    case ACT_SILU: s = sigmoid(x); return s * (1 + x * (1 - s));
    case ACT_GELU: return 0.5 * (1 + erf(x * inverse_sqrt_2)) + x * inverse_sqrt_2_pi * exp(-0.5 * x * x);
    case ACT_GELU_TANH: return gelu_tanh_slope(x);
    default: return 1;
    }
}

const char *act_name(enum act act) {
    static const char *const names[] = {
#define ACT(id, name) #name,
#include "kernels/acts.def"
#undef ACT
    };
    return names[act];
}
