/* train_answer.c — a run's result as JSON and as two lines.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/train_answer.h"

#include "train/progress.h"

static void tell(const struct call *call, const char *run, const struct loop_result *r) {
    char text[32];
    call_result(call, "%lld epochs, %lld steps in %s · %.0f images/s · waited %.1f s for data · %d threads, %d workers",
                (long long)r->epochs, (long long)r->steps, duration_text(r->seconds, text, sizeof text),
                r->images_per_s, r->data_wait, r->threads, r->workers);
    if (r->best_top1 >= 0)
        call_result(call, "best top-1 %.2f %% after epoch %lld: %s/%s · last: %s/last.safetensors",
                    r->best_top1, (long long)r->best_epoch, run, r->best_name, run);
    else
        call_result(call, "%s/last.safetensors", run);
}

static void scored(struct json_writer *w, const char *part, const struct metrics_result *r) {
    jw_object(w, part);
    metrics_write(r, w);
    jw_end_object(w);
}

void train_answer(struct call *call, const char *run, const struct loop_result *r, sk_status status) {
    struct json_writer *w = &call->json;
    jw_string(w, "run", run);
    jw_integer(w, "epochs", r->epochs);
    jw_integer(w, "steps", r->steps);
    jw_integer(w, "parameters", r->parameters);
    jw_number(w, "loss", r->loss);
    jw_number(w, "top1", r->top1);
    struct metrics_result val = {.images = r->val_images,
                                 .loss = r->val_loss,
                                 .top1 = r->val_top1,
                                 .top5 = r->val_top5,
                                 .low = r->val_low,
                                 .high = r->val_high};
    if (r->has_val) scored(w, "val", &val);
    if (r->has_ema) scored(w, "val_ema", &r->ema);
    if (r->has_test) scored(w, "test", &r->test);
    if (r->best_top1 >= 0) {
        jw_number(w, "best_top1", r->best_top1);
        jw_integer(w, "best_epoch", r->best_epoch);
        jw_string(w, "best_model", r->best_name);
    }
    jw_number(w, "seconds", r->seconds);
    jw_number(w, "images_per_s", r->images_per_s);
    jw_number(w, "data_wait", r->data_wait);
    jw_integer(w, "peak_bytes", (int64_t)r->peak_bytes);
    jw_integer(w, "threads", r->threads);
    jw_integer(w, "workers", r->workers);
    if (status == SK_OK) tell(call, run, r);
}
