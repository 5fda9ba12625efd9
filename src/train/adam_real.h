/* adam_real.h — Adam's arithmetic over REAL; included by adam.c once for float and once for double.
 *
 * m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g²;
 * p <- p - decoupled p - (by_mean m + by_slope g) / (sqrt(scale v + eps_root) + eps). Corrections of the start's bias
 * arrive in by_mean, by_slope and scale. No include guard: it is meant to be included twice.
 * SPDX-License-Identifier: Apache-2.0 */

static void NAMED(update)(const struct optimizer *o, const struct element_run *run,
                          const struct NAMED(blocks) * blocks) {
    const struct adam_factors f = factors(o, run);
    const int64_t at = run->begin, n = run->end - run->begin;
    const struct NAMED(parts) x = {.p = blocks->parameters + at,
                                   .m = blocks->slot[0] + at,
                                   .v = blocks->slot[1] + at,
                                   .g = blocks->gradients + at};
    REAL *restrict p = x.p, *restrict m = x.m, *restrict v = x.v;
    const REAL *restrict g = x.g;
    const REAL decay = (REAL)f.decay, decoupled = (REAL)f.decoupled;
    const REAL beta1 = (REAL)f.beta1, rest1 = (REAL)(1 - f.beta1), beta2 = (REAL)f.beta2, rest2 = (REAL)(1 - f.beta2);
    const REAL by_mean = (REAL)f.by_mean, by_slope = (REAL)f.by_slope;
    const REAL scale = (REAL)f.scale, eps_root = (REAL)f.eps_root, eps = (REAL)f.eps;
    for (int64_t i = 0; i < n; i++) {
        REAL slope = g[i] + decay * p[i];
        REAL kept = p[i] - decoupled * p[i];
        REAL mean = beta1 * m[i] + rest1 * slope;
        REAL square = beta2 * v[i] + rest2 * slope * slope;
        m[i] = mean;
        v[i] = square;
        p[i] = kept - (by_mean * mean + by_slope * slope) / (REAL_SQRT(scale * square + eps_root) + eps);
    }
}
