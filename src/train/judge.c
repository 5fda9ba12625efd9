/* judge.c — scoring the best model on the test part, and RUN/test.json.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/judge.h"

#include <string.h>

#include "train/run_folder.h"

enum { JSON_BYTES_MAX = 1 << 16 };

sk_status judge_load(struct loop *loop, const char *path) {
    struct network *best, *to = loop->network;
    TRY(network_open(path, &best));
    memcpy(to->params, best->params, (size_t)to->graph->param_elements * sizeof *to->params);
    memcpy(to->state, best->state, (size_t)to->graph->state_elements * sizeof *to->state);
    network_free(best);
    return SK_OK;
}

static sk_status keep(const char *path, const char *model, const struct metrics_result *r) {
    struct json_writer w = {0};
    jw_object(&w, NULL);
    jw_string(&w, "model", model);
    jw_integer(&w, "images", r->images);
    jw_number(&w, "loss", r->loss);
    jw_number(&w, "top1", r->top1);
    jw_number(&w, "top5", r->top5);
    jw_number(&w, "low", r->low);
    jw_number(&w, "high", r->high);
    jw_end_object(&w);
    return jw_save(&w, path);
}

static sk_status read_back(struct arena *arena, const char *path, struct metrics_result *r) {
    uint8_t *bytes;
    size_t size;
    struct json *json;
    TRY(file_read(arena, path, JSON_BYTES_MAX, &bytes, &size));
    TRY(json_parse(arena, (const char *)bytes, size, path, &json));
    r->images = json_integer(json, "images", 0);
    r->loss = json_number(json, "loss", 0);
    r->top1 = json_number(json, "top1", 0);
    r->top5 = json_number(json, "top5", 0);
    r->low = json_number(json, "low", 0);
    r->high = json_number(json, "high", 0);
    return SK_OK;
}

static sk_status score(struct loop *loop, const char *path, struct metrics_result *r) {
    const char *name = run_folder_best(loop->options.recipe);
    char *best = path_join(&loop->arena, loop->options.run, name);
    if (!best) return SK_EMEMORY;
    TRY(judge_load(loop, best));
    TRY(evaluator_run(loop->tester, r));
    int64_t corrupt = evaluator_corrupt(loop->tester)->count;
    if (corrupt)
        loop_say(loop, "warning", "%lld test pictures that cannot be decoded were left out", (long long)corrupt);
    return keep(path, name, r);
}

sk_status judge_run(struct loop *loop) {
    struct metrics_result r = {0};
    if (!loop->tester) return SK_OK;
    char *path = path_join(&loop->arena, loop->options.run, "test.json");
    if (!path) return SK_EMEMORY;
    TRY(file_exists(path) ? read_back(&loop->arena, path, &r) : score(loop, path, &r));
    loop->result->test = r;
    loop->result->has_test = true;
    loop_say(
        loop, "result line",
        "%lld test pictures, the best model: top-1 %.2f %% (95 %% interval %.2f to %.2f) · top-5 %.2f %% · loss %.4f",
        (long long)r.images, r.top1, r.low, r.high, r.top5, r.loss);
    return SK_OK;
}
