/* sweep.c — making the runs of a sweep one after the other, and finding those that are there.
 *
 * FOLDER/sweep.yaml holds the recipe as it was before any choice: what lies beside it belongs to it. A run is over when its
 * scores are written; a half one is resumed by the training loop. SPDX-License-Identifier: Apache-2.0 */
#include "train/sweep.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "train/loop_scores.h"
#include "train/run_folder.h"

enum { RECIPE_BYTES_MAX = 1 << 20 };

/* What never changes a result may change between calls. */
static sk_status base_text(const struct sweep *sweep, struct text *text) {
    struct recipe base = *sweep->base;
    base.threads = 0, base.workers = -1;
    return recipe_write(&base, text);
}

static sk_status same_base(struct sweep *sweep, const char *path, const struct text *text) {
    uint8_t *bytes;
    size_t size;
    char **names;
    if (file_exists(path)) {
        TRY(file_read(sweep->arena, path, RECIPE_BYTES_MAX, &bytes, &size));
        FAIL_IF(size != text->length || memcmp(bytes, text->data, size) != 0, SK_EUSAGE,
                "%s holds a sweep of another recipe (its sweep.yaml differs): name another folder with --out",
                sweep->options.folder);
        return SK_OK;
    }
    TRY(folder_make(sweep->options.folder));
    TRY(folder_list(sweep->arena, sweep->options.folder, LIST_FILES | LIST_FOLDERS, &names, &size));
    FAIL_IF(size > 0, SK_EUSAGE, "%s holds other files and no sweep: name another folder with --out",
            sweep->options.folder);
    return file_replace(path, text->data, text->length);
}

/* Scores of a run that is over. */
static sk_status find_scores(struct sweep *sweep, struct sweep_run *run) {
    int64_t right = 0, count;
    char *diverged = path_join(sweep->arena, run->path, "diverged.txt");
    if (!diverged) return SK_EMEMORY;
    run->diverged = file_exists(diverged);
    sweep->made += run->diverged;
    if (run->diverged) return SK_OK;
    TRY(scores_read(sweep->arena, run->path, &run->scores, &count));
    if (count == 0) return SK_OK;
    for (int64_t i = 0; i < count; i++) right += run->scores[i].first == run->scores[i].label;
    run->images = count;
    run->top1 = 100 * (double)right / (double)count;
    sweep->made++;
    return SK_OK;
}

sk_status sweep_open(struct sweep *sweep) {
    struct text text = {0};
    char *path = path_join(sweep->arena, sweep->options.folder, "sweep.yaml");
    sk_status status = path ? base_text(sweep, &text) : SK_EMEMORY;
    if (status == SK_OK) status = same_base(sweep, path, &text);
    text_free(&text);
    TRY(status);
    for (size_t i = 0; i < sweep->run_count; i++) TRY(find_scores(sweep, &sweep->runs[i]));
    return SK_OK;
}

/* ---- one run ---- */

/* Of a run only what concerns the whole: its progress and its warnings. */
static void pass_on(void *user, const char *kind, const char *text) {
    const struct sweep *sweep = user;
    if (strcmp(kind, "note") == 0 || strcmp(kind, "result line") == 0) return;
    if (sweep->options.on_event) sweep->options.on_event(sweep->options.user, kind, text);
}

static sk_status run_recipe(const struct sweep *sweep, const struct sweep_run *run, struct arena *arena,
                            struct recipe *recipe, bool *resume) {
    char number[48];
    char *path = path_join(arena, run->path, "recipe.yaml");
    if (!path) return SK_EMEMORY;
    *resume = file_exists(path);
    if (*resume) {
        TRY(run_folder_open(run->path, arena, recipe));
        recipe->threads = sweep->base->threads, recipe->workers = sweep->base->workers;
        return SK_OK;
    }
    TRY(folder_remove(run->path)); /* killed before it began: without its recipe a folder is no run */
    TRY(sweep_recipe(sweep, &sweep->points[run->point], arena, recipe));
    snprintf(number, sizeof number, "%lld", (long long)run->seed);
    TRY(recipe_set(recipe, "seed", number));
    snprintf(number, sizeof number, "%d/%lld", run->fold, (long long)sweep->options.folds);
    return run->fold ? recipe_set(recipe, "data.fold", number) : SK_OK;
}

/* Another attempt would end in the same way: what was said is kept in its place. */
static sk_status keep_divergence(struct sweep *sweep, const struct sweep_run *run) {
    char *path = path_join(sweep->arena, run->path, "diverged.txt");
    char *text = arena_printf(sweep->arena, "%s\n", sk_error());
    return path && text ? file_replace(path, text, strlen(text)) : SK_EMEMORY;
}

static sk_status make_run(struct sweep *sweep, struct sweep_run *run) {
    struct arena arena = {0};
    struct recipe recipe;
    struct loop_result result;
    bool resume = false;
    sk_status status = run_recipe(sweep, run, &arena, &recipe, &resume);
    if (status == SK_OK) {
        struct loop_options options = {.recipe = &recipe,
                                       .run = run->path,
                                       .resume = resume,
                                       .keep_scores = true,
                                       .on_event = pass_on,
                                       .user = sweep,
                                       .stop = sweep->options.stop};
        status = loop_run(&options, &result);
        if (status == SK_OK && recipe.log_report && sweep->options.report)
            sweep->options.report(sweep->options.report_with, run->path);
    }
    arena_free(&arena);
    if (status == SK_EDIVERGED) status = keep_divergence(sweep, run);
    return status == SK_OK ? find_scores(sweep, run) : status;
}

static void say(const struct sweep *sweep, const struct sweep_run *run) {
    char line[400];
    if (run->diverged)
        snprintf(line, sizeof line, "%zu/%zu %.300s: diverged", sweep->made, sweep->run_count, path_base(run->path));
    else
        snprintf(line, sizeof line, "%zu/%zu %.300s: top-1 %.2f %%", sweep->made, sweep->run_count,
                 path_base(run->path), run->top1);
    if (sweep->options.on_event) sweep->options.on_event(sweep->options.user, "result line", line);
}

sk_status sweep_go(struct sweep *sweep) {
    double began = clock_seconds();
    for (size_t i = 0; i < sweep->run_count; i++) {
        struct sweep_run *run = &sweep->runs[i];
        if (run->images || run->diverged) continue;
        if (sweep->options.budget > 0 && clock_seconds() - began >= sweep->options.budget) break;
        sk_status status = make_run(sweep, run);
        if (status != SK_OK && status != SK_EINTERRUPTED) return status_prefix(status, "%s", run->path);
        TRY(status);
        say(sweep, run);
    }
    return SK_OK;
}
