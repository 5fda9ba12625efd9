/* fuzz_json.c — any bytes through the JSON reader; what it accepts is walked and must be consistent.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct json *json) {
    size_t nodes = 1, children = 0;
    if (json->kind == JSON_STRING && !utf8_valid(json->string, strlen(json->string))) abort();
    if (json->kind == JSON_NUMBER && !json->string[0]) abort();
    for (const struct json *child = json->child; child; child = child->next, children++) {
        if (json->kind == JSON_OBJECT && !json_get(json, child->key)) abort();
        nodes += walk(child);
    }
    if (children != json->count) abort();
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct json *json = NULL;
    if (json_parse(&arena, (const char *)data, size, "input", &json) == SK_OK) {
        if (walk(json) > size) abort();
    } else if (!sk_error()[0]) {
        abort();
    }
    arena_free(&arena);
    return 0;
}
