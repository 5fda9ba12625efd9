/* ema_real.h — the moving average's arithmetic over REAL; included by ema.c once for float and once for double.
 *
 * No include guard: it is meant to be included twice. SPDX-License-Identifier: Apache-2.0 */

void NAMED(ema_move)(const struct ema *ema, double decay, REAL *average, const REAL *now, int64_t begin, int64_t end) {
    const struct ema_weights w = weights_of(ema, decay, sizeof(REAL) == sizeof(float));
    REAL *restrict e = average;
    const REAL *restrict p = now;
    const REAL keep = (REAL)w.keep, take = (REAL)w.take;
    if (decay == 0)
        memcpy(e + begin, p + begin, (size_t)(end - begin) * sizeof *e);
    else if (!w.difference)
        for (int64_t j = begin; j < end; j++) e[j] = keep * e[j] + take * p[j];
    else if (ema->form == CHOICE_EMA_TIMM_V3 && take >= (REAL)0.5) /* torch.lerp goes out from the nearer end */
        for (int64_t j = begin; j < end; j++) e[j] = p[j] - (p[j] - e[j]) * keep;
    else
        for (int64_t j = begin; j < end; j++) e[j] = e[j] + take * (p[j] - e[j]);
}

void NAMED(ema_move_state)(const struct ema *ema, double decay, const struct graph *graph, REAL *average,
                           const REAL *now) {
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        if (!param->state) continue;
        int64_t begin = param->offset, end = begin + param->count;
        bool counter = param->kind == STATE_COUNTER;
        bool copied = !ema->statistics || (counter && !ema->truncates);
        NAMED(ema_move)(ema, copied ? 0 : decay, average, now, begin, end);
        for (int64_t j = begin; counter && j < end; j++) average[j] = REAL_TRUNC(average[j]);
    }
}
