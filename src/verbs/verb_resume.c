/* verb_resume.c — siskin resume: go on with a run from its newest whole checkpoint.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "train/run_folder.h"
#include "verbs/report.h"
#include "verbs/train_answer.h"

const struct option options_resume[] = {
    {"allow-level", 0, NULL, "Go on although the run was begun on another numeric level: equal bits are given up."},
    {"reference", 0, NULL, "The run was begun with --reference."},
    {0},
};

/* Keys that change no number of the run. */
static const char *const free_keys[] = {"threads",    "workers",         "checkpoint.keep", "log.every",
                                        "log.report", "log.tensorboard", "data.spec"};

static sk_status check_keys(const struct call *call) {
    FAIL_IF(call->seed_text, SK_EUSAGE, "a run goes on with the seed that it began with; leave --seed out");
    for (int i = 0; i < call->assignment_count; i++) {
        size_t length = strcspn(call->assignments[i], "=");
        bool found = false;
        for (size_t k = 0; k < sizeof free_keys / sizeof *free_keys; k++)
            found =
                found || (strlen(free_keys[k]) == length && strncmp(free_keys[k], call->assignments[i], length) == 0);
        FAIL_IF(!found, SK_EUSAGE,
                "%.*s cannot change while a run goes on: the result would be another. Begin a new run", (int)length,
                call->assignments[i]);
    }
    return SK_OK;
}

sk_status verb_resume(struct call *call) {
    struct recipe recipe;
    struct loop_result result;
    const char *run = call->arguments[0];
    TRY(check_keys(call));
    TRY(run_folder_open(run, &call->arena, &recipe));
    TRY(call_overrides(call, &recipe));
    struct loop_options options = {.recipe = &recipe,
                                   .run = run,
                                   .resume = true,
                                   .allow_level = call_switch(call, "allow-level"),
                                   .reference = call_switch(call, "reference"),
                                   .on_event = call->on_event,
                                   .user = call->user,
                                   .stop = &call_stop};
    sk_status status = loop_run(&options, &result);
    train_answer(call, run, &result, status);
    if (status == SK_OK && recipe.log_report) report_after(call, run);
    return status;
}
