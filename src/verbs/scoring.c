/* scoring.c — what eval and report have in common.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/scoring.h"

#include <string.h>

#include "base/cpu.h"
#include "verbs/model_arg.h"

static void show_progress(void *user, int64_t done, int64_t all) {
    struct scoring *s = user;
    progress_evaluation(&s->progress, done, all);
}

static sk_status open_network(struct scoring *s, const char *path, struct augment_options *augment) {
    TRY(model_open(s->call, path, true, &s->network));
    *augment = augment_default();
    TRY(model_preprocess(s->call, s->network, &augment->preprocess));
    return pipeline_prepare(&s->pipeline, augment);
}

static sk_status open_evaluator(struct scoring *s, bool confusion) {
    int64_t batch;
    TRY(call_integer(s->call, "batch", 1, 65536, 64, &batch));
    int room = cpu_cores() - team_size(s->team);
    s->scores = arena_array(&s->call->arena, dataset_count(s->dataset, s->part), sizeof *s->scores);
    if (!s->scores) return SK_EMEMORY;
    struct evaluator_options options = {.network = s->network,
                                        .dataset = s->dataset,
                                        .pipeline = &s->pipeline,
                                        .part = s->part,
                                        .team = s->team,
                                        .batch_size = (int)batch,
                                        .workers = room > 0 ? room : 0,
                                        .reference = call_switch(s->call, "reference"),
                                        .confusion = confusion,
                                        .skip_corrupt = s->skip_corrupt,
                                        .scores = s->scores,
                                        .stop = &call_stop,
                                        .progress = show_progress,
                                        .user = s};
    return evaluator_new(&s->evaluator, &options);
}

static void begin(struct scoring *s, struct call *call) {
    *s = (struct scoring){.call = call, .progress = {.on_event = call->on_event, .user = call->user}};
}

sk_status scoring_open(struct scoring *s, struct call *call, const char *argument, bool confusion) {
    struct scored_model model;
    struct augment_options augment;
    int threads;
    begin(s, call);
    TRY(scored_model(call, argument, &model));
    if (!model.spec) TRY(call_need(call, "data", &model.spec));
    s->spec = model.spec;
    s->skip_corrupt = model.skip_corrupt || call_switch(call, "skip-corrupt");
    TRY(call_threads(call, &threads));
    TRY(open_network(s, model.path, &augment));
    TRY(scored_part_open(call, &model, s->network, augment.preprocess.exif, &s->dataset, &s->part));
    TRY(team_new(&s->team, threads));
    return open_evaluator(s, confusion);
}

sk_status scoring_open_beside(struct scoring *s, const struct scoring *first, const char *argument) {
    struct scored_model model;
    struct augment_options augment;
    begin(s, first->call);
    TRY(scored_model(s->call, argument, &model));
    s->borrows = true;
    s->skip_corrupt = first->skip_corrupt;
    s->spec = first->spec, s->dataset = first->dataset, s->part = first->part, s->team = first->team;
    TRY(open_network(s, model.path, &augment));
    FAIL_IF(s->network->args.num_classes != first->network->args.num_classes, SK_EDATA,
            "%s has %lld classes, but the model beside it has %lld: they cannot be compared", argument,
            (long long)s->network->args.num_classes, (long long)first->network->args.num_classes);
    if (augment.preprocess.exif != first->pipeline.options.preprocess.exif)
        call_warning(s->call, "%s treats the EXIF orientation differently: pictures are turned as for the other model",
                     argument);
    return open_evaluator(s, false);
}

sk_status scoring_run(struct scoring *s) {
    return evaluator_run(s->evaluator, &s->result);
}

/* The evaluator keeps what log.jsonl would say: one line of JSON a picture. */
sk_status scoring_tell_corrupt(struct scoring *s) {
    enum { NAMED = 5 };
    const struct corrupt *corrupt = evaluator_corrupt(s->evaluator);
    struct arena *arena = &s->call->arena;
    const char *at = corrupt->lines.data;
    if (corrupt->count == 0) return SK_OK;
    call_warning(s->call, "%lld pictures that cannot be decoded were left out; scored are the other %lld",
                 (long long)corrupt->count, (long long)s->result.images);
    jw_array(&s->call->json, "corrupt");
    for (int64_t i = 0; i < corrupt->count; i++) {
        const char *end = strchr(at, '\n');
        struct json *line;
        TRY(json_parse(arena, at, (size_t)(end - at), "a picture left out", &line));
        const char *picture = json_string(line, "picture", ""), *why = json_string(line, "why", "");
        jw_object(&s->call->json, NULL);
        jw_string(&s->call->json, "picture", picture);
        jw_string(&s->call->json, "why", why);
        jw_end_object(&s->call->json);
        if (i < NAMED) call_warning(s->call, "left out: %s", why);
        at = end + 1;
    }
    jw_end_array(&s->call->json);
    if (corrupt->count > NAMED) call_note(s->call, "the JSON answer (--json) names all of them");
    return SK_OK;
}

void scoring_close(struct scoring *s) {
    evaluator_free(s->evaluator);
    network_free(s->network);
    if (s->borrows) return;
    team_free(s->team);
    dataset_free(s->dataset);
}
