/* verb_eval.c — siskin eval: loss, top-1 and top-5 over exactly all pictures of one part.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/team.h"
#include "train/evaluate.h"
#include "train/progress.h"
#include "verbs/model_arg.h"
#include "verbs/scored_part.h"

const struct option options_eval[] = {
    {"data", 0, "SPEC", "The pictures (a run's own by default): fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR, or a path."},
    {"part", 0, "PART", "train, val or test; by default test where there is one, else val."},
    {"weights", 0, "NAME", "Of a run: best, last, best_ema, last_ema or average; by default its best."},
    {"batch", 0, "N", "Pictures per pass; by default 64."},
    {"confusion", 0, NULL, "Count true against predicted classes; a table for at most 20 of them."},
    {"reference", 0, NULL, "Every op by its reference, in double."},
    {0},
};

struct scoring {
    struct call *call;
    struct progress progress;
    struct network *network;
    struct dataset *dataset;
    struct pipeline pipeline;
    struct team *team;
    struct evaluator *evaluator;
    enum data_part part;
};

static void show_progress(void *user, int64_t done, int64_t all) {
    struct scoring *s = user;
    progress_evaluation(&s->progress, done, all);
}

static sk_status prepare(struct scoring *s) {
    const struct call *call = s->call;
    struct scored_model model;
    int64_t batch;
    int threads;
    TRY(scored_model(s->call, s->call->arguments[0], &model));
    if (!model.spec) TRY(call_need(call, "data", &model.spec));
    TRY(call_integer(call, "batch", 1, 65536, 64, &batch));
    TRY(call_threads(call, &threads));
    TRY(model_open(call, model.path, true, &s->network));
    struct augment_options augment = augment_default();
    TRY(model_preprocess(call, s->network, &augment.preprocess));
    TRY(pipeline_prepare(&s->pipeline, &augment));
    TRY(scored_part_open(call, &model, s->network, augment.preprocess.exif, &s->dataset, &s->part));
    TRY(team_new(&s->team, threads));
    int room = cpu_cores() - threads;
    struct evaluator_options options = {.network = s->network,
                                        .dataset = s->dataset,
                                        .pipeline = &s->pipeline,
                                        .part = s->part,
                                        .team = s->team,
                                        .batch_size = (int)batch,
                                        .workers = room > 0 ? room : 0,
                                        .reference = call_switch(call, "reference"),
                                        .confusion = call_switch(call, "confusion"),
                                        .stop = &call_stop,
                                        .progress = show_progress,
                                        .user = s};
    return evaluator_new(&s->evaluator, &options);
}

/* ---- the confusion table ---- */

enum { TABLE_CLASSES = 20 };

static void confusion_json(struct json_writer *w, const struct metrics *m) {
    jw_array(w, "confusion");
    for (int t = 0; t < m->classes; t++) {
        jw_array(w, NULL);
        for (int p = 0; p < m->classes; p++) jw_integer(w, NULL, m->confusion[(int64_t)t * m->classes + p]);
        jw_end_array(w);
    }
    jw_end_array(w);
}

static void confusion_text(const struct scoring *s, const struct metrics *m) {
    char line[512], name[32];
    int length = snprintf(line, sizeof line, "%-16s", "true \\ predicted");
    for (int p = 0; p < m->classes; p++) length += snprintf(line + length, sizeof line - (size_t)length, "%6d", p);
    call_result(s->call, "%s   right", line);
    for (int t = 0; t < m->classes; t++) {
        int64_t images, right;
        length = snprintf(line, sizeof line, "%2d %-13.13s", t, model_class_name(s->network, t, name, sizeof name));
        for (int p = 0; p < m->classes; p++)
            length += snprintf(line + length, sizeof line - (size_t)length, "%6lld",
                               (long long)m->confusion[(int64_t)t * m->classes + p]);
        metrics_class(m, t, &images, &right);
        call_result(s->call, "%s  %5.1f %%", line, images ? 100.0 * (double)right / (double)images : 0.0);
    }
}

static void answer(struct scoring *s, struct call *call, const struct metrics_result *r, double seconds) {
    struct json_writer *w = &call->json;
    const struct metrics *m = evaluator_metrics(s->evaluator);
    uint64_t damaged = evaluator_damaged(s->evaluator);
    jw_string(w, "part", data_part_name(s->part));
    metrics_write(r, w);
    jw_number(w, "images_per_s", seconds > 0 ? (double)r->images / seconds : 0);
    jw_integer(w, "damaged", (int64_t)damaged);
    if (m->confusion) confusion_json(w, m);
    if (damaged)
        call_warning(call, "%llu pictures were read although their files are damaged", (unsigned long long)damaged);
    call_result(call,
                "%lld %s pictures · loss %.4f · top-1 %.2f %% (95 %% interval %.2f to %.2f) · top-5 %.2f %% · %.0f "
                "images/s",
                (long long)r->images, data_part_name(s->part), r->loss, r->top1, r->low, r->high, r->top5,
                seconds > 0 ? (double)r->images / seconds : 0);
    if (m->confusion && m->classes <= TABLE_CLASSES) confusion_text(s, m);
    if (m->confusion && m->classes > TABLE_CLASSES)
        call_note(call, "the confusion table of %d classes is in the JSON answer (--json)", m->classes);
}

sk_status verb_eval(struct call *call) {
    struct scoring s = {.call = call, .progress = {.on_event = call->on_event, .user = call->user}};
    struct metrics_result result;
    sk_status status = prepare(&s);
    double began = clock_seconds();
    if (status == SK_OK) status = evaluator_run(s.evaluator, &result);
    if (status == SK_OK) answer(&s, call, &result, clock_seconds() - began);
    evaluator_free(s.evaluator);
    team_free(s.team);
    dataset_free(s.dataset);
    network_free(s.network);
    return status;
}
