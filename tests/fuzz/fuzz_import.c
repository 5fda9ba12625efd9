/* fuzz_import.c — any bytes as other people's settings: a command line, and YAML of each source; what is accepted is a recipe.
 *
 * The first byte, '0' to '7', says whose settings and in which form: one import an input is eight times as many inputs.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "train/recipe_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_it(const char *bytes, size_t size, bool yaml, const char *source) {
    struct arena arena = {0};
    struct recipe_import import;
    struct import_options options = {.source = source};
    if (recipe_import_text(&import, &arena, bytes, size, "input", yaml, &options) == SK_OK) {
        struct text text = {0};
        struct recipe again;
        if (recipe_write_set(&import.recipe, &text) != SK_OK) abort();
        if (recipe_parse(&again, &arena, text.data, text.length, "again") != SK_OK) abort();
        if (!recipe_equal(&import.recipe, &again)) abort();
        for (size_t i = 0; i < import.count; i++)
            if (!import.lines[i].key || !import.lines[i].value) abort();
        text_free(&text);
    } else if (!sk_error()[0]) {
        abort();
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const sources[] = {NULL, "torchvision", "timm", "model_garden"};
    if (size > 0) try_it((const char *)data + 1, size - 1, data[0] & 1, sources[data[0] >> 1 & 3]);
    return 0;
}
