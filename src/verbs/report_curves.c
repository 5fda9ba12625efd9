/* report_curves.c — what log.jsonl holds, as curves over epochs; and the calibration of the best model.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "verbs/report.h"

enum { SERIES_MAX = 3 };

/* One member of the log's lines as a curve. */
struct wanted {
    const char *member, *label;
    bool steps; /* from step lines, which are many, where there are any; otherwise from epoch lines */
};

static bool is_step(const struct json *line) {
    return strcmp(json_string(line, "kind", ""), "step") == 0;
}

static bool has_steps(const struct report *report) {
    for (size_t i = 0; i < report->line_count; i++)
        if (is_step(report->lines[i])) return true;
    return false;
}

static double steps_per_epoch(const struct report *report) {
    for (size_t i = report->line_count; i-- > 0;)
        if (strcmp(json_string(report->lines[i], "kind", ""), "epoch") == 0)
            return json_number(report->lines[i], "step", 1) / json_number(report->lines[i], "epoch", 1);
    return 0; /* no epoch is over */
}

static sk_status gather(struct report *report, const struct wanted *wanted, struct chart_series *series) {
    double *x = arena_array(&report->call->arena, report->line_count + 1, sizeof *x);
    double *y = arena_array(&report->call->arena, report->line_count + 1, sizeof *y);
    double steps = steps_per_epoch(report);
    bool want_steps = wanted->steps && has_steps(report);
    if (!x || !y) return SK_EMEMORY;
    *series = (struct chart_series){.name = wanted->member, .label = wanted->label, .x = x, .y = y};
    for (size_t i = 0; i < report->line_count; i++) {
        const struct json *line = report->lines[i], *value = json_get(line, wanted->member);
        bool step = is_step(line);
        if (!value || value->kind != JSON_NUMBER || step != want_steps) continue;
        x[series->count] = json_number(line, step ? "step" : "epoch", 0);
        if (step && steps > 0) x[series->count] /= steps;
        y[series->count++] = value->number;
    }
    return SK_OK;
}

static void draw(struct report *report, struct chart chart, const struct wanted *wanted, size_t count) {
    struct chart_series series[SERIES_MAX];
    for (size_t i = 0; i < count; i++)
        if (gather(report, &wanted[i], &series[i]) != SK_OK) {
            report->html.failed = true;
            return;
        }
    chart.series = series;
    chart.count = count;
    chart.x_label = wanted[0].steps && steps_per_epoch(report) == 0 ? "step" : "epoch";
    chart_draw(&report->html, &chart);
}

void report_curves(struct report *report) {
    const struct recipe *recipe = report->recipe;
    struct chart_band *bands = arena_array(&report->call->arena, recipe->expect_count + 1, sizeof *bands);
    for (size_t i = 0; bands && i < recipe->expect_count; i++)
        bands[i] = (struct chart_band){(double)recipe->expect[i].epoch, recipe->expect[i].low, recipe->expect[i].high};
    text_add(&report->html, "<section id=curves><h2>Curves</h2><div class=charts>\n");
    draw(report,
         (struct chart){
             .id = "top1", .title = "top-1, %", .bands = bands, .band_count = bands ? recipe->expect_count : 0},
         (struct wanted[]){{"top1", "training", false},
                           {"val_top1", "validation", false},
                           {"ema_val_top1", "validation, averaged weights", false}},
         3);
    draw(report, (struct chart){.id = "loss", .title = "loss"},
         (struct wanted[]){{"loss", "training", false},
                           {"val_loss", "validation", false},
                           {"ema_val_loss", "validation, averaged weights", false}},
         3);
    draw(report, (struct chart){.id = "lr", .title = "learning rate"},
         (struct wanted[]){{"lr", "at each log line", true}}, 1);
    draw(report, (struct chart){.id = "images_per_s", .title = "pictures a second"},
         (struct wanted[]){{"images_per_s", "training", false}}, 1);
    text_add(&report->html, "</div></section>\n");
}

void report_calibration(struct report *report) {
    const struct scoring *s = report->scoring;
    double x[CALIBRATION_BINS], y[CALIBRATION_BINS];
    struct chart_series series[2] = {{.name = "calibrated",
                                      .label = "if confidence were right",
                                      .x = (double[]){0, 1},
                                      .y = (double[]){0, 1},
                                      .count = 2},
                                     {.name = "calibration", .label = "share right", .x = x, .y = y}};
    if (!s) return;
    struct calibration c = calibration_of(s->scores, dataset_count(s->dataset, s->part));
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        if (c.count[b] == 0) continue;
        x[series[1].count] = c.confidence[b];
        y[series[1].count++] = c.accuracy[b];
    }
    text_addf(&report->html,
              "<section id=calibration><h2>Calibration</h2><p>Expected calibration error <b id=ece "
              "data-value=\"%.17g\">%.2f %%</b>: where the "
              "model is sure of p %%, it should be right on p %% of the pictures. On average it promises %.2f points "
              "too %s.</p><div class=charts>\n",
              100 * c.ece, 100 * c.ece, 100 * (c.overconfident < 0 ? -c.overconfident : c.overconfident),
              c.overconfident < 0 ? "little" : "much");
    chart_draw(&report->html,
               &(struct chart){
                   .id = "reliability", .title = "share right", .x_label = "confidence", .series = series, .count = 2});
    text_add(&report->html, "</div></section>\n");
}
