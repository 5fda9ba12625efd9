/* verb_data.c — siskin data: check a dataset before training, say what its pictures are like, or pack them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/team.h"
#include "data/check.h"
#include "data/data_stats.h"
#include "train/from_recipe.h"
#include "verbs/data_pack.h"
#include "verbs/data_show.h"
#include "verbs/verb.h"

const struct option options_data[] = {
    {"all", 0, NULL, "check: show every finding; otherwise the first few of each kind (--json has all)."},
    {"part", 0, "PART", "stats: train, val or test; train by default."},
    {"recipe", 0, "RECIPE", "show: whose augmentation."},
    {"out", 'o', "OUT",
     "show: the contact sheet, a PNG. pack: the folder of the shards; one that was cut off is gone on with."},
    {"count", 0, "N", "show: so many pictures; 20 by default."},
    {"epoch", 0, "N", "show: as in this epoch, counted from 1."},
    {"size", 0, "MB", "pack: close a shard once it has so many megabytes; 500 by default."},
    {"shards", 0, "N", "pack: cut train into so many shards of equally many pictures instead."},
    {"order", 0, "ORDER", "pack: shuffled (by the seed; train alone) or source; shuffled by default."},
    {0},
};

static bool progress(void *user, uint32_t done, uint32_t total) {
    if (done > 0) call_progress(user, "%u of %u files", done, total);
    return !atomic_load(&call_stop);
}

/* ---- check ---- */

static void say_kind(const struct call *call, const struct check *check, const struct check_row *row, size_t most) {
    size_t count = 0, shown = 0;
    for (size_t i = 0; i < check->finding_count; i++) count += check->findings[i].row == row;
    if (count == 0) return;
    call_result(call, "%s: %s (%zu): %s", check_severity_name(row->severity), row->what, count, row->remedy);
    for (size_t i = 0; i < check->finding_count && shown < most; i++) {
        if (check->findings[i].row != row) continue;
        char path[1024], text[1024]; /* names out of folders may hold anything */
        call_result(call, "  %s: %s",
                    printable(check->findings[i].path, strlen(check->findings[i].path), path, sizeof path),
                    printable(check->findings[i].text, strlen(check->findings[i].text), text, sizeof text));
        shown++;
    }
    if (shown < count) call_result(call, "  and %zu more: --all shows them", count - shown);
}

