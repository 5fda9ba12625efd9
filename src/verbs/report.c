/* report.c — collecting what the page is made of, and the page around its parts.
 *
 * The page's only script shows a curve's numbers under the pointer; without it nothing else is missing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/report.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/png_write.h"
#include "train/run_folder.h"

enum { LOG_BYTES_MAX = 1 << 28 };

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:1360px;margin:2em auto;padding:0 "
    "1em;color:#1b1f24;background:#fff}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}.charts{display:flex;flex-wrap:wrap;gap:1em}"
    ".charts figure{margin:0;flex:1 1 "
    "520px;max-width:660px}figcaption{font-size:.9em}svg{width:100%;height:auto;font-size:11px}"
    "svg "
    "text{fill:currentColor}.grid{stroke:#8884;stroke-width:1}.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}"
    ".c0{stroke:#1f6fb2}.c1{stroke:#c8511b}.c2{stroke:#2f8f4e}.key::before{content:'\\25AC ';}"
    ".k0::before{color:#1f6fb2}.k1::before{color:#c8511b}.k2::before{color:#2f8f4e}.key{margin-left:.8em}"
    ".band{stroke:#8888;stroke-width:7}output{float:right}table{border-collapse:collapse;font-size:.9em}"
    "th,td{padding:.15em .6em;text-align:right;border-bottom:1px solid "
    "#8883}th:first-child,td:first-child{text-align:left}"
    ".wide{overflow-x:auto}.turn span{writing-mode:vertical-rl;transform:rotate(180deg)}"
    ".hit{background:rgba(47,143,78,calc(var(--share)*.6))}.miss{background:rgba(200,81,27,calc(var(--share)*2))}"
    ".pictures{display:flex;flex-wrap:wrap;gap:1em}.mistake{margin:0;width:150px;font-size:.85em;overflow-wrap:"
    "anywhere}"
    ".mistake img{max-width:100%}pre{overflow-x:auto;background:#8881;padding:.8em;font-size:.85em}"
    ".big{font-size:1.3em}@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16191d}}";

static const char script[] =
    "for(const svg of document.querySelectorAll('svg')){const d=svg.dataset,out=svg.parentNode.querySelector('output');"
    "svg.addEventListener('pointermove',e=>{const "
    "b=svg.getBoundingClientRect(),u=(e.clientX-b.left)/b.width*svg.viewBox.baseVal.width;"
    "const x=+d.xLow+(u-d.left)/(d.right-d.left)*(d.xHigh-d.xLow);const words=[];"
    "for(const c of svg.querySelectorAll('.curve')){const xs=JSON.parse(c.dataset.x),ys=JSON.parse(c.dataset.y);let "
    "k=0;"
    "xs.forEach((v,i)=>{if(Math.abs(v-x)<Math.abs(xs[k]-x))k=i});words.push(+xs[k].toPrecision(5)+': "
    "'+(ys[k]===null?'not finite':+ys[k].toPrecision(5)))}"
    "out.textContent=words.join('  |  ')});svg.addEventListener('pointerleave',()=>out.textContent='')}";

void html_text(struct text *html, const char *text) {
    for (; *text; text++) switch (*text) {
        case '&': text_add(html, "&amp;"); break;
        case '<': text_add(html, "&lt;"); break;
        case '>': text_add(html, "&gt;"); break;
        case '"': text_add(html, "&quot;"); break;
        default: text_add_n(html, text, 1);
        }
}

void html_begin(struct text *html, const char *title) {
    text_add(html,
             "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
             "<link rel=icon href=\"data:,\"><title>");
    html_text(html, title);
    text_addf(html, "</title><style>%s</style>\n<h1>", style);
    html_text(html, title);
    text_add(html, "</h1>\n");
}

/* RFC 4648. */
static void add_base64(struct text *html, const uint8_t *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t left = (uint32_t)(size - i), word = (uint32_t)bytes[i] << 16;
        if (left > 1) word |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) word |= bytes[i + 2];
        char four[4] = {digits[word >> 18], digits[word >> 12 & 63], left > 1 ? digits[word >> 6 & 63] : '=',
                        left > 2 ? digits[word & 63] : '='};
        text_add_n(html, four, 4);
    }
}

sk_status html_picture(struct text *html, const struct picture *picture, const char *alt) {
    struct text png = {0};
    sk_status status = encode_png(picture, &png);
    if (status == SK_OK) {
        text_add(html, "<img alt=\"");
        html_text(html, alt);
        text_add(html, "\" src=\"data:image/png;base64,");
        add_base64(html, (const uint8_t *)png.data, png.length);
        text_add(html, "\">");
    }
    text_free(&png);
    return status;
}

/* ---- what there is ---- */

static sk_status read_log(struct report *report, const char *path) {
    struct arena *arena = &report->call->arena;
    uint8_t *bytes;
    size_t size, lines = 0;
    TRY(file_read(arena, path, LOG_BYTES_MAX, &bytes, &size));
    for (size_t i = 0; i < size; i++) lines += bytes[i] == '\n';
    report->lines = arena_array(arena, lines + 1, sizeof *report->lines);
    if (!report->lines) return SK_EMEMORY;
    const char *at = (const char *)bytes;
    for (size_t i = 0; i < lines; i++) {
        const char *end = strchr(at, '\n'), *what = arena_printf(arena, "%s: line %zu", path, i + 1);
        struct json *line;
        if (!end || !what) return end ? SK_EMEMORY : status_fail(SK_EFORMAT, "%s holds a zero byte", path);
        TRY(json_parse(arena, at, (size_t)(end - at), what, &line));
        report->lines[report->line_count++] = line;
        at = end + 1;
    }
    return SK_OK;
}

