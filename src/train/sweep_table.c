/* sweep_table.c — what came of a sweep: means with intervals, paired differences, the best values as a recipe.
 *
 * Runs are paired by seed and fold: those two saw the same pictures in the same order. The interval over pairs of runs says
 * what another seed would change; the test over pictures, what other pictures would. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "eval/interval.h"
#include "train/sweep.h"

/* The run of a point in a round (seed and fold), or NULL where it is not made. */
static const struct sweep_run *run_of(const struct sweep *sweep, size_t point, size_t round) {
    const struct sweep_run *run = &sweep->runs[round * sweep->point_count + point];
    return run->images ? run : NULL;
}

static size_t rounds_of(const struct sweep *sweep) {
    return sweep->point_count ? sweep->run_count / sweep->point_count : 0;
}

static void mean_of(const struct sweep *sweep, struct sweep_row *row, double *values) {
    int64_t right = 0, images = 0;
    for (size_t r = 0; r < rounds_of(sweep); r++) {
        const struct sweep_run *run = run_of(sweep, row->point, r);
        row->diverged += sweep->runs[r * sweep->point_count + row->point].diverged;
        if (!run) continue;
        values[row->runs++] = run->top1;
        images += run->images;
        right += llround(run->top1 / 100 * (double)run->images);
    }
    interval_student(values, row->runs, &row->top1, &row->low, &row->high);
    if (row->runs > 1) return;
    interval_wilson(right, images, &row->low, &row->high);
    row->low *= 100, row->high *= 100;
}

/* Pictures count as the same where all their labels are. */
static bool same_pictures(const struct sweep_run *a, const struct sweep_run *b) {
    if (a->images != b->images) return false;
    for (int64_t i = 0; i < a->images; i++)
        if (a->scores[i].label != b->scores[i].label) return false;
    return true;
}

static sk_status compare(const struct sweep *sweep, struct sweep_row *row, double *values) {
    struct arena arena = {0};
    int64_t images = 0, at = 0;
    for (size_t r = 0; r < rounds_of(sweep); r++) {
        const struct sweep_run *a = run_of(sweep, 0, r), *b = run_of(sweep, row->point, r);
        if (a && b && same_pictures(a, b)) images += a->images;
    }
    struct score *first = arena_array(&arena, (size_t)images, sizeof *first);
    struct score *second = arena_array(&arena, (size_t)images, sizeof *second);
    for (size_t r = 0; first && second && r < rounds_of(sweep); r++) {
        const struct sweep_run *a = run_of(sweep, 0, r), *b = run_of(sweep, row->point, r);
        if (!a || !b || !same_pictures(a, b)) continue;
        memcpy(first + at, a->scores, (size_t)a->images * sizeof *first);
        memcpy(second + at, b->scores, (size_t)b->images * sizeof *second);
        at += a->images;
        values[row->pairs++] = b->top1 - a->top1;
    }
    if (first && second) row->pictures = paired_test(first, second, images);
    interval_student(values, row->pairs, &row->difference, &row->difference_low, &row->difference_high);
    sk_status status = first && second ? SK_OK : SK_EMEMORY;
    arena_free(&arena);
    return status;
}

sk_status sweep_rows(const struct sweep *sweep, struct sweep_row **rows, size_t *best) {
    *rows = arena_array(sweep->arena, sweep->point_count, sizeof **rows);
    double *values = arena_array(sweep->arena, rounds_of(sweep), sizeof *values);
    *best = 0;
    if (!*rows || !values) return SK_EMEMORY;
    for (size_t p = 0; p < sweep->point_count; p++) {
        struct sweep_row *row = &(*rows)[p], *top = &(*rows)[*best];
        row->point = p;
        mean_of(sweep, row, values);
        if (p > 0) TRY(compare(sweep, row, values));
        if (row->runs > top->runs || (row->runs == top->runs && row->top1 > top->top1)) *best = p;
    }
    return SK_OK;
}

/* ---- files ---- */

