/* act.h — every activation and its slope in vectors: clamps, hard ones, and those made of exponentials.
 *
 * 2^t is a power of two by the bits of a number, times a polynomial (degree 6, minimax, off by 2e-9); the rest is fused
 * multiply-adds and one true division, so all levels give equal bits. Clamps are done where a value is in a register
 * (act_low, act_high: of every other activation they are infinite and leave the value as it is); the others follow in
 * place, by act_values and act_slopes, while it lies in L1. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_ACT_H
#define SK_KERNELS_ACT_H

#include "kernels/kernels.h"
#include "kernels/simd.h"

/* ---- clamps: act(x) = min(high, max(low, x)), NaN kept ---- */

static inline bool act_is_clamp(enum act act) {
    return act <= ACT_RELU6;
}
static inline float act_low(enum act act) {
    return act == ACT_RELU || act == ACT_RELU6 ? 0.0f : -INFINITY;
}
static inline float act_high(enum act act) {
    return act == ACT_RELU6 ? 6.0f : INFINITY;
}
static inline vf vclamp(vf x, vf low, vf high) {
    return vmin(high, vmax(low, x));
}

/* ---- exponentials ---- */

/* e^(rate·x) = fraction · power. The rate comes times log2(e), in two floats: rate·x keeps its bits. */
struct act_rate {
    float high, low;
};
struct act_exp {
    vf fraction, power;
};
#define ACT_RATE_MINUS_1    ((struct act_rate){-1.44269502f, -1.92596303e-8f})
#define ACT_RATE_MINUS_HALF ((struct act_rate){-0.72134751f, -9.62981517e-9f})

/* For rate·x >= -88, where it is 0. Beyond 88 the fraction grows without bound: the product is infinite, never NaN. */
static inline struct act_exp act_exp(vf x, struct act_rate rate) {
    /* adding 1.5·2^23 rounds to an integer n, which the last bits hold; 127 more makes them an exponent */
    vf shifter = vset(12582912.0f + 127.0f), high = vset(rate.high);
    vf shifted = vmin(vset(12582912.0f + 254.0f), vfma(x, high, shifter));
    vf t = vfma(x, vset(rate.low), vfma(x, high, vsub(shifter, shifted)));
    vf y = vset(0.000153536719f);
    y = vfma(y, t, vset(0.00133988878f));
    y = vfma(y, t, vset(0.00961843599f));
    y = vfma(y, t, vset(0.0555033237f));
    y = vfma(y, t, vset(0.240226477f));
    y = vfma(y, t, vset(0.693147182f));
    return (struct act_exp){vfma(y, t, vset(1.0f)), vpower(shifted)};
}

/* 1 + e^(-x): what a sigmoid divides by. The power goes by eighths, so that a cubic is enough for what remains (minimax,
 * off by 3e-8), and ln(2)/8 is one float (off by 3e-9 of itself). Far below zero the cubic grows, up to infinity; far
 * above, where 1 is all that is left, x stays at 87. */
static inline vf act_one_plus_exp(vf x) {
    vf shifter = vset(12582912.0f + 1016.0f), near = vmin(vset(87.0f), x);
    vf shifted = vmin(vset(12582912.0f + 2039.0f), vfma(near, vset(-11.5415602f), shifter));
    vf t = vfma(vsub(shifted, shifter), vset(0.0866433978f), near);
    vf y = vfma(vset(-0.166666672f), t, vset(0.500064790f));
    y = vfma(vfma(y, t, vset(-1.0f)), t, vset(1.0f));
    return vfma(y, vpower_eighth(shifted), vset(1.0f));
}

/* sigmoid(x), and its slope sigmoid(x)·sigmoid(-x), both from e^(-|x|): nothing overflows or cancels. */
struct act_sigmoid {
    vf value, slope;
};
static inline struct act_sigmoid act_sigmoid(vf x) {
    struct act_exp e = act_exp(vmin(vset(88.0f), vabs(x)), ACT_RATE_MINUS_1);
    vf exponential = vmul(e.fraction, e.power), large = vdiv(vset(1.0f), vadd(vset(1.0f), exponential));
    vf small = vmul(exponential, large);
    return (struct act_sigmoid){vpick_above(x, vzero(), large, small), vmul(large, small)};
}

/* ---- GELU ---- */

/* The normal distribution up to x, and e^(-x²/2): below zero it is that times Mills' ratio, which is smooth: a quotient of
 * polynomials (minimax, off by 5e-8·(1 + x²), as x² itself is rounded). Above, 1 minus that of -x. */
