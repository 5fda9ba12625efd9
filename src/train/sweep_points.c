/* sweep_points.c — from "key=a,b,c" and "key=low..high:log" to the list of runs.
 *
 * Random points beat a grid where few of the keys matter: J. Bergstra, Y. Bengio, "Random Search for Hyper-Parameter
 * Optimization", 2012. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "base/rng.h"
#include "files/recipe_keys.h"
#include "train/sweep.h"

/* ---- values ---- */

/* Length up to the next comma outside of brackets and quotes. */
static size_t value_length(const char *text) {
    int depth = 0;
    char quote = 0;
    size_t i = 0;
    for (; text[i]; i++) {
        char c = text[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '[' || c == ']')
            depth += c == '[' ? 1 : -1;
        else if (c == ',' && depth == 0)
            break;
    }
    return i;
}

static sk_status split_values(struct arena *arena, const char *text, struct sweep_axis *axis) {
    size_t capacity = 0;
    for (;;) {
        size_t length = value_length(text);
        axis->values = arena_grow(arena, axis->values, &capacity, axis->count + 1, sizeof *axis->values);
        char *value = arena_strndup(arena, text, length);
        if (!axis->values || !value) return SK_EMEMORY;
        for (size_t i = 0; i < axis->count; i++)
            FAIL_IF(strcmp(axis->values[i], value) == 0, SK_EUSAGE, "%s: the value %s stands there twice", axis->key,
                    value);
        axis->values[axis->count++] = value;
        if (!text[length]) return SK_OK;
        text += length + 1;
    }
}

/* "0.001..0.1", "0.001..0.1:log" */
static sk_status read_range(const char *text, const char *dots, struct sweep_axis *axis) {
    char low[64], high[64];
    const char *colon = strchr(dots, ':');
    size_t rest = colon ? (size_t)(colon - dots) : strlen(dots);
    snprintf(low, sizeof low, "%.*s", (int)(dots - text), text);
    snprintf(high, sizeof high, "%.*s", (int)rest - 2, dots + 2);
    axis->range = true;
    axis->log = colon && strcmp(colon, ":log") == 0;
    axis->whole = recipe_keys[axis->id].type == RECIPE_I64;
    FAIL_IF(!parse_f64(low, &axis->low) || !parse_f64(high, &axis->high) || axis->low >= axis->high ||
                (colon && !axis->log),
            SK_EUSAGE, "%s=%s: expected a range from a lower to a higher number, as 0.001..0.1 or 0.001..0.1:log",
            axis->key, text);
    FAIL_IF(axis->log && axis->low <= 0, SK_EUSAGE, "%s=%s: a logarithmic range begins above 0", axis->key, text);
    return SK_OK;
}

sk_status sweep_axis_read(struct arena *arena, const char *assignment, bool *is_axis, struct sweep_axis *axis) {
    size_t length = strcspn(assignment, "=");
    *is_axis = false;
    *axis = (struct sweep_axis){.key = arena_strndup(arena, assignment, length)};
    if (!axis->key) return SK_EMEMORY;
    int id = assignment[length] ? recipe_find_key(axis->key) : -1;
    if (id < 0) return SK_OK; /* the recipe will say so */
    const char *text = assignment + length + 1;
    axis->id = (enum recipe_key_id)id;
    enum recipe_type type = recipe_keys[id].type;
    const char *dots = type == RECIPE_F64 || type == RECIPE_I64 ? strstr(text, "..") : NULL;
    if (dots) TRY(read_range(text, dots, axis));
    /* a,b is one list, [a,b],[c] are two */
    bool one = type >= RECIPE_F64S && text[0] != '[';
    if (!dots && !one) TRY(split_values(arena, text, axis));
    *is_axis = dots || axis->count > 1;
    FAIL_IF(*is_axis && axis->id == RECIPE_seed, SK_EUSAGE,
            "seed is no value to choose: --seeds N runs every choice N times");
    FAIL_IF(*is_axis && axis->id == RECIPE_data_fold, SK_EUSAGE,
            "data.fold is no value to choose: --folds K runs all K");
    return SK_OK;
}

/* ---- points ---- */

/* What a folder may be called: what is left out, or cut, is told apart by a checksum. */
static const char *folder_name(struct arena *arena, const char *label) {
    enum { LONGEST = 120 };
    char *name = arena_strdup(arena, label);
    bool changed = strlen(label) > LONGEST;
    if (!name) return NULL;
    for (char *c = name; *c; c++) {
        if (*c == ' ') *c = ',';
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=,+-", *c)) continue;
        *c = '_', changed = true;
    }
    if (changed) name = arena_printf(arena, "%.*s-%08x", LONGEST, name, crc32c(0, label, strlen(label)));
    return name;
}

static sk_status finish_point(const struct sweep *sweep, struct sweep_point *point) {
    struct text text = {0};
    for (size_t a = 0; a < sweep->axis_count; a++)
        text_addf(&text, "%s%s=%s", a ? " " : "", sweep->axes[a].key, point->values[a]);
    if (sweep->axis_count == 0) text_add(&text, "recipe");
    sk_status status = text_check(&text);
    if (status == SK_OK) {
        point->label = arena_strdup(sweep->arena, text.data);
        point->name = point->label ? folder_name(sweep->arena, point->label) : NULL;
        if (!point->name) status = SK_EMEMORY;
    }
    text_free(&text);
    return status;
}

