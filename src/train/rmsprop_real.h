/* rmsprop_real.h — RMSProp's arithmetic over REAL; included by rmsprop.c once for float and once for double.
 *
 * v <- alpha v + (1 - alpha) g²;  d = sqrt(v / correction [- (m / correction)²] + eps_in) + eps_out;
 * u = in g / d;  b <- momentum b + u;  p <- p - out (direct u + carried b). The switches arrive as factors 0 and 1,
 * which are exact, so each form has the rounding of its own formula. No include guard: it is meant to be
 * included twice. SPDX-License-Identifier: Apache-2.0 */

/* `centered`, `buffered`, `corrected` are constants where it is called, so each use is a loop without branches. */
static inline __attribute__((always_inline)) void NAMED(loop)(const struct rmsprop_factors *f, int64_t n,
                                                              const struct NAMED(parts) * x, bool centered,
                                                              bool buffered, bool corrected) {
    REAL *restrict p = x->p;
    const REAL *restrict g = x->g;
    REAL *restrict v = x->v, *restrict b = x->b, *restrict m = x->m;
    const REAL decay = (REAL)f->decay, decoupled = (REAL)f->decoupled, momentum = (REAL)f->momentum;
    const REAL alpha = (REAL)f->alpha, rest = (REAL)(1 - f->alpha), correction = (REAL)f->correction;
    const REAL eps_in = (REAL)f->eps_in, eps_out = (REAL)f->eps_out, in = (REAL)f->in, out = (REAL)f->out;
    const REAL direct = (REAL)f->direct, carried = (REAL)f->carried;
    for (int64_t i = 0; i < n; i++) {
        REAL slope = g[i] + decay * p[i];
        REAL kept = p[i] - decoupled * p[i];
        REAL square = alpha * v[i] + rest * slope * slope;
        v[i] = square;
        if (corrected) square /= correction;
        if (centered) {
            REAL mean = alpha * m[i] + rest * slope;
            m[i] = mean;
            if (corrected) mean /= correction;
            square -= mean * mean;
        }
        REAL u = in * slope / (REAL_SQRT(square + eps_in) + eps_out);
        REAL moved = u;
        if (buffered) {
            REAL sum = momentum * b[i] + u;
            b[i] = sum;
            moved = direct * u + carried * sum;
        }
        p[i] = kept - out * moved;
    }
}

static void NAMED(update)(const struct optimizer *o, const struct element_run *run,
                          const struct NAMED(blocks) * blocks) {
    struct rmsprop_factors f = factors(o, run);
    int64_t at = run->begin, n = run->end - run->begin;
    bool buffered = o->momentum > 0;
    struct NAMED(parts) x = {.p = blocks->parameters + at, .g = blocks->gradients + at, .v = blocks->slot[0] + at};
    if (buffered) x.b = blocks->slot[1] + at;
    if (o->centered) x.m = blocks->slot[1 + buffered] + at;
    switch (4 * o->centered + 2 * buffered + o->bias_correction) {
    case 0: NAMED(loop)(&f, n, &x, false, false, false); break;
    case 1: NAMED(loop)(&f, n, &x, false, false, true); break;
    case 2: NAMED(loop)(&f, n, &x, false, true, false); break;
    case 3: NAMED(loop)(&f, n, &x, false, true, true); break;
    case 4: NAMED(loop)(&f, n, &x, true, false, false); break;
    case 5: NAMED(loop)(&f, n, &x, true, false, true); break;
    case 6: NAMED(loop)(&f, n, &x, true, true, false); break;
    default: NAMED(loop)(&f, n, &x, true, true, true); break;
    }
}
