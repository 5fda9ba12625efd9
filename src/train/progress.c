/* progress.c — the progress line.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/progress.h"

#include <stdio.h>
#include <time.h>

static const double INTERVAL = 0.2;

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

const char *duration_text(double seconds, char *text, size_t size) {
    int64_t s = seconds > 0 && seconds < 1e12 ? (int64_t)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(text, size, "%lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60),
                 (long long)(s % 60));
    else
        snprintf(text, size, "%lld:%02lld", (long long)(s / 60), (long long)(s % 60));
    return text;
}

/* True where a line is due. */
static bool due(struct progress *progress) {
    if (!progress->on_event) return false;
    double now = clock_seconds();
    if (now - progress->shown < INTERVAL) return false;
    progress->shown = now;
    return true;
}

void progress_training(struct progress *progress, const struct progress_state *s) {
    if (!due(progress)) return;
    char line[256], left[32];
    snprintf(line, sizeof line, "epoch %lld/%lld · %lld %% · %.0f images/s · loss %.4g · top-1 %.1f · %s left",
             (long long)s->epoch, (long long)s->epochs, (long long)(100 * s->batch / s->batches), s->images_per_s,
             s->loss, s->top1, duration_text(s->left, left, sizeof left));
    progress->on_event(progress->user, "progress", line);
}

static void show_count(struct progress *progress, const char *what, int64_t done, int64_t all) {
    if (!due(progress)) return;
    char line[128];
    snprintf(line, sizeof line, "%s · %lld of %lld", what, (long long)done, (long long)all);
    progress->on_event(progress->user, "progress", line);
}

void progress_evaluation(struct progress *progress, int64_t done, int64_t all) {
    show_count(progress, "evaluating", done, all);
}

void progress_statistics(struct progress *progress, int64_t done, int64_t all) {
    show_count(progress, "taking batch-norm statistics", done, all);
}

void progress_features(struct progress *progress, int64_t done, int64_t all) {
    show_count(progress, "computing features", done, all);
}
