/* verb_predict.c — siskin predict: pictures from files or from a dataset, the likeliest classes of each.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/team.h"
#include "files/npy.h"
#include "verbs/array_order.h"
#include "verbs/model_arg.h"
#include "verbs/picture_arg.h"
#include "verbs/scored_part.h"
#include "verbs/sheet.h"

const struct option options_predict[] = {
    {"top", 'k', "K", "So many classes of each picture; 5 by default."},
    {"dump", 0, "X.npy", "Write the pictures as the network gets them, float32 (N,C,H,W), in their order."},
    {"sheet", 0, "OUT.png", "A contact sheet: the pictures with names and probabilities."},
    {"data", 0, "SPEC", "Take the pictures from here instead of from files."},
    {"count", 0, "N", "With --data: so many, spread evenly; 10 by default."},
    {"part", 0, "PART", "With --data: train, val or test."},
    {0},
};

enum { TOP_MOST = 100, PICTURES_MOST = 100000 };

/* One picture, as it came and as it was judged. */
struct subject {
    const char *name;
    struct picture picture; /* kept in the call's arena, where a sheet is wanted */
    int32_t label;          /* -1: unknown */
    int64_t *top;           /* (K) */
    float *share;           /* (K) probabilities */
};

struct predict {
    struct call *call;
    struct network *network;
    struct team *team;
    struct runner *runner;
    struct dataset *dataset; /* NULL: files */
    enum data_part part;
    struct preprocess preprocess;
    struct scratch scratch;
    struct subject *subjects;
    int64_t count, top;
    float *input, *logits;
    float *dump; /* (N,C,H,W) where wanted */
};

/* ---- the pictures ---- */

static sk_status read_subject(struct predict *p, int64_t i, struct picture *picture) {
    struct subject *s = &p->subjects[i];
    s->label = -1;
    if (!p->dataset) {
        s->name = p->call->arguments[1 + i];
        return picture_read(s->name, p->preprocess.exif, &p->scratch, picture);
    }
    char name[4096];
    uint32_t index = (uint32_t)(i * (int64_t)dataset_count(p->dataset, p->part) / p->count);
    s->name = arena_strdup(&p->call->arena, dataset_name(p->dataset, p->part, index, name, sizeof name));
    s->label = dataset_label(p->dataset, p->part, index);
    if (!s->name) return SK_EMEMORY;
    return dataset_read(p->dataset, p->part, index, &p->scratch, picture);
}

/* ---- the judgement ---- */

static void judge(struct predict *p, struct subject *s) {
    int64_t classes = p->network->args.num_classes;
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++) largest = p->logits[c] > largest ? (double)p->logits[c] : largest;
    for (int64_t c = 0; c < classes; c++) sum += exp((double)p->logits[c] - largest);
    for (int64_t k = 0; k < p->top; k++) {
        int64_t best = -1;
        for (int64_t c = 0; c < classes; c++) {
            bool taken = false;
            for (int64_t j = 0; j < k; j++) taken = taken || s->top[j] == c;
            if (!taken && (best < 0 || p->logits[c] > p->logits[best])) best = c;
        }
        s->top[k] = best;
        s->share[k] = (float)(exp((double)p->logits[best] - largest) / sum);
    }
}

static sk_status predict_one(struct predict *p, int64_t i) {
    struct subject *s = &p->subjects[i];
    struct picture picture;
    TRY(read_subject(p, i, &picture));
    if (call_option(p->call, "sheet")) TRY(picture_keep(&p->call->arena, &picture, &s->picture));
    sk_status status = preprocess_apply(&p->preprocess, &picture, &p->scratch, p->input);
    if (status != SK_OK) return status_prefix(status, "%s", s->name);
    const struct model_args *a = &p->network->args;
    int64_t pixels = a->height * a->width;
    if (p->dump) array_turn(p->input, 1, pixels, a->in_channels, p->dump + i * pixels * a->in_channels);
    s->top = arena_array(&p->call->arena, (size_t)p->top, sizeof *s->top);
    s->share = arena_array(&p->call->arena, (size_t)p->top, sizeof *s->share);
    if (!s->top || !s->share) return SK_EMEMORY;
    runner_run(p->runner, 1, p->input, p->logits);
    judge(p, s);
    return SK_OK;
}

/* ---- the answer ---- */

