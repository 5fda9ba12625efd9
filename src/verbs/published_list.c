/* published_list.c — three lines for each published weight file of a model, and the same as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/published_list.h"

#include <stdio.h>
#include <string.h>

#include "files/published.h"
#include "models/model.h"

static void numbers(struct json_writer *w, const char *key, const float three[3]) {
    jw_array(w, key);
    for (int c = 0; c < 3; c++) jw_float(w, NULL, three[c]);
    jw_end_array(w);
}

static void say_json(struct json_writer *w, const struct published *p, const char *digest) {
    jw_object(w, NULL);
    jw_string(w, "source", p->source);
    jw_string(w, "entry", p->entry);
    jw_string(w, "file", p->file);
    jw_string(w, "digest", digest);
    jw_integer(w, "resize", p->resize);
    jw_bool(w, "squash", p->squash);
    jw_integer(w, "crop", p->crop);
    jw_string(w, "filter", p->filter);
    numbers(w, "mean", p->mean);
    numbers(w, "std", p->std);
    if (p->acc1 > 0) {
        jw_number(w, "acc@1", p->acc1);
        jw_number(w, "acc@5", p->acc5);
    }
    jw_integer(w, "parameters", p->parameters);
    jw_string(w, "arguments", p->arguments);
    jw_string(w, "licence", p->licence);
    jw_string(w, "recipe", p->recipe);
    jw_end_object(w);
}

static void say(const struct call *call, const struct published *p, const char *digest) {
    char accuracy[64] = "no accuracy published with it";
    if (p->acc1 > 0) snprintf(accuracy, sizeof accuracy, "acc@1 %.3f, acc@5 %.3f", p->acc1, p->acc5);
    call_result(call, "%s %s: %s", p->source, p->entry, p->file);
    call_result(call, "    SHA-256 %s, resize %d%s, crop %d, %s, %s", digest ? digest : "not in its name", p->resize,
                p->squash ? " both sides" : "", p->crop, p->filter, accuracy);
    call_result(call, "    %s; recipe: %s%s%s", p->licence, p->recipe, p->arguments[0] ? "; " : "", p->arguments);
}

sk_status published_list(struct call *call, const char *model) {
    struct model_args args;
    TRY(model_defaults(model, &args));
    size_t count, found = 0;
    const struct published *table = published_table(&count);
    jw_string(&call->json, "model", model);
    jw_array(&call->json, "published");
    for (size_t i = 0; i < count; i++) {
        char digest[PUBLISHED_DIGITS + 1];
        if (strcmp(table[i].model, model) != 0) continue;
        const char *digits = published_digest(&table[i], digest) ? digest : NULL;
        say_json(&call->json, &table[i], digits);
        say(call, &table[i], digits);
        found++;
    }
    jw_end_array(&call->json);
    if (!found) call_result(call, "no published weights of %s are known to this siskin", model);
    return SK_OK;
}
