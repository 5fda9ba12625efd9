/* log.c — lines of log.jsonl.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/log.h"

#include <stdio.h>

#include "base/json.h"

static sk_status open_at(struct arena *arena, struct run_log *log, const char *run, int64_t bytes) {
    char *path = path_join(arena, run, "log.jsonl");
    if (!path) return SK_EMEMORY;
    uint64_t size = 0;
    if (file_exists(path)) TRY(file_size(path, &size));
    FAIL_IF((int64_t)size < bytes, SK_EDATA,
            "%s has %llu bytes, but had %lld when the checkpoint was made; put it back", path, (unsigned long long)size,
            (long long)bytes);
    if ((int64_t)size > bytes) TRY(file_truncate(path, (uint64_t)bytes));
    log->bytes = bytes;
    return log_open(&log->file, path, false);
}

sk_status run_log_open(struct run_log *log, const char *run, int64_t bytes) {
    struct arena arena = {0};
    *log = (struct run_log){.file = {.fd = -1}};
    sk_status status = open_at(&arena, log, run, bytes);
    arena_free(&arena);
    return status;
}

void run_log_close(struct run_log *log) {
    log_close(&log->file);
    board_end(&log->board);
}

/* What a line holds, under TensorBoard's tags. */
static sk_status show(struct run_log *log, const struct log_line *line) {
    const char *part = line->epoch_line ? "epoch" : "train";
    struct board_value values[8];
    size_t count = 0;
    char loss[32], top1[32];
    snprintf(loss, sizeof loss, "%s/loss", part);
    snprintf(top1, sizeof top1, "%s/top1", part);
    values[count++] = (struct board_value){loss, line->loss};
    values[count++] = (struct board_value){top1, line->top1};
    values[count++] = (struct board_value){"lr", line->lr};
    values[count++] = (struct board_value){"images_per_s", line->images_per_s};
    if (line->val) {
        values[count++] = (struct board_value){"val/loss", line->val->loss};
        values[count++] = (struct board_value){"val/top1", line->val->top1};
        values[count++] = (struct board_value){"val/top5", line->val->top5};
    }
    return board_write(&log->board, line->step, values, count);
}

sk_status run_log_write(struct run_log *log, const struct log_line *line) {
    struct json_writer w = {0};
    jw_object(&w, NULL);
    jw_string(&w, "kind", line->epoch_line ? "epoch" : "step");
    if (log->bytes == 0 && log->precision) jw_string(&w, "precision", log->precision);
    jw_integer(&w, "epoch", line->epoch);
    jw_integer(&w, "step", line->step);
    jw_number(&w, "lr", line->lr);
    jw_number(&w, "loss", line->loss);
    jw_number(&w, "top1", line->top1);
    if (line->corrupt) jw_integer(&w, "corrupt", line->corrupt);
    if (line->val_corrupt) jw_integer(&w, "val_corrupt", line->val_corrupt);
    if (line->val) {
        jw_integer(&w, "val_images", line->val->images);
        jw_number(&w, "val_loss", line->val->loss);
        jw_number(&w, "val_top1", line->val->top1);
        jw_number(&w, "val_top5", line->val->top5);
    }
    if (line->ema) {
        jw_number(&w, "ema_val_loss", line->ema->loss);
        jw_number(&w, "ema_val_top1", line->ema->top1);
        jw_number(&w, "ema_val_top5", line->ema->top5);
    }
    jw_number(&w, "images_per_s", line->images_per_s);
    jw_number(&w, "seconds", line->seconds);
    jw_number(&w, "data_wait", line->data_wait);
    jw_end_object(&w);
    text_add(&w.text, "\n");
    sk_status status = text_check(&w.text);
    if (status == SK_OK) status = log_write(&log->file, w.text.data, w.text.length);
    if (status == SK_OK) log->bytes += (int64_t)w.text.length;
    text_free(&w.text);
    if (status == SK_OK) status = show(log, line);
    return status;
}
