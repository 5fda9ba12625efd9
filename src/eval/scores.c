/* scores.c — statistics over what a model said of each picture.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "eval/scores.h"

#include <math.h>

struct score score_of(const float *logits, int classes, int32_t label) {
    int first = 0;
    for (int c = 1; c < classes; c++)
        if (logits[c] > logits[first] || isnan(logits[first])) first = c;
    double sum = 0, top = (double)logits[first];
    for (int c = 0; c < classes; c++) sum += exp((double)logits[c] - top);
    return (struct score){.label = label,
                          .first = first,
                          .confidence = (float)(1 / sum),
                          .own = (float)(exp((double)logits[label] - top) / sum)};
}

struct calibration calibration_of(const struct score *scores, int64_t count) {
    struct calibration c = {0};
    int64_t scored = 0;
    for (int64_t i = 0; i < count; i++) {
        if (scores[i].label < 0) continue;
        scored++;
        double sure = (double)scores[i].confidence;
        /* bins are open below and closed above, as in the paper; what is not a number counts as sure of nothing */
        int bin = sure > 0 ? (int)ceil(sure * CALIBRATION_BINS) - 1 : 0;
        bin = bin >= CALIBRATION_BINS ? CALIBRATION_BINS - 1 : bin;
        c.count[bin]++;
        c.confidence[bin] += sure > 0 ? sure : 0;
        c.accuracy[bin] += scores[i].first == scores[i].label;
    }
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        if (c.count[b] == 0) continue;
        c.ece += fabs(c.accuracy[b] - c.confidence[b]) / (double)scored;
        c.overconfident += (c.confidence[b] - c.accuracy[b]) / (double)scored;
        c.confidence[b] /= (double)c.count[b];
        c.accuracy[b] /= (double)c.count[b];
    }
    return c;
}

/* P(X <= k) of a fair coin thrown n times, summed in logarithms. */
static double coin_below(int64_t k, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) - (double)n * log(2));
    return sum;
}

struct paired paired_test(const struct score *a, const struct score *b, int64_t count) {
    const double z = 1.959963984540054; /* the normal's 97.5 % point */
    struct paired t = {.p = 1, .low = -100, .high = 100};
    for (int64_t i = 0; i < count; i++) {
        if (a[i].label < 0 || b[i].label < 0) continue;
        t.images++;
        bool right_a = a[i].first == a[i].label, right_b = b[i].first == b[i].label;
        t.both += right_a && right_b;
        t.only_a += right_a && !right_b;
        t.only_b += right_b && !right_a;
        t.neither += !right_a && !right_b;
    }
    if (t.images == 0) return t;
    t.difference = 100 * (double)(t.only_b - t.only_a) / (double)t.images;
    /* Half a picture more in each of the four cells. */
    double n = (double)t.images + 2, only_a = (double)t.only_a + 0.5, only_b = (double)t.only_b + 0.5;
    double middle = (only_b - only_a) / n;
    double half = z * sqrt((only_a + only_b) / n - middle * middle) / sqrt(n);
    t.low = 100 * fmax(-1, middle - half);
    t.high = 100 * fmin(1, middle + half);
    int64_t fewer = t.only_a < t.only_b ? t.only_a : t.only_b;
    t.p = fmin(1, 2 * coin_below(fewer, t.only_a + t.only_b));
    return t;
}

int64_t scores_worst(const struct score *scores, int64_t count, int64_t limit, int64_t *order) {
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (scores[i].label < 0 || scores[i].first == scores[i].label) continue;
        if (found == limit && !(scores[i].confidence > scores[order[found - 1]].confidence)) continue;
        int64_t at = found < limit ? found++ : found - 1;
        for (; at > 0 && scores[i].confidence > scores[order[at - 1]].confidence; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    return found;
}
