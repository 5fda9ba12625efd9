/* replay.c — the main of a fuzz target in the normal tests: every file of its corpus once, also cut short.
 *
 * A parser that reads beyond its input shows itself on a copy of exactly the right size (under the
 * address sanitizer, or at a guard page of the allocator). SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 << 20, CUTS = 4 };

static void replay(const uint8_t *data, size_t size) {
    for (int cut = 0; cut < CUTS; cut++) {
        size_t part = size - size * (size_t)cut / CUTS;
        uint8_t *copy = malloc(part ? part : 1);
        if (!copy) exit(1);
        memcpy(copy, data, part);
        LLVMFuzzerTestOneInput(copy, part);
        free(copy);
    }
}

int main(int argc, char **argv) {
    struct arena arena = {0};
    char **names;
    size_t count;
    if (argc != 2 || folder_list(&arena, argv[1], LIST_FILES, &names, &count) != SK_OK || count == 0) {
        fprintf(stderr, "replay: no corpus: %s\n", argc == 2 ? sk_error() : "name its folder");
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *data;
        size_t size;
        char *path = path_join(&arena, argv[1], names[i]);
        if (!path || file_read(&arena, path, INPUT_MAX, &data, &size) != SK_OK) {
            fprintf(stderr, "replay: %s\n", sk_error());
            return 1;
        }
        replay(data, size);
    }
    printf("%zu inputs replayed\n", count);
    arena_free(&arena);
    return 0;
}
