/* report.h — RUN/report.html: one file that shows what a run did, needs nothing else, and asks nothing of the network.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_REPORT_H
#define SK_VERBS_REPORT_H

#include "verbs/scoring.h"

/* What the page is made of; any of the pointers after `recipe` may be NULL: that part is then left out. */
struct report {
    struct call *call;
    const char *run;
    const struct recipe *recipe;
    const struct json **lines; /* of log.jsonl */
    size_t line_count;
    const struct scoring *scoring; /* best.safetensors over a part */
    struct text html;
};

/* Score the run's best model and write the page; `path` NULL: RUN/report.html. */
sk_status report_write(struct call *call, const char *run, const char *path);
/* What train and resume do when a run is over and its recipe wants a report: a failure is a warning, the run is whole. */
void report_after(const struct call *call, const char *run);

/* ---- the parts of the page ---- */

void report_curves(struct report *report);
void report_calibration(struct report *report);
void report_confusion(struct report *report);
void report_classes(struct report *report);
sk_status report_mistakes(struct report *report);
sk_status report_settings(struct report *report);

/* ---- words and drawings ---- */

/* Text between tags or in an attribute, with what HTML would read as its own written otherwise. */
void html_text(struct text *html, const char *text);
/* A page's beginning, up to its heading; the caller ends it with </html>. */
void html_begin(struct text *html, const char *title);
/* A PNG inside the page. */
sk_status html_picture(struct text *html, const struct picture *picture, const char *alt);

struct chart_series {
    const char *name, *label; /* "val_top1", "validation" */
    const double *x, *y;
    size_t count;
};
struct chart_band {
    double x, low, high;
};
struct chart {
    const char *id, *title, *x_label;
    const struct chart_series *series;
    size_t count;
    const struct chart_band *bands; /* where the recipe expects the curve */
    size_t band_count;
};
/* As SVG; every curve carries its numbers in data-x and data-y, with all their digits. Nothing where no curve has a point. */
void chart_draw(struct text *html, const struct chart *chart);

#endif