static void point_json(const struct sweep *sweep, const struct sweep_row *row, struct json_writer *w) {
    const struct sweep_point *point = &sweep->points[row->point];
    jw_object(w, NULL);
    jw_object(w, "values");
    for (size_t a = 0; a < sweep->axis_count; a++) jw_string(w, sweep->axes[a].key, point->values[a]);
    jw_end_object(w);
    jw_integer(w, "runs", row->runs);
    jw_integer(w, "diverged", row->diverged);
    if (row->runs) {
        jw_number(w, "top1", row->top1);
        jw_number(w, "low", row->low);
        jw_number(w, "high", row->high);
    }
    if (row->pairs) {
        jw_integer(w, "pairs", row->pairs);
        jw_number(w, "difference", row->difference);
        if (row->pairs > 1) {
            jw_number(w, "difference_low", row->difference_low);
            jw_number(w, "difference_high", row->difference_high);
        }
        jw_number(w, "pictures_low", row->pictures.low);
        jw_number(w, "pictures_high", row->pictures.high);
        jw_integer(w, "only_this", row->pictures.only_b);
        jw_integer(w, "only_first", row->pictures.only_a);
        jw_number(w, "p", row->pictures.p);
    }
    jw_array(w, "each");
    for (size_t r = 0; r < rounds_of(sweep); r++) {
        const struct sweep_run *run = run_of(sweep, row->point, r);
        if (!run) continue;
        jw_object(w, NULL);
        jw_string(w, "run", path_base(run->path));
        jw_integer(w, "seed", run->seed);
        if (run->fold) jw_integer(w, "fold", run->fold);
        jw_integer(w, "images", run->images);
        jw_number(w, "top1", run->top1);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

void sweep_json(const struct sweep *sweep, const struct sweep_row *rows, size_t best, struct json_writer *w) {
    jw_integer(w, "runs", (int64_t)sweep->run_count);
    jw_integer(w, "made", (int64_t)sweep->made);
    if (sweep->made) jw_integer(w, "best", (int64_t)best);
    jw_array(w, "table");
    for (size_t p = 0; p < sweep->point_count; p++) point_json(sweep, &rows[p], w);
    jw_end_array(w);
}

static sk_status put(const struct sweep *sweep, const char *name, const struct text *text) {
    char *path = path_join(sweep->arena, sweep->options.folder, name);
    TRY(text_check(text));
    return path ? file_replace(path, text->data, text->length) : SK_EMEMORY;
}

/* RFC 4180: quoted, where a value has a comma or a quote. */
static void csv_value(struct text *text, const char *value) {
    bool quote = strpbrk(value, ",\"\n") != NULL;
    if (quote) text_add(text, "\"");
    for (; *value; value++) text_add_n(text, *value == '"' ? "\"\"" : value, *value == '"' ? 2 : 1);
    text_add(text, quote ? "\"," : ",");
}

/* One line a run, for those who count on. */
static sk_status write_csv(const struct sweep *sweep) {
    struct text text = {0};
    for (size_t a = 0; a < sweep->axis_count; a++) csv_value(&text, sweep->axes[a].key);
    text_add(&text, "seed,fold,images,top1\n");
    for (size_t i = 0; i < sweep->run_count; i++) {
        const struct sweep_run *run = &sweep->runs[i];
        if (!run->images && !run->diverged) continue;
        for (size_t a = 0; a < sweep->axis_count; a++) csv_value(&text, sweep->points[run->point].values[a]);
        text_addf(&text, "%lld,%d,%lld,", (long long)run->seed, run->fold, (long long)run->images);
        if (run->diverged)
            text_add(&text, "diverged\n");
        else
            text_addf(&text, "%.10g\n", run->top1);
    }
    sk_status status = put(sweep, "sweep.csv", &text);
    text_free(&text);
    return status;
}

static sk_status write_best(const struct sweep *sweep, const struct sweep_point *point) {
    struct arena arena = {0};
    struct recipe recipe;
    struct text text = {0};
    sk_status status = sweep_recipe(sweep, point, &arena, &recipe);
    if (status == SK_OK) status = recipe_write_set(&recipe, &text);
    if (status == SK_OK) status = put(sweep, "best.yaml", &text);
    text_free(&text);
    arena_free(&arena);
    return status;
}

sk_status sweep_write(const struct sweep *sweep, const struct sweep_row *rows, size_t best) {
    struct json_writer w = {0};
    jw_object(&w, NULL);
    sweep_json(sweep, rows, best, &w);
    jw_end_object(&w);
    text_add(&w.text, "\n");
    sk_status status = put(sweep, "table.json", &w.text);
    text_free(&w.text);
    TRY(status);
    TRY(write_csv(sweep));
    return sweep->made ? write_best(sweep, &sweep->points[best]) : SK_OK;
}
