/* loop_scores.c — writing and reading RUN/scores.csv: label,predicted,confidence, one line a validation picture in order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/loop_scores.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/judge.h"

enum { SCORES_BYTES_MAX = 1 << 30 };
static const char heading[] = "label,predicted,confidence\n";

sk_status loop_scores_begin(struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    if (!loop->options.keep_scores) return SK_OK;
    FAIL_IF(loop->at.val_images == 0, SK_EDATA, "%s has no validation pictures to compare runs on; set data.split",
            recipe->data_spec);
    FAIL_IF(recipe->eval_stream != CHOICE_STREAM_ONCE || recipe->data_corrupt == CHOICE_CORRUPT_SKIP, SK_EUSAGE,
            "runs are compared picture by picture: eval.stream must be once and data.corrupt error");
    loop->scores = arena_array(&loop->arena, (size_t)loop->at.val_images, sizeof *loop->scores);
    return loop->scores ? SK_OK : SK_EMEMORY;
}

static sk_status keep(const struct loop *loop, const char *path) {
    struct text text = {0};
    text_add(&text, heading);
    for (int64_t i = 0; i < loop->at.val_images; i++) {
        const struct score *s = &loop->scores[i];
        text_addf(&text, "%d,%d,%.9g\n", (int)s->label, (int)s->first, (double)s->confidence);
    }
    sk_status status = text_check(&text);
    if (status == SK_OK) status = file_replace(path, text.data, text.length);
    text_free(&text);
    return status;
}

sk_status loop_scores_finish(struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    bool of_ema = recipe->ema_form != CHOICE_EMA_NONE && recipe->ema_best == CHOICE_EMA_BEST_EMA;
    struct metrics_result result;
    if (!loop->scores) return SK_OK;
    char *path = path_join(&loop->arena, loop->options.run, "scores.csv");
    char *model = path_join(&loop->arena, loop->options.run, of_ema ? "last_ema.safetensors" : "last.safetensors");
    if (!path || !model) return SK_EMEMORY;
    if (file_exists(path)) return SK_OK;
    TRY(judge_load(loop, model));
    evaluator_keep(loop->evaluator, 0, NULL);
    TRY(evaluator_run(loop->evaluator, &result));
    return keep(loop, path);
}

/* "3,7,0.98\n" at *at. */
static bool read_line(const char **at, struct score *score) {
    char *end;
    long label = strtol(*at, &end, 10), first;
    if (end == *at || *end != ',') return false;
    const char *second = end + 1;
    first = strtol(second, &end, 10);
    if (end == second || *end != ',' || label < 0 || label > INT32_MAX || first < 0 || first > INT32_MAX) return false;
    end += strcspn(end, "\n");
    if (!*end) return false;
    score->label = (int32_t)label, score->first = (int32_t)first;
    *at = end + 1;
    return true;
}

sk_status scores_read(struct arena *arena, const char *run, struct score **scores, int64_t *count) {
    uint8_t *bytes;
    size_t size, lines = 0;
    char *path = path_join(arena, run, "scores.csv");
    *scores = NULL, *count = 0;
    if (!path) return SK_EMEMORY;
    if (!file_exists(path)) return SK_OK;
    TRY(file_read(arena, path, SCORES_BYTES_MAX, &bytes, &size));
    const char *at = (const char *)bytes;
    FAIL_IF(strncmp(at, heading, strlen(heading)) != 0, SK_EFORMAT, "%s: expected it to begin with %.*s", path,
            (int)strlen(heading) - 1, heading);
    at += strlen(heading);
    for (const char *c = at; *c; c++) lines += *c == '\n';
    *scores = arena_array(arena, lines + 1, sizeof **scores);
    if (!*scores) return SK_EMEMORY;
    while (*at) {
        FAIL_IF(!read_line(&at, &(*scores)[*count]), SK_EFORMAT,
                "%s: line %lld is no label, predicted class and confidence; delete the file, and it is made again",
                path, (long long)*count + 2);
        ++*count;
    }
    return SK_OK;
}
