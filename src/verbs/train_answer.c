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
        call_result(call, "best top-1 %.2f %% after epoch %lld: %s/%s · last: %s/last.safetensors", r->best_top1,
                    (long long)r->best_epoch, run, r->best_name, run);
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
    JW_INTEGERS(w, {"epochs", r->epochs}, {"steps", r->steps}, {"parameters", r->parameters});
    JW_NUMBERS(w, {"loss", r->loss}, {"top1", r->top1});
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
    JW_NUMBERS(w, {"seconds", r->seconds}, {"images_per_s", r->images_per_s}, {"data_wait", r->data_wait});
    JW_INTEGERS(w, {"peak_bytes", (int64_t)r->peak_bytes}, {"threads", r->threads}, {"workers", r->workers});
    if (status == SK_OK) tell(call, run, r);
}

/* Which side has to wait, and what would help. */
static const char *waits(const struct dry_result *r) {
    double share = r->seconds > 0 ? r->waited / r->seconds : 0;
    if (r->workers == 0) return "the compute thread reads the pictures itself (workers=0)";
    if (share > 0.1)
        return "compute waits for pictures: more workers, smaller pictures on disk or data.decode=fast help";
    return "pictures wait for compute: more workers would not help";
}

static void dry_tell(const struct call *call, const struct dry_result *r) {
    char text[3][32];
    double images_per_s = r->seconds > 0 ? (double)r->pictures / r->seconds : 0;
    call_result(call,
                "%lld batches, %lld optimizer steps timed: %.0f images/s · waited %.0f %% of the time for pictures · "
                "%d threads, %d workers",
                (long long)r->batches, (long long)r->steps, images_per_s,
                r->seconds > 0 ? 100 * r->waited / r->seconds : 0, r->threads, r->workers);
    call_result(call, "%s", waits(r));
    call_result(call, "an epoch takes %s, an evaluation %s; all %lld steps with %lld evaluations take %s",
                duration_text(r->epoch_seconds, text[0], sizeof text[0]),
                duration_text(r->evaluation_seconds, text[1], sizeof text[1]), (long long)r->total_steps,
                (long long)r->evaluations, duration_text(r->total_seconds, text[2], sizeof text[2]));
    call_result(call,
                "memory: %.0f MB of activations and gradients, %.0f MB of weights and optimizer; the program took %.0f "
                "MB at most",
                (double)r->plan_bytes / 1e6, (double)r->state_bytes / 1e6, (double)r->peak_bytes / 1e6);
    struct text kept = {0};
    precision_text(&r->precision, &kept);
    if (text_check(&kept) == SK_OK) call_result(call, "%s", kept.data);
    text_free(&kept);
}

void dry_answer(struct call *call, const struct dry_result *r) {
    struct json_writer *w = &call->json;
    double each = r->seconds > 0 ? 1 / r->seconds : 0;
    JW_INTEGERS(w, {"batches", r->batches}, {"steps", r->steps});
    JW_NUMBERS(w, {"images_per_s", (double)r->pictures * each}, {"data_wait_share", r->waited * each},
               {"epoch_seconds", r->epoch_seconds}, {"evaluation_seconds", r->evaluation_seconds});
    JW_INTEGERS(w, {"total_steps", r->total_steps}, {"evaluations", r->evaluations});
    jw_number(w, "total_seconds", r->total_seconds);
    JW_INTEGERS(w, {"plan_bytes", (int64_t)r->plan_bytes}, {"state_bytes", (int64_t)r->state_bytes},
                {"peak_bytes", (int64_t)r->peak_bytes}, {"threads", r->threads}, {"workers", r->workers});
    precision_json(&r->precision, w);
    dry_tell(call, r);
}
