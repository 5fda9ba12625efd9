/* board.h — a run's curves for TensorBoard: RUN/events.out.tfevents.<time>.siskin, beside log.jsonl.
 *
 * Each program that works on the run begins a file of its own, as TensorFlow's writers do, with a session log that says
 * from which step on older points no longer count. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_BOARD_H
#define SK_TRAIN_BOARD_H

#include "base/file.h"

/* Zero-initialised it is none: nothing is written. */
struct board {
    struct arena arena;
    struct file_log file; /* of the first write on */
    const char *path;
    int64_t began;
    bool open;
};
/* `step`: optimizer steps that the run has behind it. The file is made with the first value, so that a program which
 * finds nothing to do leaves none. */
sk_status board_begin(struct board *board, const char *run, int64_t step);
void board_end(struct board *board);

struct board_value {
    const char *tag; /* "val/top1" */
    double value;
};
/* All at one step, as one event; values that are not finite are written as they are. */
sk_status board_write(struct board *board, int64_t step, const struct board_value *values, size_t count);

#endif
