/* verb_extend.c — siskin extend: the only way to change a run's length, since that changes what its schedule means.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "train/extend.h"
#include "train/run_folder.h"
#include "verbs/verb.h"

const struct option options_extend[] = {
    {"look", 0, NULL, "Only say what would become of the run."},
    {0},
};

static sk_status read_epochs(const struct call *call, int64_t *epochs) {
    static const char key[] = "epochs=";
    FAIL_IF(call->assignment_count != 1 || strncmp(call->assignments[0], key, strlen(key)) != 0, SK_EUSAGE,
            "extend changes the number of epochs and nothing else: siskin extend RUN epochs=N");
    const char *text = call->assignments[0] + strlen(key);
    FAIL_IF(!parse_i64(text, epochs) || *epochs < 1 || *epochs > 1000000, SK_EUSAGE,
            "epochs=%s: expected a whole number from 1 to 1000000", text);
    return SK_OK;
}

static void tell_rates(struct call *call, const struct extension *e) {
    int64_t from = e->epochs_done, last = e->epochs_after > e->epochs_before ? e->epochs_after : e->epochs_before;
    call_result(call, "learning rate at the first step of an epoch%20s%16s", "as it was", "from now on");
    for (int row = 0; row <= 6; row++) {
        int64_t epoch = from + (last - 1 - from) * row / 6;
        if (row && epoch == from + (last - 1 - from) * (row - 1) / 6) continue;
        int64_t before = epoch * e->plan_before.steps, after = epoch * e->plan_after.steps;
        char left[32] = "over", right[32] = "over";
        if (epoch < e->epochs_before) snprintf(left, sizeof left, "%.6g", schedule_lr(&e->before, before));
        if (epoch < e->epochs_after) snprintf(right, sizeof right, "%.6g", schedule_lr(&e->after, after));
        call_result(call, "  epoch %-12lld%43s%16s", (long long)epoch + 1, left, right);
    }
}

static void tell(struct call *call, const char *run, const struct extension *e, const struct recipe *recipe) {
    call_result(call, "%s: %lld epochs (%lld steps) become %lld (%lld steps); %lld epochs, %lld steps are trained", run,
                (long long)e->epochs_before, (long long)e->plan_before.total_steps, (long long)e->epochs_after,
                (long long)e->plan_after.total_steps, (long long)e->epochs_done, (long long)e->step);
    tell_rates(call, e);
    if (e->other_steps)
        call_result(
            call,
            "the schedule depends on the length: %lld of the %lld steps so far would have had another rate, so that "
            "this "
            "is not what a run of %lld epochs from the start gives; the next step's rate is %.6g instead of %.6g",
            (long long)e->other_steps, (long long)e->step, (long long)e->epochs_after, e->next_after, e->next_before);
    else
        call_result(call,
                    "all %lld steps so far would have had the same rates: the run is what one of %lld epochs from the "
                    "start gives",
                    (long long)e->step, (long long)e->epochs_after);
    if (recipe->ema_adjust)
        call_warning(call,
                     "ema.adjust: the moving average's decay follows from the number of epochs, and changes with it");
}

sk_status verb_extend(struct call *call) {
    const char *run = call->arguments[0];
    struct json_writer *w = &call->json;
    struct extension e;
    struct recipe recipe;
    int64_t epochs;
    TRY(read_epochs(call, &epochs));
    TRY(run_folder_open(run, &call->arena, &recipe));
    TRY(extension_look(&e, run, &recipe, epochs));
    if (!call_switch(call, "look")) TRY(extension_write(&e, run, &recipe));
    jw_string(w, "run", run);
    JW_INTEGERS(w, {"epochs_before", e.epochs_before}, {"epochs_after", e.epochs_after}, {"epochs_done", e.epochs_done},
                {"step", e.step}, {"steps_at_another_rate", e.other_steps});
    JW_NUMBERS(w, {"next_lr_before", e.next_before}, {"next_lr_after", e.next_after});
    jw_bool(w, "written", !call_switch(call, "look"));
    tell(call, run, &e, &recipe);
    if (!call_switch(call, "look")) call_result(call, "`siskin resume %s` goes on", run);
    return SK_OK;
}
