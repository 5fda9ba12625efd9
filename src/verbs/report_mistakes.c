/* report_mistakes.c — the pictures that the best model is most surely wrong about.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/resize.h"
#include "verbs/model_arg.h"
#include "verbs/report.h"

enum { SHOWN = 24, SIDE = 128 };

/* Small pictures are enlarged by a whole factor, large ones shrunk to SIDE. */
static sk_status add_picture(struct text *html, const struct picture *whole, const char *name,
                             struct scratch *scratch) {
    struct picture shown;
    int longer = whole->height > whole->width ? whole->height : whole->width, zoom = SIDE / longer;
    int height = zoom ? whole->height * zoom : (int)((int64_t)whole->height * SIDE / longer);
    int width = zoom ? whole->width * zoom : (int)((int64_t)whole->width * SIDE / longer);
    TRY(resize_picture(whole, NULL, height < 1 ? 1 : height, width < 1 ? 1 : width,
                       zoom ? RESIZE_NEAREST : RESIZE_BILINEAR, scratch, &shown));
    return html_picture(html, &shown, name);
}

static sk_status add_mistake(struct report *report, int64_t index, struct scratch *scratch) {
    const struct scoring *s = report->scoring;
    const struct score *score = &s->scores[index];
    struct text *html = &report->html;
    struct picture picture;
    char name[256], class_text[32];
    TRY(dataset_read(s->dataset, s->part, (uint32_t)index, scratch, &picture));
    dataset_name(s->dataset, s->part, (uint32_t)index, name, sizeof name);
    text_add(html, "<figure class=mistake>");
    TRY(add_picture(html, &picture, name, scratch));
    text_addf(html, "<figcaption><b>");
    html_text(html, model_class_name(s->network, score->first, class_text, sizeof class_text));
    text_addf(html, "</b> %.1f %%<br>is: ", 100 * (double)score->confidence);
    html_text(html, model_class_name(s->network, score->label, class_text, sizeof class_text));
    text_addf(html, " %.1f %%<br><small>", 100 * (double)score->own);
    html_text(html, name);
    text_add(html, "</small></figcaption></figure>\n");
    return SK_OK;
}

sk_status report_mistakes(struct report *report) {
    const struct scoring *s = report->scoring;
    struct scratch scratch = {0};
    int64_t order[SHOWN];
    sk_status status = SK_OK;
    if (!s) return SK_OK;
    int64_t count = scores_worst(s->scores, dataset_count(s->dataset, s->part), SHOWN, order);
    text_add(&report->html, "<section id=mistakes><h2>Surest mistakes</h2><div class=pictures>\n");
    for (int64_t i = 0; i < count && status == SK_OK; i++) status = add_mistake(report, order[i], &scratch);
    text_add(&report->html, count ? "</div></section>\n" : "</div><p>None.</p></section>\n");
    scratch_free(&scratch);
    return status;
}
