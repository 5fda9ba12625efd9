/* parse.c — arguments, key=value and options of a call, sorted and checked against the verb's table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "verbs/verb.h"

/* Options of every verb; json and quiet are for whoever shows the answer. */
enum common { COMMON_HELP, COMMON_JSON, COMMON_QUIET, COMMON_THREADS, COMMON_SEED, COMMON_DEVICE, COMMON_COUNT };
static const struct option common[] = {
    [COMMON_HELP] = {"help", 'h', NULL, "Show this help."},
    [COMMON_JSON] = {"json", 0, NULL, "Answer with one JSON object on standard output."},
    [COMMON_QUIET] = {"quiet", 'q', NULL, "Only results and errors."},
    [COMMON_THREADS] = {"threads", 0, "N", "Compute threads; by default one for each core."},
    [COMMON_SEED] = {"seed", 0, "N", "The number that all randomness follows from."},
    [COMMON_DEVICE] = {"device", 0, "cpu", "Where to compute; this version knows cpu alone."},
    {0},
};

/* Row of the option, or -1; name without dashes. */
static int find_option(const struct option *table, const char *name, size_t length) {
    for (int i = 0; table[i].name; i++)
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0) return i;
    return -1;
}

static sk_status unknown_option(const struct call *call, const char *word) {
    const char *names[OPTIONS_MAX + COMMON_COUNT];
    size_t count = 0;
    for (int i = 0; call->verb->options[i].name; i++) names[count++] = call->verb->options[i].name;
    for (int i = 0; i < COMMON_COUNT; i++) names[count++] = common[i].name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    return status_fail(SK_EUSAGE, "%s has no option --%s%s; `siskin %s --help` lists them", call->verb->name, name,
                       near_hint(name, names, count, "--").text, call->verb->name);
}

struct cursor {
    int argc, at;
    const char *const *argv;
};

/* The value of an option: after "=", or the next argument. */
static sk_status take_value(const struct option *option, const char *inline_value, struct cursor *cursor,
                            const char **value) {
    if (!option->value) {
        FAIL_IF(inline_value, SK_EUSAGE, "--%s takes no value", option->name);
        *value = "";
        return SK_OK;
    }
    *value = inline_value ? inline_value : cursor->at + 1 < cursor->argc ? cursor->argv[++cursor->at] : NULL;
    FAIL_IF(!*value, SK_EUSAGE, "--%s needs a value: --%s %s", option->name, option->name, option->value);
    return SK_OK;
}

static sk_status take_common(struct call *call, int row, const char *value) {
    switch ((enum common)row) {
    case COMMON_HELP: call->help = true; break;
    case COMMON_QUIET: call->quiet = true; break;
    case COMMON_THREADS: call->threads_text = value; break;
    case COMMON_SEED: call->seed_text = value; break;
    case COMMON_DEVICE:
        FAIL_IF(strcmp(value, "cpu") != 0, SK_EUSAGE, "--device %s: this version computes on the cpu alone", value);
        break;
    default: break;
    }
    return SK_OK;
}

static sk_status take_option(struct call *call, const char *word, struct cursor *cursor) {
    const char *equals = strchr(word, '='), *value;
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    int row = find_option(call->verb->options, word, length);
    if (row >= 0) {
        TRY(take_value(&call->verb->options[row], equals ? equals + 1 : NULL, cursor, &value));
        call->values[row] = value;
        return SK_OK;
    }
    row = find_option(common, word, length);
    if (row < 0) return unknown_option(call, word);
    TRY(take_value(&common[row], equals ? equals + 1 : NULL, cursor, &value));
    return take_common(call, row, value);
}

static sk_status take_letter(struct call *call, char letter, struct cursor *cursor) {
    const struct option *tables[] = {call->verb->options, common};
    for (int t = 0; t < 2; t++)
        for (int i = 0; tables[t][i].name; i++)
            if (tables[t][i].letter == letter) return take_option(call, tables[t][i].name, cursor);
    return status_fail(SK_EUSAGE, "%s has no option -%c; `siskin %s --help` lists them", call->verb->name, letter,
                       call->verb->name);
}

static sk_status take_word(struct call *call, const char *word, struct cursor *cursor) {
    if (strncmp(word, "--", 2) == 0 && word[2]) return take_option(call, word + 2, cursor);
    if (word[0] == '-' && word[1] && !word[2]) return take_letter(call, word[1], cursor);
    /* data=photos/ is --data photos/, as with every option of the verb that takes a value */
    size_t name = strcspn(word, "=");
    int row = word[name] && !recipe_is_assignment(word) ? find_option(call->verb->options, word, name) : -1;
    if (row >= 0 && call->verb->options[row].value)
        call->values[row] = word + name + 1;
    else if (recipe_is_assignment(word))
        call->assignments[call->assignment_count++] = word;
    else
        call->arguments[call->argument_count++] = word;
    return SK_OK;
}

