/* fuzz_recipe.c — any bytes as a recipe, and as an override; what is accepted must write back equal.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/recipe.h"
#include "train/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void writes_back(const struct recipe *recipe, struct arena *arena) {
    struct text text = {0}, shown = {0};
    struct recipe again;
    if (recipe_write(recipe, &text) != SK_OK || recipe_show(recipe, false, &shown) != SK_OK) abort();
    if (recipe_parse(&again, arena, text.data, text.length, "again") != SK_OK) abort();
    if (!recipe_equal(recipe, &again)) abort();
    if (recipe_parse(&again, arena, shown.data, shown.length, "shown") != SK_OK) abort();
    if (!recipe_equal(recipe, &again)) abort();
    text_free(&text);
    text_free(&shown);
}

/* Whatever a recipe holds, the lints come to an end and name their key. */
static void lints(const struct recipe *recipe, struct arena *arena) {
    static const struct decay_tensor tensors[] = {{"a.weight", 4, DECAY_CONV, 9, 0}, {"a.bias", 1, DECAY_CONV, 3, 9}};
    struct trace_input input = {recipe, 1000, 100, 10, 1, tensors, 2};
    struct lint_finding *findings = NULL;
    size_t count = 0;
    if (lint_run(&input, arena, &findings, &count) != SK_OK || count > lint_count()) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct recipe recipe;
    if (recipe_parse(&recipe, &arena, (const char *)data, size, "input") == SK_OK) {
        writes_back(&recipe, &arena);
        lints(&recipe, &arena);
    } else if (!sk_error()[0]) {
        abort();
    }
    char *assignment = arena_strndup(&arena, (const char *)data, size < 4096 ? size : 4096);
    if (!assignment || recipe_default(&recipe, &arena) != SK_OK) abort();
    if (recipe_override(&recipe, assignment) == SK_OK) writes_back(&recipe, &arena);
    arena_free(&arena);
    return 0;
}
