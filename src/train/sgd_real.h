/* sgd_real.h — SGD's arithmetic over REAL; included by sgd.c once for float and once for double.
 *
 * b <- momentum b + in g;  p <- p - out (direct g' + carried b),  g' = in g: torch has in 1, out lr; Keras in lr,
 * out 1; Nesterov direct 1, carried momentum; else direct 0, carried 1. The factors 0 and 1 are exact, so each
 * form has the rounding of its own formula. No include guard: it is meant to be included twice.
 * SPDX-License-Identifier: Apache-2.0 */

/* (n) each, whole tensors' parts */
static void NAMED(loop_momentum)(const struct sgd_factors *f, int64_t n, REAL *restrict p, const REAL *restrict g,
                                 REAL *restrict b) {
    const REAL decay = (REAL)f->decay, decoupled = (REAL)f->decoupled, momentum = (REAL)f->momentum;
    const REAL in = (REAL)f->in, out = (REAL)f->out, direct = (REAL)f->direct, carried = (REAL)f->carried;
    for (int64_t i = 0; i < n; i++) {
        REAL u = in * (g[i] + decay * p[i]);
        REAL kept = p[i] - decoupled * p[i];
        b[i] = momentum * b[i] + u;
        p[i] = kept - out * (direct * u + carried * b[i]);
    }
}

static void NAMED(loop_plain)(const struct sgd_factors *f, int64_t n, REAL *restrict p, const REAL *restrict g) {
    const REAL decay = (REAL)f->decay, decoupled = (REAL)f->decoupled, lr = (REAL)(f->in * f->out);
    for (int64_t i = 0; i < n; i++) p[i] = (p[i] - decoupled * p[i]) - lr * (g[i] + decay * p[i]);
}

static void NAMED(update)(const struct optimizer *optimizer, const struct element_run *run,
                          const struct NAMED(blocks) * blocks) {
    struct sgd_factors f = factors(optimizer, run);
    int64_t at = run->begin, n = run->end - run->begin;
    if (optimizer->momentum > 0)
        NAMED(loop_momentum)(&f, n, blocks->parameters + at, blocks->gradients + at, blocks->slot[0] + at);
    else
        NAMED(loop_plain)(&f, n, blocks->parameters + at, blocks->gradients + at);
}