struct act_normal {
    vf below, density; /* the latter times sqrt(2 pi) */
};
static inline struct act_normal act_normal(vf x) {
    vf a = vmin(vset(13.25f), vabs(x));
    struct act_exp e = act_exp(vmul(a, a), ACT_RATE_MINUS_HALF);
    vf density = vmul(e.fraction, e.power);
    vf p = vset(0.0139041496f), q = vset(0.0348661542f);
    p = vfma(p, a, vset(0.106021993f)), q = vfma(q, a, vset(0.265320033f));
    p = vfma(p, a, vset(0.338099301f)), q = vfma(q, a, vset(0.888213158f));
    p = vfma(p, a, vset(0.5f)), q = vfma(q, a, vset(1.47408152f));
    q = vfma(q, a, vset(1.0f));
    vf tail = vdiv(vmul(density, p), q);
    return (struct act_normal){vpick_above(x, vzero(), vsub(vset(1.0f), tail), tail), density};
}

/* The tanh approximation is x·sigmoid(x·(a + b·x²)). */
static const float act_tanh_linear = 1.59576917f;  /* 2·sqrt(2/pi) */
static const float act_tanh_cubic = 0.0713548139f; /* that times 0.044715 */

/* ---- values and slopes ---- */

static inline vf act_value_of(enum act act, vf x) {
    vf u;
    switch (act) {
    case ACT_RELU:
    case ACT_RELU6: return vclamp(x, vset(act_low(act)), vset(act_high(act)));
    case ACT_HARDSIGMOID:
    case ACT_HARDSWISH:
        u = vmul(vclamp(vadd(x, vset(3.0f)), vzero(), vset(6.0f)), vset(1.0f / 6.0f));
        return act == ACT_HARDSWISH ? vmul(x, u) : u;
    case ACT_SIGMOID: return vdiv(vset(1.0f), act_one_plus_exp(x));
    case ACT_SILU: return vdiv(x, act_one_plus_exp(x));
    case ACT_GELU: return vmul(x, act_normal(x).below);
    case ACT_GELU_TANH:
        u = vmul(x, vfma(vmul(x, x), vset(act_tanh_cubic), vset(act_tanh_linear)));
        return vdiv(x, act_one_plus_exp(u));
    default: return x;
    }
}

/* Far out the slopes no longer change, and x² would overflow. */
static inline vf act_slope_gelu_tanh(vf x) {
    x = vclamp(x, vset(-20.0f), vset(20.0f));
    vf square = vmul(x, x), linear = vset(act_tanh_linear);
    struct act_sigmoid s = act_sigmoid(vmul(x, vfma(square, vset(act_tanh_cubic), linear)));
    return vfma(vmul(x, s.slope), vfma(square, vset(3.0f * act_tanh_cubic), linear), s.value);
}

static inline vf act_slope_hardswish(vf x) {
    vf line = vfma(x, vset(1.0f / 3.0f), vset(0.5f)), below_3 = vset(2.99999976f);
    return vpick_above(x, below_3, vset(1.0f), vkeep_between(line, x, vset(-3.0f), vset(3.0f)));
}

/* g times the slope at x. At a NaN the slopes of clamps and hard ones are 0, the others NaN. */
static inline vf act_times_slope(enum act act, vf g, vf x) {
    struct act_sigmoid s;
    struct act_normal n;
    switch (act) {
    case ACT_RELU:
    case ACT_RELU6: return vkeep_between(g, x, vzero(), vset(act_high(act)));
    case ACT_HARDSIGMOID: return vkeep_between(vmul(g, vset(1.0f / 6.0f)), x, vset(-3.0f), vset(3.0f));
    case ACT_HARDSWISH: return vmul(g, act_slope_hardswish(x));
    case ACT_SIGMOID: return vmul(g, act_sigmoid(x).slope);
    case ACT_SILU: s = act_sigmoid(x); return vmul(g, vfma(x, s.slope, s.value));
    case ACT_GELU:
        n = act_normal(x);
        return vmul(g, vfma(vmul(x, vset(0.398942292f)), n.density, n.below)); /* 1 / sqrt(2 pi) */
    case ACT_GELU_TANH: return vmul(g, act_slope_gelu_tanh(x));
    default: return g;
    }
}

/* to[i] = act(from[i]), which may be the same; g[i] = g[i]·act'(x[i]). */
void KERNEL_NAME(act_values)(enum act act, const float *from, float *to, int64_t count);
void KERNEL_NAME(act_slopes)(enum act act, float *g, const float *x, int64_t count);

#endif
