/* seal.c — making and checking the sum over a file's content.
 *
 * Every text and array is hashed behind its length, so that no two contents give the same bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/seal.h"

#include <stdlib.h>
#include <string.h>

static void add_number(struct sha256 *hash, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    sha256_add(hash, bytes, sizeof bytes);
}

static void add_text(struct sha256 *hash, const char *text) {
    size_t length = strlen(text);
    add_number(hash, length);
    sha256_add(hash, text, length);
}

static int by_key(const void *a, const void *b) {
    return strcmp((*(const struct weights_pair *const *)a)->key, (*(const struct weights_pair *const *)b)->key);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const struct tensor *const *)a)->name, (*(const struct tensor *const *)b)->name);
}

static sk_status add_pairs(struct arena *arena, const struct weights *weights, struct sha256 *hash) {
    const struct weights_pair **pairs = arena_array(arena, weights->metadata_count + 1, sizeof(const void *));
    size_t count = 0;
    if (!pairs) return SK_EMEMORY;
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[i].key, SEAL_KEY) != 0) pairs[count++] = &weights->metadata[i];
    qsort((void *)pairs, count, sizeof(const void *), by_key);
    add_number(hash, count);
    for (size_t i = 0; i < count; i++) {
        add_text(hash, pairs[i]->key);
        add_text(hash, pairs[i]->value);
    }
    return SK_OK;
}

static sk_status add_tensors(struct arena *arena, const struct weights *weights, struct sha256 *hash) {
    const struct tensor **tensors = arena_array(arena, weights->count + 1, sizeof(const void *));
    if (!tensors) return SK_EMEMORY;
    for (size_t i = 0; i < weights->count; i++) tensors[i] = &weights->tensors[i];
    qsort((void *)tensors, weights->count, sizeof(const void *), by_name);
    add_number(hash, weights->count);
    for (size_t i = 0; i < weights->count; i++) {
        const struct tensor *t = tensors[i];
        add_text(hash, t->name);
        add_text(hash, dtype_name(t->dtype));
        add_number(hash, (uint64_t)t->shape.rank);
        for (int d = 0; d < t->shape.rank; d++) add_number(hash, (uint64_t)t->shape.dim[d]);
        sha256_add(hash, t->data, (size_t)shape_elements(&t->shape) * dtype_size(t->dtype));
    }
    return SK_OK;
}

sk_status seal_compute(const struct weights *weights, char text[SHA256_TEXT]) {
    struct arena arena = {0};
    struct sha256 hash;
    sha256_begin(&hash);
    sk_status status = add_pairs(&arena, weights, &hash);
    if (status == SK_OK) status = add_tensors(&arena, weights, &hash);
    sha256_end(&hash, text);
    arena_free(&arena);
    return status;
}

sk_status seal_check(const struct weights *weights, const char *what) {
    char found[SHA256_TEXT];
    const char *kept = weights_metadata(weights, SEAL_KEY);
    FAIL_IF(!kept, SK_EGATE,
            "%s has no " SEAL_KEY
            " among its metadata, so that damage cannot be told: it is no model file of this siskin",
            what);
    TRY(seal_compute(weights, found));
    FAIL_IF(strcmp(kept, found) != 0, SK_EGATE,
            "%s was changed since it was saved: its weights and metadata have the SHA-256 %.16s…, but " SEAL_KEY
            " says %.16s…; copy or import it again",
            what, found, kept);
    return SK_OK;
}
