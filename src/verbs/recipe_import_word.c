/* recipe_import_word.c — siskin recipe import: other people's settings as a recipe, and a line for each of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/recipe_import_word.h"

#include "base/file.h"
#include "train/recipe_import.h"

static void tell_line(struct call *call, const struct import_line *line, bool as_note) {
    const char *arrow = line->ours[0] ? " -> " : "", *dash = line->note[0] ? ": " : "";
    if (as_note)
        call_note(call, "%-8s %s=%s%s%s%s%s", import_outcome_name(line->outcome), line->key, line->value, arrow,
                  line->ours, dash, line->note);
    else
        call_result(call, "%-8s %s=%s%s%s%s%s", import_outcome_name(line->outcome), line->key, line->value, arrow,
                    line->ours, dash, line->note);
}

static void write_json(struct call *call, const struct recipe_import *import, const char *recipe) {
    jw_string(&call->json, "source", import->source);
    jw_array(&call->json, "settings");
    for (size_t i = 0; i < import->count; i++) {
        const struct import_line *line = &import->lines[i];
        jw_object(&call->json, NULL);
        jw_string(&call->json, "outcome", import_outcome_name(line->outcome));
        jw_string(&call->json, "key", line->key);
        jw_string(&call->json, "value", line->value);
        jw_string(&call->json, "ours", line->ours);
        jw_string(&call->json, "note", line->note);
        jw_end_object(&call->json);
    }
    jw_end_array(&call->json);
    jw_string(&call->json, "recipe", recipe);
}

static sk_status answer(struct call *call, const struct recipe_import *import, const char *recipe, size_t length) {
    const char *out = call_option(call, "out");
    size_t counts[4] = {0};
    if (out) TRY(file_replace(out, recipe, length));
    for (int outcome = 0; outcome < 4; outcome++) {
        for (size_t i = 0; i < import->count; i++) {
            if ((int)import->lines[i].outcome != outcome) continue;
            counts[outcome]++;
            tell_line(call, &import->lines[i], !out);
        }
    }
    call_note(call, "%zu mapped, %zu assumed (the source's defaults), %zu ignored, %zu unmapped", counts[IMPORT_MAPPED],
              counts[IMPORT_ASSUMED], counts[IMPORT_IGNORED], counts[IMPORT_UNMAPPED]);
    if (counts[IMPORT_UNMAPPED])
        call_warning(call, "%zu settings change the result and are in no key: the lines that begin with unmapped",
                     counts[IMPORT_UNMAPPED]);
    if (!out) call_result_text(call, recipe);
    write_json(call, import, recipe);
    return SK_OK;
}

sk_status recipe_import_word(struct call *call) {
    struct recipe_import import;
    struct import_options options = {.source = call_option(call, "from")};
    FAIL_IF(call->argument_count < 2, SK_EUSAGE,
            "recipe import needs a FILE (args.yaml, a YAML of Model Garden, a text with a command line), or -- and the "
            "command line");
    TRY(call_integer(call, "world", 1, 65536, 0, &options.world));
    TRY(call_integer(call, "images", 1, INT64_C(1000000000), 0, &options.images));
    if (call->argument_count == 2)
        TRY(recipe_import_file(&import, &call->arena, call->arguments[1], &options));
    else
        TRY(recipe_import_words(&import, &call->arena, call->arguments + 1, (size_t)call->argument_count - 1,
                                &options));
    TRY(call_overrides(call, &import.recipe));
    struct text text = {0};
    sk_status status = recipe_write_set(&import.recipe, &text);
    if (status == SK_OK) status = answer(call, &import, text.data, text.length);
    text_free(&text);
    return status;
}
