/* verb_version.c — siskin version.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/verb.h"

const struct option options_version[] = {{0}};

sk_status verb_version(struct call *call) {
    jw_string(&call->json, "version", sk_version());
    call_result(call, "siskin %s", sk_version());
    return SK_OK;
}
