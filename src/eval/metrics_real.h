/* metrics_real.h — one picture's loss and rank over REAL; included by metrics.c for float and for double.
 *
 * No include guard: it is meant to be included twice. SPDX-License-Identifier: Apache-2.0 */

/* Cross-entropy of one row in double: log of the summed exponentials less the target's mean logit. */
static double NAMED(row_loss)(const struct metrics *m, const REAL *logits /* (classes) */, int label) {
    double top = (double)logits[0], sum = 0, all = 0;
    for (int c = 1; c < m->classes; c++) top = (double)logits[c] > top ? (double)logits[c] : top;
    for (int c = 0; c < m->classes; c++) sum += exp((double)logits[c] - top);
    double scale = log(sum) + top;
    if (m->smoothing == 0) return scale - (double)logits[label];
    for (int c = 0; c < m->classes; c++) all += (double)logits[c];
    return scale - ((1 - m->smoothing) * (double)logits[label] + m->smoothing * all / m->classes);
}

/* How many classes rank before the label; `first` becomes the class that ranks first. */
static int NAMED(row_rank)(const struct metrics *m, const REAL *logits /* (classes) */, int label, int *first) {
    int before = 0;
    *first = 0;
    for (int c = 0; c < m->classes; c++) {
        if (logits[c] > logits[*first] || isnan(logits[*first])) *first = c;
        before += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
    }
    return isnan(logits[label]) ? INT_MAX : before;
}

sk_status NAMED(metrics_add)(struct metrics *m, int n, const REAL *logits /* (n,classes) */, const int32_t *labels) {
    for (int i = 0; i < n; i++) {
        const REAL *row = logits + (size_t)i * (size_t)m->classes;
        FAIL_IF(
            labels[i] < 0 || labels[i] >= m->classes, SK_EDATA,
            "picture %lld of the evaluation has label %d, expected 0 to %d; the data has more classes than the model",
            (long long)m->images, (int)labels[i], m->classes - 1);
        int first = 0, before = NAMED(row_rank)(m, row, labels[i], &first);
        m->images++;
        m->loss_sum += NAMED(row_loss)(m, row, labels[i]);
        m->top1 += before == 0;
        m->top5 += before < 5;
        if (m->confusion) m->confusion[(size_t)labels[i] * (size_t)m->classes + (size_t)first]++;
    }
    return SK_OK;
}
