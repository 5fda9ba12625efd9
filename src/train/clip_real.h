/* clip_real.h — clipping over REAL; included by clip.c once for float and once for double.
 *
 * No include guard: it is meant to be included twice. SPDX-License-Identifier: Apache-2.0 */

void NAMED(clip)(const struct clip *clip, double norm, REAL *gradient, int64_t begin, int64_t end) {
    const REAL value = (REAL)clip->value, most = (REAL)clip->norm, length = (REAL)norm;
    const REAL scale = most / (length + (REAL)1e-6);
    REAL *restrict g = gradient;
    if (value > 0)
        for (int64_t j = begin; j < end; j++) g[j] = g[j] > value ? value : g[j] < -value ? -value : g[j];
    else if (clip->optax)
        for (int64_t j = begin; j < end; j++) g[j] = g[j] / length * most;
    else
        for (int64_t j = begin; j < end; j++) g[j] = g[j] * scale;
}
