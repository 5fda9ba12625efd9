/* verb_report.c — siskin report: a run as one page.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/report.h"

const struct option options_report[] = {
    {"output", 'o', "FILE.html", "Where to write it; by default RUN/report.html."},
    {"data", 0, "SPEC", "Other pictures than the run's own to judge its best model by."},
    {"part", 0, "PART", "train, val or test; by default test where there is one, else val."},
    {"batch", 0, "N", "Pictures per pass; by default 64."},
    {"skip-corrupt", 0, NULL,
     "Leave out pictures that cannot be decoded, and name them; so does a run with data.corrupt: skip."},
    {0},
};

sk_status verb_report(struct call *call) {
    return report_write(call, call->arguments[0], call_option(call, "output"));
}
