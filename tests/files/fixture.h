/* fixture.h — what the tests of src/files share: reading fixtures, comparing tensors, walking hostile files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_FILES_FIXTURE_H
#define SK_TESTS_FILES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "files/safetensors.h"

struct bytes {
    uint8_t *data;
    size_t size;
};

/* A fixture in a block of exactly its size, so that a sanitizer sees every byte read beyond it. */
static inline struct bytes fixture(const char *folder, const char *name) {
    struct arena arena = {0};
    struct bytes bytes = {NULL, 0};
    uint8_t *data = NULL;
    char *path = arena_printf(&arena, "%s/files/%s/%s", FIXTURES, folder, name);
    if (!path || file_read(&arena, path, 1 << 24, &data, &bytes.size) != SK_OK) fail_msg("%s", sk_error());
    bytes.data = malloc(bytes.size ? bytes.size : 1);
    assert_non_null(bytes.data);
    memcpy(bytes.data, data, bytes.size);
    arena_free(&arena);
    return bytes;
}

static inline void assert_same_tensor(const struct tensor *found, const struct tensor *expected) {
    assert_int_equal(found->dtype, expected->dtype);
    if (!shape_equal(&found->shape, &expected->shape)) {
        char a[128], b[128];
        fail_msg("%s: shape %s, expected %s", found->name, shape_text(&found->shape, a, sizeof a),
                 shape_text(&expected->shape, b, sizeof b));
    }
    size_t size = (size_t)shape_elements(&found->shape) * dtype_size(found->dtype);
    assert_int_equal((uintptr_t)found->data % dtype_size(found->dtype), 0);
    if (size && memcmp(found->data, expected->data, size) != 0) fail_msg("%s: its values differ", found->name);
}

/* Equal names, shapes, types and bytes; the order may differ. */
static inline void assert_same_weights(const struct weights *found, const struct weights *expected) {
    assert_int_equal(found->count, expected->count);
    for (size_t i = 0; i < found->count; i++) {
        const struct tensor *other = weights_find(expected, found->tensors[i].name);
        if (!other) fail_msg("tensor '%s' should not be there", found->tensors[i].name);
        assert_same_tensor(&found->tensors[i], other);
    }
}

struct hostile {
    const char *name, *sentence; /* the sentence's beginning, after the file's name */
};

typedef sk_status fixture_parser(struct arena *arena, const uint8_t *bytes, size_t size, const char *what);

/* Each file must fail with its sentence, and every file of the folder with this extension must be in the table. */
static inline void assert_hostile(const struct hostile *table, size_t count, const char *extension,
                                  fixture_parser *parse) {
    struct arena arena = {0};
    char **names = NULL, *folder = arena_printf(&arena, "%s/files/hostile", FIXTURES);
    size_t files = 0, seen = 0;
    assert_int_equal(folder_list(&arena, folder, LIST_FILES, &names, &files), SK_OK);
    for (size_t i = 0; i < files; i++) seen += strcmp(path_extension(names[i]), extension) == 0;
    assert_int_equal(seen, count);
    for (size_t i = 0; i < count; i++) {
        struct bytes bytes = fixture("hostile", table[i].name);
        status_clear();
        if (parse(&arena, bytes.data, bytes.size, "it") == SK_OK) fail_msg("%s was accepted", table[i].name);
        char *expected = arena_printf(&arena, "it: %s", table[i].sentence);
        if (strncmp(sk_error(), expected, strlen(expected)) != 0)
            fail_msg("%s says \"%s\", expected \"%s…\"", table[i].name, sk_error(), expected);
        free(bytes.data);
    }
    arena_free(&arena);
}

#endif
