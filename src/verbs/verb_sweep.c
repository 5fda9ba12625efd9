/* verb_sweep.c — siskin sweep: many runs of one recipe, and a table of which values are better beyond chance.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/sweep.h"
#include "verbs/recipe_arg.h"
#include "verbs/report.h"
#include "verbs/sweep_page.h"

const struct option options_sweep[] = {
    {"out", 'o', "FOLDER", "Where the runs and the table go; the same command goes on where it stopped."},
    {"seeds", 0, "N", "Runs of every choice, with the recipe's seed and those after it; by default 1."},
    {"folds", 0, "K",
     "Cross-validation: every choice K times, each with another part of train to validate on (data.fold)."},
    {"random", 0, "N",
     "N choices drawn by the seed, also from ranges: key=0.001..0.1, or :log behind it; by default all of a grid."},
    {"budget", 0, "TIME", "No run is begun after so much time: 90s, 30m, 2h, 1h30m."},
    {0},
};

/* "1h30m", "90" seconds */
static sk_status read_time(const char *text, double *seconds) {
    static const char units[] = "smhd";
    static const double worth[] = {1, 60, 3600, 86400};
    const char *at = text;
    *seconds = 0;
    while (*at) {
        char *end;
        size_t digits = strspn(at, "0123456789.");
        double number = strtod(at, &end);
        const char *unit = *end ? strchr(units, *end) : units;
        FAIL_IF(digits == 0 || end != at + digits || !unit, SK_EUSAGE,
                "--budget %s: expected a time, as 90s, 30m, 2h or 1h30m", text);
        *seconds += number * worth[unit - units];
        at = end + (*end != 0);
    }
    FAIL_IF(!(*seconds > 0), SK_EUSAGE, "--budget %s: expected a time above 0", text);
    return SK_OK;
}

/* What has one value goes to the recipe, what has several becomes an axis. */
static sk_status take_axes(struct call *call, struct sweep *sweep) {
    int kept = 0;
    sweep->axes = arena_array(&call->arena, (size_t)call->assignment_count, sizeof *sweep->axes);
    if (!sweep->axes) return SK_EMEMORY;
    for (int i = 0; i < call->assignment_count; i++) {
        struct sweep_axis axis;
        bool is_axis;
        TRY(sweep_axis_read(&call->arena, call->assignments[i], &is_axis, &axis));
        if (!is_axis) {
            call->assignments[kept++] = call->assignments[i];
            continue;
        }
        for (size_t a = 0; a < sweep->axis_count; a++)
            FAIL_IF(sweep->axes[a].id == axis.id, SK_EUSAGE, "%s stands there twice", axis.key);
        sweep->axes[sweep->axis_count++] = axis;
    }
    call->assignment_count = kept;
    return SK_OK;
}

/* Of a run's report only what is wrong with it: where it lies stands on the sweep's page. */
static void pass_warnings(void *user, const char *kind, const char *text) {
    const struct call *call = user;
    if (strcmp(kind, "warning") == 0 && call->on_event) call->on_event(call->user, kind, text);
}

static void write_report(void *with, const char *run) {
    const struct call *call = with;
    struct call quiet = {.threads_text = call->threads_text, .on_event = pass_warnings, .user = with};
    report_after(&quiet, run);
}

static sk_status take_options(struct call *call, struct sweep_options *options) {
    const char *budget = call_option(call, "budget");
    TRY(call_need(call, "out", &options->folder));
    TRY(call_integer(call, "seeds", 1, 1000, 1, &options->seeds));
    TRY(call_integer(call, "folds", 2, 1000, 0, &options->folds));
    TRY(call_integer(call, "random", 1, SWEEP_POINTS, 0, &options->random));
    options->on_event = call->on_event;
    options->user = call->user;
    options->stop = &call_stop;
    options->report = write_report;
    options->report_with = call;
    return budget ? read_time(budget, &options->budget) : SK_OK;
}

static void tell_row(const struct call *call, const struct sweep *sweep, const struct sweep_row *row) {
    const char *label = sweep->points[row->point].label;
    char difference[160] = "", over[64] = "";
    if (row->diverged) call_result(call, "%-40s %lld diverged", label, (long long)row->diverged);
    if (!row->runs) return;
    if (row->pairs > 1)
        snprintf(over, sizeof over, "%+.2f to %+.2f over runs, ", row->difference_low, row->difference_high);
    if (row->pairs)
        snprintf(difference, sizeof difference, " · %+.2f beside the first (%s%+.2f to %+.2f over pictures, p = %.2g)",
                 row->difference, over, row->pictures.low, row->pictures.high, row->pictures.p);
    call_result(call, "%-40s %lld run%s · top-1 %.2f %% (%.2f to %.2f)%s", label, (long long)row->runs,
                row->runs > 1 ? "s" : "", row->top1, row->low, row->high, difference);
}

static sk_status answer(struct call *call, const struct sweep *sweep) {
    struct sweep_row *rows;
    size_t best;
    TRY(sweep_rows(sweep, &rows, &best));
    TRY(sweep_write(sweep, rows, best));
    TRY(sweep_page_write(sweep, rows, best));
    jw_string(&call->json, "folder", sweep->options.folder);
    sweep_json(sweep, rows, best, &call->json);
    for (size_t p = 0; p < sweep->point_count; p++) tell_row(call, sweep, &rows[p]);
    if (sweep->made < sweep->run_count)
        call_note(call, "%zu of %zu runs are made; the same command goes on", sweep->made, sweep->run_count);
    if (sweep->made)
        call_result(call,
                    "best: %s · %s/best.yaml (chosen by its validation pictures, which flatter it: judge it on others)",
                    sweep->points[best].label, sweep->options.folder);
    return SK_OK;
}

sk_status verb_sweep(struct call *call) {
    struct recipe base;
    struct sweep sweep = {.arena = &call->arena, .base = &base};
    TRY(take_options(call, &sweep.options));
    TRY(take_axes(call, &sweep));
    TRY(recipe_open(call, &call->arena, call->arguments[0], &base));
    TRY(sweep_plan(&sweep));
    TRY(sweep_open(&sweep));
    if (sweep.made) call_note(call, "%zu of %zu runs are there already", sweep.made, sweep.run_count);
    sk_status status = sweep_go(&sweep);
    if (status == SK_OK) return answer(call, &sweep);
    if (status == SK_EINTERRUPTED)
        return status_fail(status, "stopped with %zu of %zu runs made; the same command goes on", sweep.made,
                           sweep.run_count);
    return status;
}
