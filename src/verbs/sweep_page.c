/* sweep_page.c — one row a choice: its values, its accuracy with the interval drawn, what it gains on the first one.
 *
 * All intervals are drawn on one scale, so that choices whose intervals lie apart are seen at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/sweep_page.h"

#include <math.h>

#include "base/file.h"
#include "verbs/report.h"

enum { WIDE = 240, TALL = 16, EDGE = 4 };

struct scale {
    double low, high; /* in % */
};

static struct scale scale_of(const struct sweep *sweep, const struct sweep_row *rows) {
    struct scale s = {100, 0};
    for (size_t p = 0; p < sweep->point_count; p++) {
        if (!rows[p].runs) continue;
        s.low = fmin(s.low, fmax(0, fmin(rows[p].low, rows[p].top1)));
        s.high = fmax(s.high, fmin(100, fmax(rows[p].high, rows[p].top1)));
    }
    return s;
}

static double place(const struct scale *s, double value) {
    double share = s->high > s->low ? (value - s->low) / (s->high - s->low) : 0.5;
    return EDGE + fmin(fmax(share, 0), 1) * (WIDE - 2 * EDGE);
}

static void draw(struct text *html, const struct scale *s, const struct sweep_row *row) {
    text_addf(html,
              "<svg style=\"width:%dpx\" viewBox=\"0 0 %d %d\"><line class=band x1=%.1f x2=%.1f y1=%d y2=%d />"
              "<circle cx=%.1f cy=%d r=3 /></svg>",
              WIDE, WIDE, TALL, place(s, row->low), place(s, row->high), TALL / 2, TALL / 2, place(s, row->top1),
              TALL / 2);
}

static void add_gain(struct text *html, const struct sweep_row *row) {
    if (!row->pairs) {
        text_add(html, "<td></td><td></td><td></td>");
        return;
    }
    text_addf(html, "<td>%+.2f", row->difference);
    if (row->pairs > 1) text_addf(html, " (%+.2f to %+.2f)", row->difference_low, row->difference_high);
    text_addf(html, "</td><td>%+.2f to %+.2f</td><td>%.2g</td>", row->pictures.low, row->pictures.high,
              row->pictures.p);
}

/* The runs of a point; those that have a report as links to it. */
static sk_status add_runs(struct text *html, const struct sweep *sweep, size_t point) {
    struct arena arena = {0};
    sk_status status = SK_OK;
    text_add(html, "<td>");
    for (size_t r = point; r < sweep->run_count && status == SK_OK; r += sweep->point_count) {
        const struct sweep_run *run = &sweep->runs[r];
        char *report = path_join(&arena, run->path, "report.html");
        if (!report) status = SK_EMEMORY;
        if (!report || (!run->images && !run->diverged)) continue;
        bool linked = file_exists(report);
        if (linked) {
            text_add(html, "<a href=\"");
            html_text(html, path_base(run->path));
            text_add(html, "/report.html\">");
        }
        text_addf(html, "seed %lld", (long long)run->seed);
        if (run->fold) text_addf(html, " fold %d", run->fold);
        text_add(html, linked ? "</a>: " : ": ");
        if (run->diverged)
            text_add(html, "diverged<br>");
        else
            text_addf(html, "%.2f %%<br>", run->top1);
    }
    text_add(html, "</td>");
    arena_free(&arena);
    return status;
}

static sk_status add_row(struct text *html, const struct sweep *sweep, const struct sweep_row *row, bool best,
                         const struct scale *scale) {
    const struct sweep_point *point = &sweep->points[row->point];
    text_addf(html, "<tr%s>", best ? " id=best" : "");
    for (size_t a = 0; a < sweep->axis_count; a++) {
        text_add(html, "<td>");
        html_text(html, point->values[a]);
        text_add(html, "</td>");
    }
    if (row->runs) {
        text_addf(html, "<td data-top1=\"%.17g\"><b>%.2f %%</b> (%.2f to %.2f)</td><td>", row->top1, row->top1,
                  row->low, row->high);
        draw(html, scale, row);
        text_add(html, "</td>");
    } else {
        text_add(html, row->diverged ? "<td>diverged</td><td></td>" : "<td>not made yet</td><td></td>");
    }
    add_gain(html, row);
    TRY(add_runs(html, sweep, row->point));
    text_add(html, "</tr>\n");
    return SK_OK;
}

static sk_status compose(struct text *html, const struct sweep *sweep, const struct sweep_row *rows, size_t best) {
    struct scale scale = scale_of(sweep, rows);
    html_begin(html, sweep->options.folder);
    text_add(html, "<p>");
    html_text(html, sweep->base->model_name);
    text_add(html, " on ");
    html_text(html, sweep->base->data_spec);
    text_addf(
        html,
        ": %zu of %zu runs are made. Top-1 is a mean over a choice's runs, with its 95 %% interval; gains are beside "
        "the first row, over pairs of runs of one seed and fold. The best row (bold edge) was chosen by these very "
        "pictures, which flatter it: judge it on others. Its recipe: <a href=\"best.yaml\">best.yaml</a>.</p>\n",
        sweep->made, sweep->run_count);
    text_add(html, "<style>#best{outline:2px solid #2f8f4e}</style><div class=wide><table id=sweep><tr>");
    for (size_t a = 0; a < sweep->axis_count; a++) {
        text_add(html, "<th>");
        html_text(html, sweep->axes[a].key);
        text_add(html, "</th>");
    }
    text_addf(html,
              "<th>top-1</th><th>%.2f to %.2f %%</th><th>gain (over runs)</th><th>gain over pictures</th>"
              "<th>p (McNemar)</th><th>runs</th></tr>\n",
              scale.low, scale.high);
    for (size_t p = 0; p < sweep->point_count; p++)
        TRY(add_row(html, sweep, &rows[p], sweep->made && p == best, &scale));
    text_add(html, "</table></div></html>\n");
    return text_check(html);
}

sk_status sweep_page_write(const struct sweep *sweep, const struct sweep_row *rows, size_t best) {
    struct text html = {0};
    char *path = path_join(sweep->arena, sweep->options.folder, "sweep.html");
    sk_status status = path ? compose(&html, sweep, rows, best) : SK_EMEMORY;
    if (status == SK_OK) status = file_replace(path, html.data, html.length);
    text_free(&html);
    return status;
}
