/* verb_help.c — siskin help: the verbs, or the options of one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/verb.h"

const struct option options_help[] = {{0}};

sk_status verb_help(struct call *call) {
    const struct verb *verb;
    if (call->argument_count == 0) {
        size_t count;
        const struct verb *table = verb_table(&count);
        jw_array(&call->json, "verbs");
        for (size_t i = 0; i < count; i++) jw_string(&call->json, NULL, table[i].name);
        jw_end_array(&call->json);
        verb_list_text(call);
        return SK_OK;
    }
    TRY(verb_find(call->arguments[0], &verb));
    jw_string(&call->json, "verb", verb->name);
    verb_help_text(call, verb);
    return SK_OK;
}
