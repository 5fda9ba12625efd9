/* verb.h — a verb: its row of options, its work on a parsed call, its answer as one JSON object.
 *
 * A verb opens nothing in the JSON before its work is done: it writes members of an object that is already open, and
 * says the same to people by call_result. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_VERB_H
#define SK_VERBS_VERB_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/json.h"
#include "files/recipe.h"

struct option {
    const char *name;  /* "out": --out; NULL ends a table */
    char letter;       /* 'o': -o too; or 0 */
    const char *value; /* "FILE" in help; NULL: a switch without a value */
    const char *help;
};
enum { OPTIONS_MAX = 16 };

struct call;
struct verb {
    const char *name, *arguments;
    int fewest, most; /* arguments besides options and key=value; most = -1: any number */
    const char *help;
    const struct option *options;
    sk_status (*run)(struct call *call);
};
const struct verb *verb_table(size_t *count);
sk_status verb_find(const char *name, const struct verb **verb);

/* A parsed call. */
struct call {
    struct arena arena;
    const struct verb *verb;
    const char **arguments;
    int argument_count;
    const char **assignments; /* "key=value" */
    int assignment_count;
    const char *values[OPTIONS_MAX];      /* by row of the verb's options; "" for a switch; NULL: not given */
    const char *threads_text, *seed_text; /* the options that every verb has */
    bool help, quiet;
    sk_on_event *on_event;
    void *user;
    struct json_writer json; /* one open object */
};

/* Fill verb, arguments, assignments and options; SK_EUSAGE with a sentence that names the nearest. */
sk_status call_parse(struct call *call, int argc, const char *const argv[]);

/* What was given for an option of the verb's own table, or NULL. */
const char *call_option(const struct call *call, const char *name);
static inline bool call_switch(const struct call *call, const char *name) {
    return call_option(call, name) != NULL;
}
/* An integer option within [low, high]; `fallback` where it was not given. */
sk_status call_integer(const struct call *call, const char *name, int64_t low, int64_t high, int64_t fallback,
                       int64_t *value);
sk_status call_need(const struct call *call, const char *name, const char **value);

/* --threads, or all cores. */
sk_status call_threads(const struct call *call, int *threads);
/* --seed and the dotted key=value over `recipe`. */
sk_status call_overrides(const struct call *call, struct recipe *recipe);

/* Events; each text is one line. */
void call_result(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void call_note(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void call_warning(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void call_progress(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text of several lines as result lines. */
void call_result_text(const struct call *call, const char *text);

/* The help of one verb, and of all. */
void verb_help_text(const struct call *call, const struct verb *verb);
void verb_list_text(const struct call *call);

/* Becomes nonzero when sk_interrupt was called. */
extern atomic_int call_stop;

#define VERB(name, arguments, fewest, most, help)                                                                      \
    extern const struct option options_##name[];                                                                       \
    sk_status verb_##name(struct call *call);
#include "verbs/verbs.def"
#undef VERB

#endif