static const char *draw(struct arena *arena, const struct sweep_axis *axis, struct rng *rng) {
    if (!axis->range) return axis->values[rng_below(rng, axis->count)];
    double share = rng_double(rng);
    double low = axis->log ? log(axis->low) : axis->low, high = axis->log ? log(axis->high) : axis->high;
    if (axis->whole && !axis->log)
        return arena_printf(arena, "%.0f", floor(axis->low + share * (axis->high - axis->low + 1)));
    double value = low + share * (high - low);
    if (axis->log) value = exp(value);
    return arena_printf(arena, axis->whole ? "%.0f" : "%.4g", value);
}

/* Point i of the grid, the last key fastest; or of the random ones. */
static sk_status fill_point(const struct sweep *sweep, size_t i, struct sweep_point *point) {
    struct rng rng = rng_at((uint64_t)sweep->base->seed, RNG_SWEEP, 0, i);
    point->values = arena_array(sweep->arena, sweep->axis_count + 1, sizeof *point->values);
    if (!point->values) return SK_EMEMORY;
    for (size_t k = 0, a = sweep->axis_count - 1; k < sweep->axis_count; k++, a--) {
        const struct sweep_axis *axis = &sweep->axes[a];
        point->values[a] = sweep->options.random ? draw(sweep->arena, axis, &rng) : axis->values[i % axis->count];
        if (!axis->range) i /= axis->count;
        if (!point->values[a]) return SK_EMEMORY;
    }
    return finish_point(sweep, point);
}

static sk_status count_points(struct sweep *sweep, size_t *count) {
    *count = 1;
    bool range = false;
    for (size_t a = 0; a < sweep->axis_count; a++) {
        const struct sweep_axis *axis = &sweep->axes[a];
        range = range || axis->range;
        FAIL_IF(axis->range && !sweep->options.random, SK_EUSAGE,
                "%s: a grid has no ranges: list the values, or draw N points with --random N", axis->key);
        if (!range) *count *= axis->count;
        FAIL_IF(*count > SWEEP_POINTS, SK_EUSAGE, "these are more than %d choices; --random N draws N of them",
                SWEEP_POINTS);
    }
    FAIL_IF(sweep->options.random && sweep->axis_count == 0, SK_EUSAGE,
            "--random: there is nothing to draw: give key=a,b,c or key=low..high");
    if (sweep->options.random && (range || (size_t)sweep->options.random < *count))
        *count = (size_t)sweep->options.random;
    return SK_OK;
}

static bool is_new(const struct sweep *sweep, const struct sweep_point *point) {
    for (size_t i = 0; i < sweep->point_count; i++)
        if (strcmp(sweep->points[i].label, point->label) == 0) return false;
    return true;
}

static sk_status make_points(struct sweep *sweep) {
    size_t want, tries = 0;
    TRY(count_points(sweep, &want));
    sweep->points = arena_array(sweep->arena, want, sizeof *sweep->points);
    if (!sweep->points) return SK_EMEMORY;
    for (; sweep->point_count < want && tries < 100 * want; tries++) { /* random ones may come twice */
        struct sweep_point point;
        TRY(fill_point(sweep, tries, &point));
        if (is_new(sweep, &point)) sweep->points[sweep->point_count++] = point;
    }
    return SK_OK;
}

sk_status sweep_recipe(const struct sweep *sweep, const struct sweep_point *point, struct arena *arena,
                       struct recipe *recipe) {
    *recipe = *sweep->base;
    recipe->arena = arena;
    for (size_t a = 0; a < sweep->axis_count; a++) TRY(recipe_set(recipe, sweep->axes[a].key, point->values[a]));
    return SK_OK;
}

static sk_status check_point(const struct sweep *sweep, const struct sweep_point *point) {
    struct arena arena = {0};
    struct recipe recipe;
    sk_status status = sweep_recipe(sweep, point, &arena, &recipe);
    if (status == SK_OK) status = recipe_check(&recipe);
    arena_free(&arena);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", point->label);
}

/* ---- runs ---- */

sk_status sweep_plan(struct sweep *sweep) {
    int64_t seeds = sweep->options.seeds, folds = sweep->options.folds, rounds = seeds * (folds ? folds : 1);
    TRY(make_points(sweep));
    for (size_t i = 0; i < sweep->point_count; i++) TRY(check_point(sweep, &sweep->points[i]));
    FAIL_IF((int64_t)sweep->point_count * rounds > SWEEP_RUNS, SK_EUSAGE, "these are more than %d runs", SWEEP_RUNS);
    sweep->runs = arena_array(sweep->arena, sweep->point_count * (size_t)rounds, sizeof *sweep->runs);
    if (!sweep->runs) return SK_EMEMORY;
    for (int64_t round = 0; round < rounds; round++) {
        for (size_t p = 0; p < sweep->point_count; p++) {
            struct sweep_run *run = &sweep->runs[sweep->run_count++];
            run->point = p;
            run->seed = sweep->base->seed + (folds ? round / folds : round);
            run->fold = folds ? (int)(round % folds) + 1 : 0;
            const char *name = sweep->points[p].name, *folder = sweep->options.folder;
            run->path = folds ? arena_printf(sweep->arena, "%s/%s-seed%lld-fold%dof%lld", folder, name,
                                             (long long)run->seed, run->fold, (long long)folds)
                              : arena_printf(sweep->arena, "%s/%s-seed%lld", folder, name, (long long)run->seed);
            if (!run->path) return SK_EMEMORY;
        }
    }
    return SK_OK;
}