static sk_status check_arguments(const struct call *call) {
    const struct verb *verb = call->verb;
    FAIL_IF(call->argument_count < verb->fewest, SK_EUSAGE, "%s needs %s: siskin %s %s", verb->name,
            verb->fewest == 1 ? "an argument" : "more arguments", verb->name, verb->arguments);
    if (verb->most < 0 || call->argument_count <= verb->most) return SK_OK;
    const char *extra = call->arguments[verb->most];
    const char *equals = strchr(extra, '=');
    if (equals && equals != extra) { /* a mistyped key: let the recipe name the nearest */
        struct recipe recipe;
        struct arena arena = {0};
        sk_status status = recipe_default(&recipe, &arena);
        if (status == SK_OK) status = recipe_override(&recipe, extra);
        arena_free(&arena);
        if (status != SK_OK) return status;
    }
    return status_fail(SK_EUSAGE, "%s does not take \"%s\": siskin %s %s", verb->name, extra, verb->name,
                       verb->arguments);
}

sk_status call_parse(struct call *call, int argc, const char *const argv[]) {
    FAIL_IF(argc < 1, SK_EUSAGE, "say what to do: `siskin help` lists the verbs");
    const char *word = argv[0];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) word = "help";
    if (strcmp(word, "--version") == 0) word = "version";
    TRY(verb_find(word, &call->verb));
    call->arguments = arena_array(&call->arena, (size_t)argc, sizeof *call->arguments);
    call->assignments = arena_array(&call->arena, (size_t)argc, sizeof *call->assignments);
    if (!call->arguments || !call->assignments) return SK_EMEMORY;
    struct cursor cursor = {.argc = argc, .argv = argv};
    bool words_only = false;
    for (cursor.at = 1; cursor.at < argc; cursor.at++) {
        if (words_only)
            call->arguments[call->argument_count++] = argv[cursor.at];
        else if (strcmp(argv[cursor.at], "--") == 0)
            words_only = true;
        else
            TRY(take_word(call, argv[cursor.at], &cursor));
    }
    return call->help ? SK_OK : check_arguments(call);
}

/* ---- questions ---- */

const char *call_option(const struct call *call, const char *name) {
    int row = find_option(call->verb->options, name, strlen(name));
    return row < 0 ? NULL : call->values[row];
}

static sk_status parse_integer(const char *name, const char *text, int64_t low, int64_t high, int64_t *value) {
    FAIL_IF(!parse_i64(text, value) || *value < low || *value > high, SK_EUSAGE,
            "--%s %s: expected a whole number from %lld to %lld", name, text, (long long)low, (long long)high);
    return SK_OK;
}

sk_status call_integer(const struct call *call, const char *name, int64_t low, int64_t high, int64_t fallback,
                       int64_t *value) {
    const char *text = call_option(call, name);
    *value = fallback;
    return text ? parse_integer(name, text, low, high, value) : SK_OK;
}

sk_status call_need(const struct call *call, const char *name, const char **value) {
    *value = call_option(call, name);
    FAIL_IF(!*value, SK_EUSAGE, "%s needs --%s: siskin %s %s", call->verb->name, name, call->verb->name,
            call->verb->arguments);
    return SK_OK;
}

sk_status call_threads(const struct call *call, int *threads) {
    int64_t value = cpu_cores();
    if (call->threads_text) TRY(parse_integer("threads", call->threads_text, 1, 1024, &value));
    *threads = (int)value;
    return SK_OK;
}

sk_status call_overrides(const struct call *call, struct recipe *recipe) {
    if (call->threads_text) TRY(recipe_set(recipe, "threads", call->threads_text));
    if (call->seed_text) TRY(recipe_set(recipe, "seed", call->seed_text));
    for (int i = 0; i < call->assignment_count; i++) TRY(recipe_override(recipe, call->assignments[i]));
    return SK_OK;
}

/* ---- help ---- */

static void help_rows(const struct call *call, const struct option *table) {
    for (int i = 0; table[i].name; i++) {
        char row[80];
        int length = table[i].letter ? snprintf(row, sizeof row, "-%c, --%s", table[i].letter, table[i].name)
                                     : snprintf(row, sizeof row, "    --%s", table[i].name);
        if (table[i].value) snprintf(row + length, sizeof row - (size_t)length, " %s", table[i].value);
        call_result(call, "  %-26s %s", row, table[i].help);
    }
}

void verb_help_text(const struct call *call, const struct verb *verb) {
    call_result(call, "siskin %s%s%s", verb->name, verb->arguments[0] ? " " : "", verb->arguments);
    call_result(call, "%s", verb->help);
    call_result(call, "%s", "");
    help_rows(call, verb->options);
    help_rows(call, common);
}

void verb_list_text(const struct call *call) {
    size_t count;
    const struct verb *table = verb_table(&count);
    call_result(call, "siskin VERB [ARGUMENT ...] [key=value ...] [--option ...]");
    call_result(call, "%s", "");
    for (size_t i = 0; i < count; i++) call_result(call, "  %-8s %s", table[i].name, table[i].help);
    call_result(call, "%s", "");
    call_result(
        call,
        "MODEL is an architecture's name or a model file. `siskin VERB --help` lists a verb's options; the recipe's");
    call_result(call, "dotted keys work on every verb: siskin summary mobilenet_v2 model.width_mult=0.5");
}
