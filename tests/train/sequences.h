/* sequences.h — golden sequences out of tests/fixtures/train, and a recipe from their keys.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TRAIN_SEQUENCES_H
#define TESTS_TRAIN_SEQUENCES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "files/recipe.h"

static inline struct json *read_fixture(struct arena *arena, const char *name) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct json *json = NULL;
    const char *path = arena_printf(arena, "%s/train/%s", FIXTURES, name);
    if (file_read(arena, path, 1 << 24, &bytes, &size) != SK_OK) fail_msg("%s", sk_error());
    if (json_parse(arena, (const char *)bytes, size, name, &json) != SK_OK) fail_msg("%s", sk_error());
    return json;
}

/* The numbers of an array; returns how many. */
static inline size_t numbers(const struct json *array, double *out, size_t most) {
    size_t count = 0;
    assert_non_null(array);
    for (const struct json *item = array->child; item; item = item->next) {
        assert_true(item->kind == JSON_NUMBER && count < most);
        out[count++] = item->number;
    }
    return count;
}

static inline void recipe_from_keys(struct recipe *recipe, struct arena *arena, const struct json *keys) {
    if (recipe_default(recipe, arena) != SK_OK) fail_msg("%s", sk_error());
    assert_non_null(keys);
    for (const struct json *key = keys->child; key; key = key->next) {
        if (recipe_set(recipe, key->key, key->string) != SK_OK) fail_msg("%s", sk_error());
    }
    if (recipe_check(recipe) != SK_OK) fail_msg("%s", sk_error());
}

#endif
