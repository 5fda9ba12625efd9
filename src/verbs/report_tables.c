/* report_tables.c — confusion, classes, and the run's settings.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "eval/interval.h"
#include "train/from_recipe.h"
#include "train/lint.h"
#include "verbs/model_arg.h"
#include "verbs/report.h"

enum { TABLE_CLASSES = 40, PAIRS = 40, CLASS_ROWS = 2000 };

static void class_name(const struct report *report, int64_t index, struct text *html) {
    char name[32];
    html_text(html, model_class_name(report->scoring->network, index, name, sizeof name));
}

/* ---- confusion ---- */

static void full_table(struct report *report, const struct metrics *m) {
    struct text *html = &report->html;
    text_add(html, "<div class=wide><table id=confusion-table><tr><th>true \\ predicted</th>");
    for (int p = 0; p < m->classes; p++) {
        text_add(html, "<th class=turn><span>");
        class_name(report, p, html);
        text_add(html, "</span></th>");
    }
    text_add(html, "</tr>\n");
    for (int t = 0; t < m->classes; t++) {
        int64_t images, right;
        metrics_class(m, t, &images, &right);
        text_add(html, "<tr><th>");
        class_name(report, t, html);
        text_add(html, "</th>");
        for (int p = 0; p < m->classes; p++) {
            int64_t count = m->confusion[(int64_t)t * m->classes + p];
            text_addf(html, "<td class=%s style=\"--share:%.3f\">%lld</td>", t == p ? "hit" : "miss",
                      images ? (double)count / (double)images : 0, (long long)count);
        }
        text_add(html, "</tr>\n");
    }
    text_add(html, "</table></div>\n");
}

struct pair {
    int64_t count;
    int label, predicted;
};

static int more_first(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return x->label != y->label ? x->label - y->label : x->predicted - y->predicted;
}

/* Of many classes: which are taken for which, most often first. */
static void pair_table(struct report *report, const struct metrics *m) {
    struct text *html = &report->html;
    size_t room = (size_t)m->classes * (size_t)m->classes, count = 0;
    struct pair *pairs = arena_array(&report->call->arena, room, sizeof *pairs);
    if (!pairs) {
        html->failed = true;
        return;
    }
    for (int t = 0; t < m->classes; t++)
        for (int p = 0; p < m->classes; p++) {
            int64_t n = m->confusion[(int64_t)t * m->classes + p];
            if (t != p && n) pairs[count++] = (struct pair){n, t, p};
        }
    qsort(pairs, count, sizeof *pairs, more_first);
    text_add(html, "<table id=confusion-pairs><tr><th>pictures</th><th>true</th><th>taken for</th></tr>\n");
    for (size_t i = 0; i < count && i < PAIRS; i++) {
        text_addf(html, "<tr><td>%lld</td><td>", (long long)pairs[i].count);
        class_name(report, pairs[i].label, html);
        text_add(html, "</td><td>");
        class_name(report, pairs[i].predicted, html);
        text_add(html, "</td></tr>\n");
    }
    text_add(html, "</table>\n");
}

void report_confusion(struct report *report) {
    if (!report->scoring) return;
    const struct metrics *m = evaluator_metrics(report->scoring->evaluator);
    text_add(&report->html, "<section id=confusion><h2>What is taken for what</h2>\n");
    if (m->classes <= TABLE_CLASSES)
        full_table(report, m);
    else
        pair_table(report, m);
    text_add(&report->html, "</section>\n");
}

/* ---- classes ---- */

void report_classes(struct report *report) {
    struct text *html = &report->html;
    if (!report->scoring) return;
    const struct metrics *m = evaluator_metrics(report->scoring->evaluator);
    text_add(
        html,
        "<section id=classes><h2>Classes</h2><div class=wide><table id=class-table><tr><th>class</th><th>pictures</th>"
        "<th>found, % (recall)</th><th>95 % interval</th><th>right when named, % (precision)</th></tr>\n");
    for (int c = 0; c < m->classes && c < CLASS_ROWS; c++) {
        int64_t images, right, named = 0;
        double low, high;
        metrics_class(m, c, &images, &right);
        for (int t = 0; t < m->classes; t++) named += m->confusion[(int64_t)t * m->classes + c];
        interval_wilson(right, images, &low, &high);
        text_add(html, "<tr><td>");
        class_name(report, c, html);
        text_addf(html, "</td><td>%lld</td><td>%.1f</td><td>%.1f to %.1f</td><td>", (long long)images,
                  images ? 100 * (double)right / (double)images : 0, 100 * low, 100 * high);
        if (named)
            text_addf(html, "%.1f</td></tr>\n", 100 * (double)right / (double)named);
        else
            text_add(html, "never named</td></tr>\n");
    }
    if (m->classes > CLASS_ROWS) text_addf(html, "<tr><td>and %d more</td></tr>\n", m->classes - CLASS_ROWS);
    text_add(html, "</table></div></section>\n");
}

/* ---- settings ---- */

static sk_status add_findings(struct report *report, const struct trace_input *input) {
    struct lint_finding *findings;
    size_t count;
    TRY(lint_run(input, &report->call->arena, &findings, &count));
    if (count == 0) return SK_OK;
    text_add(&report->html, "<h3>What to look at</h3><ul id=lints>\n");
    for (size_t i = 0; i < count; i++) {
        text_addf(&report->html, "<li><b>%s: %s</b> ", lint_severity_name(findings[i].severity), findings[i].key);
        html_text(&report->html, findings[i].sentence);
        text_add(&report->html, "</li>\n");
    }
    text_add(&report->html, "</ul>\n");
    return SK_OK;
}

static sk_status add_trace(struct report *report) {
    struct trace_input input = {.recipe = report->recipe, .world = 1};
    struct text trace = {0};
    if (report->scoring) {
        input.train_images = dataset_count(report->scoring->dataset, DATA_TRAIN);
        input.val_images = dataset_count(report->scoring->dataset, DATA_VAL);
    }
    if (input.train_images == 0) return SK_OK;
    TRY(trace_input_tensors(&input, &report->call->arena));
    sk_status status = trace_text(&input, &trace);
    if (status == SK_OK) {
        text_add(&report->html, "<h3>What the recipe does</h3><pre id=trace>");
        html_text(&report->html, trace.data);
        text_add(&report->html, "</pre>\n");
        status = add_findings(report, &input);
    }
    text_free(&trace);
    return status;
}

sk_status report_settings(struct report *report) {
    struct text recipe = {0};
    text_add(&report->html, "<section id=settings><h2>Settings</h2>\n");
    TRY(add_trace(report));
    sk_status status = recipe_show(report->recipe, true, &recipe);
    if (status == SK_OK) {
        text_add(&report->html, "<h3>The recipe</h3><pre id=recipe>");
        html_text(&report->html, recipe.data ? recipe.data : "");
        text_add(&report->html, "</pre></section>\n");
    }
    text_free(&recipe);
    return status;
}
