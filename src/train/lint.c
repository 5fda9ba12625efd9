/* lint.c — running the lints of lints.def; they stand in lint_schedule.c, lint_optimizer.c and lint_pictures.c.
 *
 * Each test reads what the trace would: the effective values, not the text. SPDX-License-Identifier: Apache-2.0 */
#include "train/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/lint_rows.h"
#include "train/trace_step.h"

bool lint_say(struct text *text, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    text_add(text, sentence);
    return true;
}

bool lint_has_fired(const struct lint *lint, const char *name) {
    for (size_t i = 0; i < lint->fired_count; i++)
        if (!strcmp(lint->fired[i].lint, name)) return true;
    return false;
}

/* ---- the table ---- */

static const struct {
    enum lint_severity severity;
    const char *name, *about;
    enum recipe_key_id key;
    bool (*find)(const struct lint *lint, struct text *text);
} lints[] = {
#define LINT(severity, name, key, about) {LINT_##severity, #name, about, RECIPE_##key, lint_finds_##name},
#include "train/lints.def"
#undef LINT
};
enum { LINTS = sizeof lints / sizeof *lints };

/* An excuse for a lint that there is not would hide nothing, and look as if. */
static sk_status check_excuses(const struct recipe *recipe) {
    const char *names[LINTS];
    for (size_t i = 0; i < LINTS; i++) names[i] = lints[i].name;
    for (size_t e = 0; e < recipe->excuse_count; e++) {
        bool known = false;
        for (size_t i = 0; i < LINTS; i++) known = known || !strcmp(names[i], recipe->excuse[e].lint);
        FAIL_IF(!known, SK_EUSAGE, "lint_ok: there is no lint '%.60s'%s", recipe->excuse[e].lint,
                near_hint(recipe->excuse[e].lint, names, LINTS, "").text);
    }
    return SK_OK;
}

static const char *excuse_of(const struct recipe *recipe, const char *lint) {
    for (size_t i = 0; i < recipe->excuse_count; i++)
        if (!strcmp(recipe->excuse[i].lint, lint)) return recipe->excuse[i].reason;
    return NULL;
}

/* Make what the tests read as far as the recipe allows; the first failure becomes the `recipe` lint. */
static sk_status prepare(struct lint *l) {
    const struct trace_input *input = l->input;
    TRY(recipe_check(l->recipe));
    TRY(check_excuses(l->recipe));
    TRY(optimizer_make(&l->optimizer, l->recipe));
    /* Without data a nominal epoch still finds an unknown schedule. */
    int64_t images = input->train_images ? input->train_images : l->recipe->batch_size * l->recipe->accumulate * 100;
    int world = input->world ? input->world : 1;
    TRY(epoch_plan_make(&l->plan, l->recipe, images * (input->train_images ? 1 : world), world));
    TRY(schedule_make(&l->schedule, l->recipe, &l->plan));
    TRY(trace_step_check(&(struct trace_step){l->recipe, &l->plan, &l->schedule}));
    l->planned = input->train_images > 0;
    if (input->tensor_count) {
        TRY(decay_decide(l->recipe, input->tensors, input->tensor_count, l->decisions));
        l->decided = true;
    }
    return SK_OK;
}

static sk_status add_finding(const struct lint *lint, struct arena *arena, struct lint_finding *finding, size_t index,
                             struct text *sentence) {
    TRY(text_check(sentence));
    const char *excuse = lints[index].severity == LINT_ERROR ? NULL : excuse_of(lint->recipe, lints[index].name);
    *finding = (struct lint_finding){
        .severity = excuse ? LINT_NOTE : lints[index].severity,
        .excuse = excuse,
        .lint = lints[index].name,
        .key = recipe_key_name(lints[index].key),
        .sentence = arena_strdup(arena, sentence->data),
    };
    return finding->sentence ? SK_OK : SK_EMEMORY;
}

sk_status lint_run(const struct trace_input *input, struct arena *arena, struct lint_finding **findings,
                   size_t *count) {
    struct lint lint = {.input = input, .recipe = input->recipe};
    *count = 0;
    *findings = arena_array(arena, LINTS, sizeof **findings);
    lint.decisions = arena_array(arena, input->tensor_count, sizeof *lint.decisions);
    if (!*findings || !lint.decisions) return SK_EMEMORY;
    TRY(recipe_default(&lint.preset, arena));
    sk_status status = prepare(&lint);
    if (status == SK_EMEMORY) return status;
    if (status != SK_OK) lint.problem = arena_strdup(arena, sk_error());
    for (size_t i = 0; i < LINTS; i++) {
        struct text sentence = {0};
        sk_status added = SK_OK;
        if (lints[i].find(&lint, &sentence)) added = add_finding(&lint, arena, &(*findings)[(*count)++], i, &sentence);
        text_free(&sentence);
        lint.fired = *findings;
        lint.fired_count = *count;
        TRY(added);
    }
    return SK_OK;
}

const char *lint_severity_name(enum lint_severity severity) {
    static const char *const names[] = {"note", "warning", "error"};
    return names[severity];
}

int lint_exit_code(const struct lint_finding *findings, size_t count, bool strict) {
    int code = 0;
    for (size_t i = 0; i < count; i++) {
        if (findings[i].severity == LINT_ERROR) return 2;
        if (findings[i].severity == LINT_WARNING && strict) code = 1;
    }
    return code;
}

size_t lint_count(void) {
    return LINTS;
}

const char *lint_name(size_t index) {
    return lints[index].name;
}

const char *lint_about(size_t index) {
    return lints[index].about;
}
