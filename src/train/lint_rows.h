/* lint_rows.h — the tests of lints.def and what they read: the effective values, not the text.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_LINT_ROWS_H
#define SK_TRAIN_LINT_ROWS_H

#include <string.h>

#include "train/lint.h"
#include "train/optimizer.h"
#include "train/schedule.h"

struct lint {
    const struct trace_input *input;
    const struct recipe *recipe;
    struct recipe preset; /* all defaults */
    struct epoch_plan plan;
    struct schedule schedule;
    struct optimizer optimizer;
    struct decay_decision *decisions;
    bool planned;                     /* plan and schedule are made */
    bool decided;                     /* decisions are made */
    const char *problem;              /* the first failure on the way, or NULL */
    const struct lint_finding *fired; /* so far, in the table's order */
    size_t fired_count;
};

/* True where a lint that stands further up in the table has found something. */
bool lint_has_fired(const struct lint *lint, const char *name);

/* Write the sentence; true, so that a test can end in it. */
bool lint_say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool lint_is_rmsprop(const struct lint *l) {
    return !strcmp(l->recipe->optimizer_name, "rmsprop");
}

static inline bool lint_is_schedule(const struct lint *l, const char *name) {
    return !strcmp(l->recipe->schedule_name, name);
}

/* Set to something else than the default. */
static inline bool lint_differs(const struct lint *l, enum recipe_key_id id) {
    return !recipe_value_equal(l->recipe, &l->preset, id);
}

#define LINT(severity, name, key, about) bool lint_finds_##name(const struct lint *lint, struct text *text);
#include "train/lints.def"
#undef LINT

#endif
