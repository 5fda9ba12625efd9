/* log.h — RUN/log.jsonl: one JSON object a line, after every log.every steps and after every epoch.
 *
 * The same numbers go to TensorBoard's event file, where there is one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LOG_H
#define SK_TRAIN_LOG_H

#include <stdbool.h>

#include "base/file.h"
#include "eval/metrics.h"
#include "train/board.h"

struct run_log {
    struct file_log file;
    int64_t bytes; /* length so far */
    const char *precision; /* for the first line; or NULL */
    struct board board;
};

/* Open for appending; what lies beyond `bytes` (written after the checkpoint that a run goes on from) is cut off. */
sk_status run_log_open(struct run_log *log, const char *run, int64_t bytes);
void run_log_close(struct run_log *log);

struct log_line {
    int64_t epoch, step;   /* epoch from 1 */
    double lr, loss, top1; /* of training: since the last line, or of the epoch; top1 in per cent */
    double images_per_s, seconds, data_wait;
    const struct metrics_result *val; /* epoch lines, where there was an evaluation */
    const struct metrics_result *ema; /* of the moving average, or NULL */
    int64_t corrupt, val_corrupt; /* epoch lines: pictures that were passed over (train/corrupt.h) */
    bool epoch_line;
};
sk_status run_log_write(struct run_log *log, const struct log_line *line);

#endif
