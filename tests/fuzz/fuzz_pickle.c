/* fuzz_pickle.c — any bytes as a pickle: alone, then as the data.pkl of a sound .pth with two storages.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "files/pickle.h"
#include "files/pth.h"
#include "files/stored_zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside_pth(struct arena *arena, const uint8_t *data, size_t size) {
    static const uint8_t numbers[64] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct stored_zip_writer zip = {.arena = arena};
    uint8_t *bytes = NULL;
    size_t written = 0;
    struct weights w;
    if (stored_zip_add(&zip, "archive/data.pkl", data, size) != SK_OK ||
        stored_zip_add(&zip, "archive/data/0", numbers, 16) != SK_OK ||
        stored_zip_add(&zip, "archive/data/1", numbers, 64) != SK_OK || stored_zip_finish(&zip) != SK_OK ||
        chunks_join(arena, &zip.file, &bytes, &written) != SK_OK)
        abort();
    status_clear();
    if (pth_parse(arena, bytes, written, "input", NULL, &w) != SK_OK) {
        if (strncmp(sk_error(), "input: ", 7) != 0) abort();
    } else if (pth_encode(arena, &w, &bytes, &written) != SK_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct pickle pickle;
    status_clear();
    if (pickle_parse(&arena, data, size, "input", &pickle) != SK_OK) {
        if (strncmp(sk_error(), "input at byte ", 14) != 0) abort();
    } else {
        if (pickle.used > size) abort();
        inside_pth(&arena, data, size);
    }
    arena_free(&arena);
    return 0;
}
