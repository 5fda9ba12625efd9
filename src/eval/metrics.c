/* metrics.c — accumulates an evaluation picture by picture.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "eval/metrics.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "eval/interval.h"

#define metrics_add_f32 metrics_add
#define BOTH_REALS      "eval/metrics_real.h"
#include "base/both_reals.h"
#undef metrics_add_f32

sk_status metrics_new(struct metrics *metrics, struct arena *arena, int classes, bool confusion) {
    *metrics = (struct metrics){.classes = classes};
    FAIL_IF(classes < 1, SK_ESHAPE, "an evaluation over %d classes; expected at least 1", classes);
    if (!confusion) return SK_OK;
    metrics->confusion = arena_array(arena, (size_t)classes * (size_t)classes, sizeof *metrics->confusion);
    return metrics->confusion ? SK_OK : SK_EMEMORY;
}

void metrics_reset(struct metrics *m) {
    if (m->confusion) memset(m->confusion, 0, (size_t)m->classes * (size_t)m->classes * sizeof *m->confusion);
    m->images = m->top1 = m->top5 = 0;
    m->loss_sum = 0;
}

struct metrics_result metrics_result(const struct metrics *m) {
    struct metrics_result result = {.images = m->images};
    interval_wilson(m->top1, m->images, &result.low, &result.high);
    result.low *= 100;
    result.high *= 100;
    if (m->images == 0) return result;
    result.loss = m->loss_sum / (double)m->images;
    result.top1 = 100 * (double)m->top1 / (double)m->images;
    result.top5 = 100 * (double)m->top5 / (double)m->images;
    return result;
}

void metrics_class(const struct metrics *m, int class_index, int64_t *images, int64_t *right) {
    *images = *right = 0;
    if (!m->confusion) return;
    const int64_t *row = m->confusion + (size_t)class_index * (size_t)m->classes;
    for (int c = 0; c < m->classes; c++) *images += row[c];
    *right = row[class_index];
}

void metrics_write(const struct metrics_result *result, struct json_writer *w) {
    jw_integer(w, "images", result->images);
    jw_number(w, "loss", result->loss);
    jw_number(w, "top1", result->top1);
    jw_number(w, "top5", result->top5);
    jw_array(w, "interval95");
    jw_number(w, NULL, result->low);
    jw_number(w, NULL, result->high);
    jw_end_array(w);
}