static void answer(const struct predict *p) {
    struct json_writer *w = &p->call->json;
    char name[32];
    jw_array(w, "predictions");
    for (int64_t i = 0; i < p->count; i++) {
        const struct subject *s = &p->subjects[i];
        jw_object(w, NULL);
        jw_string(w, "image", s->name);
        if (s->label >= 0) jw_integer(w, "label", s->label);
        jw_array(w, "top");
        call_result(p->call, "%s%s%s%s", s->name, s->label >= 0 ? " (" : "",
                    s->label >= 0 ? model_class_name(p->network, s->label, name, sizeof name) : "",
                    s->label >= 0 ? ")" : "");
        for (int64_t k = 0; k < p->top; k++) {
            const char *label = model_class_name(p->network, s->top[k], name, sizeof name);
            jw_object(w, NULL);
            jw_integer(w, "index", s->top[k]);
            jw_string(w, "label", label);
            jw_float(w, "score", s->share[k]);
            jw_end_object(w);
            call_result(p->call, "  %6.2f %%  %s", 100 * (double)s->share[k], label);
        }
        jw_end_array(w);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static sk_status draw_sheet(const struct predict *p, const char *path) {
    struct arena *arena = &p->call->arena;
    struct sheet_cell *cells = arena_array(arena, (size_t)p->count, sizeof *cells);
    char name[32];
    if (!cells) return SK_EMEMORY;
    for (int64_t i = 0; i < p->count; i++) {
        const struct subject *s = &p->subjects[i];
        cells[i].picture = s->picture;
        cells[i].mark = s->label >= 0 && s->top[0] != s->label;
        int lines = s->label >= 0 ? SHEET_LINES - 1 : SHEET_LINES;
        for (int k = 0; k < lines && k < p->top; k++)
            cells[i].lines[k] = arena_printf(arena, "%3.0f%% %s", 100 * (double)s->share[k],
                                             model_class_name(p->network, s->top[k], name, sizeof name));
        if (s->label >= 0)
            cells[i].lines[SHEET_LINES - 1] =
                arena_printf(arena, "true %s", model_class_name(p->network, s->label, name, sizeof name));
    }
    TRY(sheet_write(path, cells, (size_t)p->count));
    jw_string(&p->call->json, "sheet", path);
    call_result(p->call, "%s", path);
    return SK_OK;
}

static sk_status write_dump(const struct predict *p, const char *path) {
    const struct model_args *a = &p->network->args;
    struct tensor x = {
        .name = "", .dtype = F32, .shape = {4, {p->count, a->in_channels, a->height, a->width}}, .data = p->dump};
    char shape[96];
    TRY(npy_save(path, &x));
    jw_string(&p->call->json, "dump", path);
    call_result(p->call, "%s: %s, nchw", path, shape_text(&x.shape, shape, sizeof shape));
    return SK_OK;
}

/* ---- the work ---- */

static sk_status find_pictures(struct predict *p) {
    struct call *call = p->call;
    const char *spec = call_option(call, "data");
    int64_t count;
    TRY(call_integer(call, "count", 1, PICTURES_MOST, 10, &count));
    FAIL_IF(spec && call->argument_count > 1, SK_EUSAGE, "pictures come from files or from --data, not from both");
    FAIL_IF(!spec && call->argument_count < 2, SK_EUSAGE, "predict needs pictures: siskin predict MODEL IMAGE ...");
    p->count = call->argument_count - 1;
    if (!spec) return SK_OK;
    TRY(scored_part_open(call, &(struct scored_model){.spec = spec}, p->network, p->preprocess.exif, &p->dataset, &p->part));
    int64_t there = dataset_count(p->dataset, p->part);
    p->count = count < there ? count : there;
    return SK_OK;
}

static sk_status work(struct predict *p) {
    struct call *call = p->call;
    const struct model_args *args;
    int threads;
    TRY(call_integer(call, "top", 1, TOP_MOST, 5, &p->top));
    TRY(call_threads(call, &threads));
    TRY(model_open(call, call->arguments[0], true, &p->network));
    args = &p->network->args;
    if (p->top > args->num_classes) p->top = args->num_classes;
    TRY(model_preprocess(call, p->network, &p->preprocess));
    TRY(find_pictures(p));
    TRY(team_new(&p->team, threads));
    TRY(runner_new(&p->runner, p->network, &(struct runner_options){.batch = 1, .team = p->team}));
    p->subjects = arena_array(&call->arena, (size_t)p->count, sizeof *p->subjects);
    p->input = arena_array(&call->arena, (size_t)(args->height * args->width * args->in_channels), sizeof *p->input);
    p->logits = arena_array(&call->arena, (size_t)args->num_classes, sizeof *p->logits);
    if (!p->subjects || !p->input || !p->logits) return SK_EMEMORY;
    const char *dump = call_option(call, "dump"), *sheet = call_option(call, "sheet");
    int64_t floats = args->height * args->width * args->in_channels;
    if (dump) p->dump = arena_array(&call->arena, (size_t)p->count, (size_t)floats * sizeof *p->dump);
    if (dump && !p->dump) return SK_EMEMORY;
    for (int64_t i = 0; i < p->count; i++) TRY(predict_one(p, i));
    answer(p);
    if (dump) TRY(write_dump(p, dump));
    return sheet ? draw_sheet(p, sheet) : SK_OK;
}

sk_status verb_predict(struct call *call) {
    struct predict p = {.call = call};
    sk_status status = work(&p);
    scratch_free(&p.scratch);
    runner_free(p.runner);
    team_free(p.team);
    dataset_free(p.dataset);
    network_free(p.network);
    return status;
}
