/* report_chart.c — curves as SVG, with axes at round numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "verbs/report.h"

enum { WIDTH = 640, HEIGHT = 300, LEFT = 56, RIGHT = 12, TOP = 12, BOTTOM = 34, TICKS = 5 };

struct frame {
    double x_low, x_high, y_low, y_high;
};

static double across(const struct frame *f, double x) {
    return LEFT + (x - f->x_low) / (f->x_high - f->x_low) * (WIDTH - LEFT - RIGHT);
}

static double down(const struct frame *f, double y) {
    return TOP + (f->y_high - y) / (f->y_high - f->y_low) * (HEIGHT - TOP - BOTTOM);
}

static void widen(double value, double *low, double *high) {
    if (!isfinite(value)) return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

/* 1, 2 or 5 times a power of ten, so that some TICKS of them cover the span. */
static double round_step(double span) {
    double raw = span / TICKS, power = pow(10, floor(log10(raw))), lead = raw / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

/* False where there is nothing to show. */
static bool frame_make(const struct chart *chart, struct frame *f) {
    *f = (struct frame){INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t s = 0; s < chart->count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++) {
            widen(chart->series[s].x[i], &f->x_low, &f->x_high);
            widen(chart->series[s].y[i], &f->y_low, &f->y_high);
        }
    if (!(f->x_low <= f->x_high && f->y_low <= f->y_high)) return false;
    for (size_t i = 0; i < chart->band_count; i++) {
        if (chart->bands[i].x > f->x_high) continue;
        widen(chart->bands[i].low, &f->y_low, &f->y_high);
        widen(chart->bands[i].high, &f->y_low, &f->y_high);
    }
    if (f->x_low == f->x_high) f->x_low -= 1, f->x_high += 1;
    if (f->y_low == f->y_high) f->y_low -= fabs(f->y_low) / 2 + 1e-9, f->y_high += fabs(f->y_high) / 2 + 1e-9;
    double step = round_step(f->y_high - f->y_low);
    f->y_low = floor(f->y_low / step) * step;
    f->y_high = ceil(f->y_high / step) * step;
    return true;
}

static void draw_axes(struct text *html, const struct frame *f, const char *label) {
    double step = round_step(f->y_high - f->y_low);
    for (double y = f->y_low; y <= f->y_high + step / 2; y += step) {
        text_addf(html, "<line class=grid x1=%d x2=%d y1=%.1f y2=%.1f />", LEFT, WIDTH - RIGHT, down(f, y), down(f, y));
        text_addf(html, "<text x=%d y=%.1f text-anchor=end>%g</text>", LEFT - 6, down(f, y) + 4,
                  fabs(y) < step / 1e6 ? 0 : y);
    }
    step = round_step(f->x_high - f->x_low);
    for (double x = ceil(f->x_low / step) * step; x <= f->x_high; x += step)
        text_addf(html, "<text x=%.1f y=%d text-anchor=middle>%g</text>", across(f, x), HEIGHT - BOTTOM + 16, x);
    text_addf(html, "<text x=%d y=%d text-anchor=end>", WIDTH - RIGHT, HEIGHT - 4);
    html_text(html, label);
    text_add(html, "</text>");
}

static void add_numbers(struct text *html, const char *name, const double *values, size_t count) {
    struct json_writer w = {0};
    jw_array(&w, NULL);
    for (size_t i = 0; i < count; i++) jw_number(&w, NULL, values[i]);
    jw_end_array(&w);
    text_addf(html, " %s=\"%s\"", name, text_check(&w.text) == SK_OK ? w.text.data : "");
    if (w.text.failed) html->failed = true;
    text_free(&w.text);
}

/* A curve breaks where a number is not finite. */
static void draw_series(struct text *html, const struct frame *f, const struct chart_series *s, size_t number) {
    bool pen = false;
    text_addf(html, "<path class=\"curve c%zu\" data-name=\"%s\"", number, s->name);
    add_numbers(html, "data-x", s->x, s->count);
    add_numbers(html, "data-y", s->y, s->count);
    text_add(html, " d=\"");
    for (size_t i = 0; i < s->count; i++) {
        bool whole = isfinite(s->x[i]) && isfinite(s->y[i]);
        if (whole) text_addf(html, "%c%.2f %.2f", pen ? 'L' : 'M', across(f, s->x[i]), down(f, s->y[i]));
        if (whole && s->count == 1) text_add(html, "h0.1");
        pen = whole;
    }
    text_add(html, "\"/>");
}

static void draw_bands(struct text *html, const struct frame *f, const struct chart *chart) {
    for (size_t i = 0; i < chart->band_count; i++) {
        const struct chart_band *b = &chart->bands[i];
        if (b->x > f->x_high) continue;
        text_addf(html, "<line class=band x1=%.1f x2=%.1f y1=%.1f y2=%.1f><title>expected %g to %g</title></line>",
                  across(f, b->x), across(f, b->x), down(f, b->low), down(f, b->high), b->low, b->high);
    }
}

void chart_draw(struct text *html, const struct chart *chart) {
    struct frame f;
    if (!frame_make(chart, &f)) return;
    text_addf(html, "<figure id=\"%s\"><figcaption>", chart->id);
    html_text(html, chart->title);
    for (size_t s = 0; s < chart->count; s++) {
        if (chart->series[s].count == 0) continue;
        text_addf(html, " <span class=\"key k%zu\">", s);
        html_text(html, chart->series[s].label);
        text_add(html, "</span>");
    }
    text_addf(html,
              " <output></output></figcaption><svg viewBox=\"0 0 %d %d\" data-left=%d data-right=%d data-top=%d "
              "data-bottom=%d data-x-low=\"%.17g\" data-x-high=\"%.17g\" data-y-low=\"%.17g\" data-y-high=\"%.17g\">",
              WIDTH, HEIGHT, LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM, f.x_low, f.x_high, f.y_low, f.y_high);
    draw_axes(html, &f, chart->x_label);
    draw_bands(html, &f, chart);
    for (size_t s = 0; s < chart->count; s++)
        if (chart->series[s].count) draw_series(html, &f, &chart->series[s], s);
    text_add(html, "</svg></figure>\n");
}
