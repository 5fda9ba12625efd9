/* call.c — sk_call: parse, run the verb, answer one JSON object, also for failures; sk_interrupt.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "verbs/verb.h"

atomic_int call_stop;

static const struct verb table[] = {
#define VERB(name, arguments, fewest, most, help) {#name, arguments, fewest, most, help, options_##name, verb_##name},
#include "verbs/verbs.def"
#undef VERB
};
enum { VERBS = sizeof table / sizeof *table };

const struct verb *verb_table(size_t *count) {
    *count = VERBS;
    return table;
}

sk_status verb_find(const char *name, const struct verb **verb) {
    const char *names[VERBS];
    for (int i = 0; i < VERBS; i++) {
        names[i] = table[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        *verb = &table[i];
        return SK_OK;
    }
    return status_fail(SK_EUSAGE, "there is no verb %s%s; `siskin help` lists them", name,
                       near_hint(name, names, VERBS, "").text);
}

/* ---- events ---- */

static void tell(const struct call *call, const char *kind, const char *format, va_list arguments) {
    char line[2048];
    if (!call->on_event) return;
    vsnprintf(line, sizeof line, format, arguments);
    call->on_event(call->user, kind, line);
}

#define TELL(kind)                                                                                                     \
    va_list arguments;                                                                                                 \
    va_start(arguments, format);                                                                                       \
    tell(call, kind, format, arguments);                                                                               \
    va_end(arguments)

void call_result(const struct call *call, const char *format, ...) {
    TELL("result line");
}

void call_note(const struct call *call, const char *format, ...) {
    TELL("note");
}

void call_warning(const struct call *call, const char *format, ...) {
    TELL("warning");
}

void call_progress(const struct call *call, const char *format, ...) {
    TELL("progress");
}

void call_result_text(const struct call *call, const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        call_result(call, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* ---- the call ---- */

static sk_status work(struct call *call, int argc, const char *const argv[]) {
    TRY(call_parse(call, argc, argv));
    if (call->help) {
        verb_help_text(call, call->verb);
        return SK_OK;
    }
    return call->verb->run(call);
}

/* A verb that failed in the middle of an array leaves no sound JSON: then the failure alone is told. */
static void finish_json(struct call *call, sk_status status) {
    struct json_writer *w = &call->json;
    if (status != SK_OK && w->depth != 1) {
        text_free(&w->text);
        *w = (struct json_writer){0};
        jw_object(w, NULL);
    }
    if (status != SK_OK) {
        jw_string(w, "error", sk_error());
        jw_integer(w, "exit", sk_exit_code(status));
    }
    jw_end_object(w);
}

sk_status sk_call(int argc, const char *const argv[], sk_on_event *on_event, void *user, char **json) {
    struct call call = {.on_event = on_event, .user = user};
    if (json) *json = NULL;
    jw_object(&call.json, NULL);
    sk_status status = work(&call, argc, argv);
    finish_json(&call, status);
    if (status == SK_OK) status = text_check(&call.json.text);
    if (json && !call.json.text.failed) {
        *json = call.json.text.data; /* text_free is block_free */
        call.json.text = (struct text){0};
    }
    text_free(&call.json.text);
    arena_free(&call.arena);
    atomic_store(&call_stop, 0); /* it was for this call */
    return status;
}

void sk_free_text(char *text) {
    block_free(text);
}

void sk_interrupt(void) {
    atomic_store(&call_stop, 1);
}
