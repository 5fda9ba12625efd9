/* recipe_doc.c — docs/recipes.md, rendered from keys.def so that it cannot fall behind.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "files/recipe_keys.h"

static const char intro[] =
    "# Recipes\n\n"
    "A recipe is a YAML file of the keys below, in groups (`schedule:` with `lr:` under it) or with dots\n"
    "(`schedule.lr:`). On the command line the same keys stand as `schedule.lr=0.1`, lists as `a,b,c`. What a recipe\n"
    "leaves out has its default. Numbers are strict: `0.064abc`, `1e3` for a whole number or `yes` for a bool are\n"
    "errors that name the line; so is a key that does not exist or stands twice. Anchors, aliases and tags are not\n"
    "read.\n\n"
    "Three maps are kept beside the keys: `source:` cites where a value was published (key, group or `recipe` to text),\n"
    "`expect:` holds the top-1 accuracy that a right run has after an epoch (`5: [60, 65]`), `lint_ok:` names lints whose\n"
    "finding is meant, with the reason (`warmup_twice: the author's code has it`). `base: NAME` begins with the recipe\n"
    "NAME.yaml of the same folder (or a path from there): its values, citations and excuses, not its expectations.\n\n"
    "`siskin recipe show` prints every value with its origin, `siskin recipe trace` what it will do, `siskin recipe\n"
    "lint` what looks like a mistake. `siskin recipe diff A B` compares what two recipes compute, in one set of units\n"
    "(steps, peaks, effective smoothing, L2, pictures scored); what differs in words alone stands apart.\n\n"
    "`siskin recipe list` names those that are shipped: `imagenet/NETWORK` as its paper or write-up states it, and with an\n"
    "ending: `_author` (what the write-up's code ran, slips included), `_techniques`, `_accumulate`, `_zero_start`,\n"
    "`_torchvision_v1`, `_torchvision_v2`, `_torchvision`, `_timm`, `_model_garden`, `_official`; `small/` and `transfer/` for\n"
    "minutes at a desk. Where a source was not read, or says what no key can, its citation says so in capitals.\n\n"
    "`siskin recipe import FILE -o OUT.yaml`, or `siskin recipe import -- torchrun ... train.py --lr 0.5 ...`, makes a recipe of\n"
    "the settings of torchvision's references, timm (args.yaml or command line) or Model Garden (YAML). Every setting has a\n"
    "line: *mapped* (given), *assumed* (the source's default, written out), *ignored* (with the reason) or *unmapped* (it\n"
    "changes the result, and no key says it). Lint and diff then work on it as on any recipe.\n\n"
    "This file is rendered from `src/files/keys.def`; change it there.\n";

static void add_range(const struct recipe_key *key, struct text *text) {
    static const char *const types[] = {"number",          "whole number",          "bool",         "choice", "text",
                                        "list of numbers", "list of whole numbers", "list of texts"};
    if (key->type == RECIPE_CHOICE) {
        for (size_t i = 0; i < key->word_count; i++) text_addf(text, "%s`%s`", i ? ", " : "", key->words[i]);
        return;
    }
    text_add(text, types[key->type]);
    if (key->type == RECIPE_BOOL || key->type == RECIPE_TEXT || key->type == RECIPE_TEXTS) return;
    text_addf(text, ", %.12g to %.12g", key->low, key->high);
}

sk_status recipe_markdown(struct text *text) {
    const char *last = NULL;
    size_t last_length = 0;
    text_add(text, intro);
    for (int id = 0; id < RECIPE_KEYS; id++) {
        const struct recipe_key *key = &recipe_keys[id];
        const char *dot = strchr(key->name, '.');
        size_t length = dot ? (size_t)(dot - key->name) : 0;
        if (!last || length != last_length || strncmp(last, key->name, length) != 0) {
            text_add(text, "\n## ");
            text_add_n(text, dot ? key->name : "the run", dot ? length : strlen("the run"));
            text_add(text, "\n| key | default | values | meaning |\n|---|---|---|---|\n");
        }
        text_addf(text, "| `%s` | `%s` | ", key->name, *key->preset ? key->preset : " ");
        add_range(key, text);
        text_addf(text, " | %s |\n", key->help);
        last = key->name;
        last_length = length;
    }
    return text_check(text);
}
