/* lint.h — silent recipe mistakes that end a few tenths short: a table of tests, one row each.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LINT_H
#define SK_TRAIN_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "train/trace.h"

enum lint_severity { LINT_NOTE, LINT_WARNING, LINT_ERROR };

struct lint_finding {
    enum lint_severity severity;
    const char *lint;     /* "warmup-twice" */
    const char *key;      /* the key that it is about */
    const char *sentence; /* what was found, and what to do */
    const char *excuse;   /* lint_ok's reason: then it is a note whatever its row says; or NULL */
};

/* Findings in the table's order, in the arena. train_images 0 or no tensors: what needs them is not tested. */
sk_status lint_run(const struct trace_input *input, struct arena *arena, struct lint_finding **findings, size_t *count);

const char *lint_severity_name(enum lint_severity severity);
/* 0; 1 where `strict` and there is a warning; 2 where there is an error. */
int lint_exit_code(const struct lint_finding *findings, size_t count, bool strict);

/* The names of all lints, for help and docs: name and what it looks for. */
size_t lint_count(void);
const char *lint_name(size_t index);
const char *lint_about(size_t index);

#endif