/* ---- the page ---- */

static void row(struct text *html, const char *name, const char *id, const char *value) {
    text_addf(html, "<tr><td>%s</td><td id=\"%s\">", name, id);
    html_text(html, value);
    text_add(html, "</td></tr>\n");
}

static void add_accuracy(struct report *report) {
    const struct scoring *s = report->scoring;
    struct metrics_result r = s->result;
    text_addf(&report->html,
              "<p class=big>top-1 <b id=accuracy data-top1=\"%.17g\" data-low=\"%.17g\" data-high=\"%.17g\" "
              "data-images=%lld>%.2f %%</b> (95 %% interval %.2f to "
              "%.2f) on %lld %s pictures; top-5 %.2f %%, loss %.4f</p>\n",
              r.top1, r.low, r.high, (long long)r.images, r.top1, r.low, r.high, (long long)r.images,
              data_part_name(s->part), r.top5, r.loss);
    int64_t corrupt = evaluator_corrupt(s->evaluator)->count;
    if (corrupt)
        text_addf(&report->html, "<p id=corrupt>%lld pictures that cannot be decoded were left out.</p>\n",
                  (long long)corrupt);
    if (s->part != DATA_TEST)
        text_add(
            &report->html,
            "<p>The best epoch was chosen by these very pictures, so that new ones may fare a little worse.</p>\n");
}

static const struct json *last_epoch(const struct report *report) {
    for (size_t i = report->line_count; i-- > 0;)
        if (strcmp(json_string(report->lines[i], "kind", ""), "epoch") == 0) return report->lines[i];
    return NULL;
}

static void add_head(struct report *report) {
    const struct recipe *recipe = report->recipe;
    const struct json *last = last_epoch(report);
    struct text *html = &report->html;
    char value[128], time[32];
    html_begin(html, report->run);
    if (report->scoring) add_accuracy(report);
    text_add(html, "<table id=facts>\n");
    row(html, "model", "model", recipe->model_name);
    row(html, "data", "data", recipe->data_spec);
    if (last) {
        snprintf(value, sizeof value, "%lld of %lld", (long long)json_integer(last, "epoch", 0),
                 (long long)recipe->epochs);
        row(html, "epochs", "epochs", value);
        snprintf(value, sizeof value, "%lld", (long long)json_integer(last, "step", 0));
        row(html, "optimizer steps", "steps", value);
        row(html, "time", "time", duration_text(json_number(last, "seconds", 0), time, sizeof time));
    }
    snprintf(value, sizeof value, "%lld", (long long)recipe->seed);
    row(html, "seed", "seed", value);
    text_add(html, "</table>\n");
}

static sk_status compose(struct report *report) {
    add_head(report);
    report_curves(report);
    report_confusion(report);
    TRY(report_mistakes(report));
    report_classes(report);
    report_calibration(report);
    TRY(report_settings(report));
    text_addf(&report->html, "<script>%s</script></html>\n", script);
    return text_check(&report->html);
}

static sk_status collect(struct report *report, struct scoring *scoring) {
    struct arena *arena = &report->call->arena;
    struct recipe *recipe = arena_array(arena, 1, sizeof *recipe);
    char *log = path_join(arena, report->run, "log.jsonl");
    char *best = path_join(arena, report->run, "best.safetensors");
    if (!recipe || !log || !best) return SK_EMEMORY;
    TRY(run_folder_open(report->run, arena, recipe));
    report->recipe = recipe;
    TRY(read_log(report, log));
    if (!file_exists(best)) return SK_OK; /* no epoch is over: curves alone */
    TRY(scoring_open(scoring, report->call, report->run, true));
    TRY(scoring_run(scoring));
    report->scoring = scoring;
    return SK_OK;
}

sk_status report_write(struct call *call, const char *run, const char *path) {
    struct report report = {.call = call, .run = run};
    struct scoring scoring = {0};
    sk_status status = SK_OK;
    if (!path) path = path_join(&call->arena, run, "report.html");
    if (!path) return SK_EMEMORY;
    status = collect(&report, &scoring);
    if (status == SK_OK) status = compose(&report);
    if (status == SK_OK) status = file_replace(path, report.html.data, report.html.length);
    if (status == SK_OK) {
        jw_string(&call->json, "report", path);
        if (report.scoring) metrics_write(&scoring.result, &call->json);
        if (report.scoring) status = scoring_tell_corrupt(&scoring);
        call_result(call, "%s", path);
    }
    scoring_close(&scoring);
    text_free(&report.html);
    return status;
}

/* A call of its own, since the options of train and resume mean other things. */
void report_after(const struct call *call, const char *run) {
    struct call own = {.threads_text = call->threads_text, .on_event = call->on_event, .user = call->user};
    sk_status status = verb_find("report", &own.verb);
    if (status == SK_OK) status = report_write(&own, run, NULL);
    if (status != SK_OK) call_warning(call, "the run is whole, but has no report: %s", sk_error());
    text_free(&own.json.text);
    arena_free(&own.arena);
}
