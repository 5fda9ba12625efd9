/* verb_eval.c — siskin eval: loss, top-1 and top-5 over exactly all pictures of one part.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "verbs/model_arg.h"
#include "verbs/scoring.h"

const struct option options_eval[] = {
    {"data", 0, "SPEC",
     "The pictures (a run's own by default): fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR, or a "
     "path."},
    {"part", 0, "PART", "train, val or test; by default test where there is one, else val."},
    {"weights", 0, "NAME", "Of a run: best, last, best_ema, last_ema or average; by default its best."},
    {"batch", 0, "N", "Pictures per pass; by default 64."},
    {"skip-corrupt", 0, NULL,
     "Leave out pictures that cannot be decoded, and name them; so does a run with data.corrupt: skip."},
    {"compare", 0, "MODEL",
     "Score this one, too, on the same pictures, and test whether the difference is more than chance."},
    {"confusion", 0, NULL, "Count true against predicted classes; a table for at most 20 of them."},
    {"reference", 0, NULL, "Every op by its reference, in double."},
    {0},
};

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

static void answer(struct scoring *s, struct call *call, double seconds) {
    const struct metrics_result *r = &s->result;
    struct json_writer *w = &call->json;
    const struct metrics *m = evaluator_metrics(s->evaluator);
    uint64_t damaged = evaluator_damaged(s->evaluator);
    struct calibration calibration = calibration_of(s->scores, dataset_count(s->dataset, s->part));
    jw_string(w, "part", data_part_name(s->part));
    metrics_write(r, w);
    jw_number(w, "ece", 100 * calibration.ece);
    jw_number(w, "images_per_s", seconds > 0 ? (double)r->images / seconds : 0);
    jw_integer(w, "damaged", (int64_t)damaged);
    if (m->confusion) confusion_json(w, m);
    if (damaged)
        call_warning(call, "%llu pictures were read although their files are damaged", (unsigned long long)damaged);
    call_result(call,
                "%lld %s pictures · loss %.4f · top-1 %.2f %% (95 %% interval %.2f to %.2f) · top-5 %.2f %% · "
                "calibration error %.2f %% · %.0f images/s",
                (long long)r->images, data_part_name(s->part), r->loss, r->top1, r->low, r->high, r->top5,
                100 * calibration.ece, seconds > 0 ? (double)r->images / seconds : 0);
    if (m->confusion && m->classes <= TABLE_CLASSES) confusion_text(s, m);
    if (m->confusion && m->classes > TABLE_CLASSES)
        call_note(call, "the confusion table of %d classes is in the JSON answer (--json)", m->classes);
}

/* ---- beside another model ---- */

static void answer_pair(struct call *call, const struct scoring *a, const struct scoring *b) {
    struct json_writer *w = &call->json;
    struct paired t = paired_test(a->scores, b->scores, dataset_count(a->dataset, a->part));
    const char *first = call_option(call, "compare"), *second = call->arguments[0];
    jw_object(w, "compare");
    jw_string(w, "with", first);
    metrics_write(&a->result, w);
    JW_NUMBERS(w, {"difference", t.difference}, {"difference_low", t.low}, {"difference_high", t.high});
    JW_INTEGERS(w, {"both_right", t.both}, {"only_this", t.only_b}, {"only_other", t.only_a}, {"neither", t.neither});
    jw_number(w, "p", t.p);
    jw_end_object(w);
    call_result(call, "%s: top-1 %.2f %% (95 %% interval %.2f to %.2f) on the same pictures", first, a->result.top1,
                a->result.low, a->result.high);
    call_result(call, "right are both on %lld pictures, only %s on %lld, only %s on %lld, neither on %lld",
                (long long)t.both, second, (long long)t.only_b, first, (long long)t.only_a, (long long)t.neither);
    call_result(call, "difference %+.2f points (95 %% interval %+.2f to %+.2f), p = %.3g (McNemar, exact): %s",
                t.difference, t.low, t.high, t.p,
                t.p >= 0.05        ? "chance alone makes such a difference often"
                : t.difference > 0 ? "better, beyond chance"
                                   : "worse, beyond chance");
}

static sk_status compare(struct scoring *s, struct call *call) {
    const char *other = call_option(call, "compare");
    struct scoring beside = {0};
    if (!other) return SK_OK;
    sk_status status = scoring_open_beside(&beside, s, other);
    if (status == SK_OK) status = scoring_run(&beside);
    if (status == SK_OK) answer_pair(call, &beside, s);
    scoring_close(&beside);
    return status;
}

sk_status verb_eval(struct call *call) {
    struct scoring s = {0};
    sk_status status = scoring_open(&s, call, call->arguments[0], call_switch(call, "confusion"));
    double began = clock_seconds();
    if (status == SK_OK) status = scoring_run(&s);
    if (status == SK_OK) answer(&s, call, clock_seconds() - began);
    if (status == SK_OK) status = scoring_tell_corrupt(&s);
    if (status == SK_OK) status = compare(&s, call);
    scoring_close(&s);
    return status;
}
