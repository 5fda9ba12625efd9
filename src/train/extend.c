/* extend.c — comparing the schedule of a run with that of another length, step by step.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/extend.h"

#include "base/file.h"
#include "base/json.h"
#include "train/checkpoint.h"

static sk_status make(struct recipe *recipe, int64_t images, int64_t epochs, struct epoch_plan *plan,
                      struct schedule *schedule) {
    recipe->epochs = epochs;
    TRY(epoch_plan_make(plan, recipe, images, 1));
    return schedule_make(schedule, recipe, plan);
}

sk_status extension_look(struct extension *e, const char *run, struct recipe *recipe, int64_t epochs) {
    struct arena arena = {0};
    struct checkpoint at = {0};
    bool any;
    *e = (struct extension){.epochs_before = recipe->epochs, .epochs_after = epochs};
    sk_status status = checkpoint_any(run, &any);
    if (status == SK_OK && any) status = checkpoint_peek(run, &arena, &at);
    arena_free(&arena);
    TRY(status);
    FAIL_IF(!any, SK_EDATA, "%s has no checkpoint yet: nothing is trained that could go on", run);
    e->epochs_done = at.epoch;
    e->step = at.position.step;
    FAIL_IF(epochs<at.epoch + (at.batch > 0), SK_EUSAGE, "epochs=%lld: %s has already trained %lld epochs%s",
                   (long long)epochs, run, (long long)at.epoch, at.batch> 0
                ? " and a part of the next"
                : "");
    FAIL_IF(epochs == recipe->epochs, SK_EUSAGE, "%s is meant to have %lld epochs already", run, (long long)epochs);
    status = make(recipe, at.train_images, e->epochs_before, &e->plan_before, &e->before);
    if (status == SK_OK) status = make(recipe, at.train_images, epochs, &e->plan_after, &e->after);
    TRY(status);
    int64_t last = e->plan_before.total_steps - 1, next = e->step < last ? e->step : last;
    e->next_before = schedule_lr(&e->before, next);
    e->next_after =
        schedule_lr(&e->after, e->step < e->plan_after.total_steps ? e->step : e->plan_after.total_steps - 1);
    for (int64_t s = 0; s < e->step; s++) e->other_steps += schedule_lr(&e->before, s) != schedule_lr(&e->after, s);
    return SK_OK;
}

static sk_status add_history(struct arena *arena, const struct extension *e, const char *run) {
    struct json_writer w = {0};
    struct file_log log;
    char *path = path_join(arena, run, "extended.jsonl");
    if (!path) return SK_EMEMORY;
    jw_object(&w, NULL);
    jw_integer(&w, "epochs_before", e->epochs_before);
    jw_integer(&w, "epochs_after", e->epochs_after);
    jw_integer(&w, "epochs_done", e->epochs_done);
    jw_integer(&w, "step", e->step);
    jw_integer(&w, "steps_at_another_rate", e->other_steps);
    jw_end_object(&w);
    text_add(&w.text, "\n");
    sk_status status = text_check(&w.text);
    if (status == SK_OK) status = log_open(&log, path, false);
    if (status == SK_OK) {
        status = log_write(&log, w.text.data, w.text.length);
        log_close(&log);
    }
    text_free(&w.text);
    return status;
}

static sk_status write(struct arena *arena, const struct extension *e, const char *run, const struct recipe *recipe) {
    struct text text = {0};
    char *path = path_join(arena, run, "recipe.yaml"), *test = path_join(arena, run, "test.json");
    char *aside = arena_printf(arena, "%s/test-%lld.json", run, (long long)e->epochs_before);
    if (!path || !test || !aside) return SK_EMEMORY;
    TRY(add_history(arena, e, run));
    if (file_exists(test)) TRY(file_rename(test, aside));
    sk_status status = recipe_write(recipe, &text);
    if (status == SK_OK) status = file_replace(path, text.data, text.length);
    text_free(&text);
    return status;
}

sk_status extension_write(const struct extension *e, const char *run, const struct recipe *recipe) {
    struct arena arena = {0};
    sk_status status = write(&arena, e, run, recipe);
    arena_free(&arena);
    return status;
}
