/* sweep.h — many runs of one recipe: which, in what order, what came of them, and which differences are more than chance.
 *
 * A point is a choice of values; each is run with every seed and in every fold of a cross-validation. A run lies in
 * FOLDER/NAME, where NAME says its values: nothing else has to be remembered to go on. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_SWEEP_H
#define SK_TRAIN_SWEEP_H

#include "eval/scores.h"
#include "train/loop.h"

/* One key and the values that it takes: a list, or (random alone) anything between two numbers. */
struct sweep_axis {
    const char *key;
    enum recipe_key_id id;
    const char **values;
    size_t count;
    bool range, log, whole;
    double low, high;
};

struct sweep_point {
    const char **values; /* [axis] */
    const char *label;   /* "schedule.lr=0.1 batch_size=32" */
    const char *name;    /* the same for folders */
};

struct sweep_run {
    size_t point;
    int64_t seed;
    int fold;         /* from 1; 0: no folds */
    const char *path; /* its folder */
    struct score *scores;
    int64_t images; /* 0: not made yet, or diverged */
    bool diverged;  /* its loss became no number, which is a result, too */
    double top1;
};

struct sweep_options {
    const char *folder;
    int64_t seeds, folds, random; /* folds 0: none; random 0: the grid */
    double budget;                /* seconds of this call after which no run begins; 0: none */
    sk_on_event *on_event;
    void *user;
    const atomic_int *stop;
    /* What is done with a run that is over and whose recipe wants a report; may be NULL. */
    void (*report)(void *with, const char *run);
    void *report_with;
};

struct sweep {
    struct arena *arena;
    const struct recipe *base;
    struct sweep_options options;
    struct sweep_axis *axes;
    size_t axis_count, point_count, run_count, made;
    struct sweep_point *points;
    struct sweep_run
        *runs; /* all points with the first seed and fold, then all with the next: comparable at any time */
};

/* ---- what is run (sweep_points.c) ---- */

enum { SWEEP_POINTS = 10000, SWEEP_RUNS = 100000 };
/* Does "key=…" say several values? *axis is filled where it does. */
sk_status sweep_axis_read(struct arena *arena, const char *assignment, bool *is_axis, struct sweep_axis *axis);
/* Points and runs from axes; every point's recipe is checked. */
sk_status sweep_plan(struct sweep *sweep);
/* The recipe of a point; of a run. Lists and texts lie in `arena`. */
sk_status sweep_recipe(const struct sweep *sweep, const struct sweep_point *point, struct arena *arena,
                       struct recipe *recipe);

/* ---- running (sweep.c) ---- */

/* Make FOLDER, or find in it a sweep of the same recipe, and what it has finished. */
sk_status sweep_open(struct sweep *sweep);
/* Make what is missing; SK_OK too where the budget ended it. */
sk_status sweep_go(struct sweep *sweep);

/* ---- the table (sweep_table.c) ---- */

struct sweep_row {
    size_t point;
    int64_t runs, diverged; /* runs: that have an accuracy */
    double top1, low, high; /* mean, and 95 %: over runs by Student's t, of one run over pictures by Wilson's */
    /* Beside the first point, over the runs that both have: */
    int64_t pairs;
    double difference, difference_low, difference_high; /* over pairs of runs, by Student's t; infinite for one */
    struct paired pictures;                             /* all pairs' pictures together */
};
/* A row a point, in order; *best has the highest mean of those with the most runs. */
sk_status sweep_rows(const struct sweep *sweep, struct sweep_row **rows, size_t *best);
void sweep_json(const struct sweep *sweep, const struct sweep_row *rows, size_t best, struct json_writer *w);
/* FOLDER/table.json, sweep.csv and best.yaml. */
sk_status sweep_write(const struct sweep *sweep, const struct sweep_row *rows, size_t best);

#endif