static void write_findings(struct json_writer *w, const struct check *check) {
    jw_array(w, "findings");
    for (size_t i = 0; i < check->finding_count; i++) {
        const struct finding *finding = &check->findings[i];
        jw_object(w, NULL);
        jw_string(w, "check", finding->row->name);
        jw_string(w, "severity", check_severity_name(finding->row->severity));
        jw_string(w, "path", finding->path);
        jw_string(w, "text", finding->text);
        jw_string(w, "remedy", finding->row->remedy);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static sk_status answer_check(struct call *call, const struct check *check) {
    struct json_writer *w = &call->json;
    size_t count, pictures = 0;
    bool all = call_switch(call, "all");
    const struct check_row *rows = check_rows(&count);
    for (size_t i = 0; i < check->file_count; i++) pictures += check->files[i].kind == CHECK_PICTURE;
    jw_string(w, "data", check->spec);
    jw_integer(w, "pictures", (int64_t)pictures);
    jw_integer(w, "classes", check->class_count);
    jw_integer(w, "errors", (int64_t)check->counts[CHECK_ERROR]);
    jw_integer(w, "warnings", (int64_t)check->counts[CHECK_WARNING]);
    jw_integer(w, "notes", (int64_t)check->counts[CHECK_NOTE]);
    write_findings(w, check);
    for (size_t i = 0; i < count; i++)
        say_kind(call, check, &rows[i], all ? SIZE_MAX : rows[i].severity == CHECK_NOTE ? 5 : 20);
    call_note(call, "%s: %zu pictures of %d classes looked at: %zu errors, %zu warnings, %zu notes", check->spec,
              pictures, check->class_count, check->counts[CHECK_ERROR], check->counts[CHECK_WARNING],
              check->counts[CHECK_NOTE]);
    size_t errors = check->counts[CHECK_ERROR];
    FAIL_IF(errors > 0, SK_EDATA, "%s: %zu error%s to mend before training", check->spec, errors,
            errors == 1 ? "" : "s");
    return SK_OK;
}

static sk_status data_check(struct call *call, const char *spec, struct team *team) {
    struct check check = {0};
    struct check_options options = {.team = team, .progress = progress, .user = call};
    sk_status status = check_run(&check, spec, &options);
    if (status == SK_OK) status = answer_check(call, &check);
    check_free(&check);
    return status;
}

/* ---- stats ---- */

static void say_sums(struct call *call, const struct data_stats *stats, const struct pixel_sums *sums, const char *key,
                     const char *what) {
    struct json_writer *w = &call->json;
    struct text means = {0}, deviations = {0};
    jw_object(w, key);
    jw_integer(w, "pixels", (int64_t)sums->pixels);
    jw_array(w, "mean");
    for (int c = 0; c < stats->channels; c++) jw_number(w, NULL, sums_mean(sums, c));
    jw_end_array(w);
    jw_array(w, "std");
    for (int c = 0; c < stats->channels; c++) jw_number(w, NULL, sums_deviation(sums, c));
    jw_end_array(w);
    jw_end_object(w);
    for (int c = 0; c < stats->channels; c++) {
        text_addf(&means, "%s%.4f", c ? ", " : "", sums_mean(sums, c));
        text_addf(&deviations, "%s%.4f", c ? ", " : "", sums_deviation(sums, c));
    }
    if (text_check(&means) == SK_OK && text_check(&deviations) == SK_OK) {
        call_result(call, "%s (%lld):", what, (long long)sums->pixels);
        call_result(call, "  preprocess: {mean: [%s], std: [%s]}", means.data, deviations.data);
    }
    text_free(&means);
    text_free(&deviations);
}

static void say_spread(struct call *call, const char *key, struct spread spread) {
    jw_object(&call->json, key);
    jw_integer(&call->json, "min", spread.least);
    jw_integer(&call->json, "median", spread.median);
    jw_integer(&call->json, "max", spread.most);
    jw_end_object(&call->json);
    call_result(call, "%-7s %d to %d pixels, median %d", key, spread.least, spread.most, spread.median);
}

static void say_aspects(struct call *call, const struct data_stats *stats) {
    jw_array(&call->json, "aspects");
    for (int i = 0; i < STATS_ASPECTS; i++) {
        double from = i ? stats_aspect_edge(i - 1) : 0, to = stats_aspect_edge(i);
        jw_object(&call->json, NULL);
        jw_number(&call->json, "above", from);
        if (isfinite(to)) jw_number(&call->json, "to", to);
        jw_integer(&call->json, "count", stats->aspects[i]);
        jw_end_object(&call->json);
        char range[48];
        if (isfinite(to))
            snprintf(range, sizeof range, "%.2f to %.2f", from, to);
        else
            snprintf(range, sizeof range, "above %.2f", from);
        if (stats->aspects[i])
            call_result(call, "width / height %-14s %8u  %5.1f %%", range, stats->aspects[i],
                        100.0 * stats->aspects[i] / stats->pictures);
    }
    jw_end_array(&call->json);
}

static void say_classes(struct call *call, const struct dataset *dataset, const struct data_stats *stats) {
    int classes = dataset_classes(dataset);
    jw_object(&call->json, "classes");
    for (int c = 0; c < classes; c++) {
        jw_integer(&call->json, dataset_class_name(dataset, c), stats->class_counts[c]);
        call_result(call, "%8u  %s", stats->class_counts[c], dataset_class_name(dataset, c));
    }
    jw_end_object(&call->json);
}

static void answer_stats(struct call *call, const struct dataset *dataset, enum data_part part,
                         const struct preprocess *preprocess, const struct data_stats *stats) {
    struct json_writer *w = &call->json;
    jw_string(w, "part", data_part_name(part));
    jw_integer(w, "pictures", stats->pictures);
    jw_integer(w, "grey", stats->grey);
    call_result(call, "%s, part %s: %u pictures of %d classes, %u of them grey", call->arguments[1],
                data_part_name(part), stats->pictures, dataset_classes(dataset), stats->grey);
    jw_object(w, "formats");
    for (int i = 0; i < stats->format_count; i++) {
        jw_integer(w, stats->formats[i].name, stats->formats[i].count);
        call_result(call, "%8u  %s", stats->formats[i].count, stats->formats[i].name);
    }
    jw_end_object(w);
    say_spread(call, "width", stats->width);
    say_spread(call, "height", stats->height);
    say_aspects(call, stats);
    say_sums(call, stats, &stats->whole, "pixels", "all pixels, each counted once");
    if (stats->seen.pixels) {
        char what[96];
        snprintf(what, sizeof what, "as a network sees them, resize %d and crop %d x %d", preprocess->resize,
                 preprocess->crop_height, preprocess->crop_width);
        say_sums(call, stats, &stats->seen, "seen", what);
    }
    say_classes(call, dataset, stats);
}

static sk_status choose_part(const struct call *call, enum data_part *part) {
    const char *word = call_option(call, "part");
    *part = DATA_TRAIN;
    if (!word) return SK_OK;
    for (int p = 0; p < DATA_PARTS; p++)
        if (strcmp(word, data_part_name((enum data_part)p)) == 0) {
            *part = (enum data_part)p;
            return SK_OK;
        }
    return status_fail(SK_EUSAGE, "--part %s: expected train, val or test", word);
}

/* Sizes that differ end in a crop anyway; those that do not are only resized where the call's keys say so. */
static sk_status stats_of(struct call *call, const struct recipe *recipe, const struct dataset *dataset,
                          enum data_part part, struct team *team) {
    struct preprocess preprocess;
    struct data_stats stats;
    TRY(recipe_preprocess(recipe, &preprocess));
    preprocess.channels = dataset_channels(dataset);
    bool resized = dataset_height(dataset) == 0 || recipe_is_set(recipe, RECIPE_preprocess_resize) ||
                   recipe_is_set(recipe, RECIPE_preprocess_crop);
    struct stats_options options = {
        .team = team, .part = part, .preprocess = resized ? &preprocess : NULL, .progress = progress, .user = call};
    TRY(data_stats(&call->arena, dataset, &options, &stats));
    answer_stats(call, dataset, part, &preprocess, &stats);
    return SK_OK;
}

static sk_status data_stats_verb(struct call *call, const char *spec, struct team *team) {
    struct recipe recipe;
    struct dataset *dataset;
    enum data_part part;
    TRY(choose_part(call, &part));
    TRY(recipe_default(&recipe, &call->arena));
    TRY(call_overrides(call, &recipe));
    /* All of train where it is asked for; a val part of the source's own, or as train would split it. */
    struct data_options data;
    TRY(recipe_data(&recipe, &data));
    if (part == DATA_TRAIN && !recipe_is_set(&recipe, RECIPE_data_split))
        data = (struct data_options){.val_fraction = -1, .exif = data.exif};
    TRY(dataset_open(&dataset, spec, &data));
    sk_status status = stats_of(call, &recipe, dataset, part, team);
    dataset_free(dataset);
    return status;
}

/* ---- the verb ---- */

sk_status verb_data(struct call *call) {
    static const struct {
        const char *name;
        sk_status (*run)(struct call *call, const char *spec, struct team *team);
    } words[] = {{"check", data_check}, {"stats", data_stats_verb}, {"show", data_show}, {"pack", data_pack_verb}};
    enum { WORDS = sizeof words / sizeof *words };
    const char *names[WORDS];
    struct team *team = NULL;
    int threads;
    TRY(call_threads(call, &threads));
    for (int i = 0; i < WORDS; i++) {
        names[i] = words[i].name;
        if (strcmp(call->arguments[0], names[i]) != 0) continue;
        TRY(team_new(&team, threads));
        sk_status status = words[i].run(call, call->arguments[1], team);
        team_free(team);
        return status;
    }
    return status_fail(SK_EUSAGE, "data %s is unknown%s; expected check, stats, show or pack", call->arguments[0],
                       near_hint(call->arguments[0], names, WORDS, "").text);
}
