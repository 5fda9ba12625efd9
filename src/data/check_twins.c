/* check_twins.c — files with the same bytes and pictures that look the same: in one part, in two, under two classes.
 *
 * Of a pair that is several of these the worst is said: two classes, then two parts.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "data/check.h"

static int by_digest(const void *left, const void *right) {
    const struct check_file *a = *(const struct check_file *const *)left, *b = *(const struct check_file *const *)right;
    int order = strcmp(a->digest, b->digest);
    return order ? order : (a > b) - (a < b);
}

static sk_status find_twins(struct check *check) {
    struct check_file **order = arena_array(&check->arena, check->file_count + 1, sizeof *order);
    size_t count = 0;
    if (!order) return SK_EMEMORY;
    for (size_t i = 0; i < check->file_count; i++)
        if (check->files[i].digest[0]) order[count++] = &check->files[i];
    qsort(order, count, sizeof *order, by_digest);
    for (size_t i = 1; i < count; i++)
        if (strcmp(order[i]->digest, order[i - 1]->digest) == 0) order[i]->twin = order[i - 1]->twin;
    return SK_OK;
}

sk_status check_pair_up(struct check *check) {
    uint32_t count = (uint32_t)check->file_count;
    const struct phash **hashes = arena_array(&check->arena, count + 1, sizeof *hashes);
    uint32_t *near = arena_array(&check->arena, count + 1, sizeof *near);
    if (!hashes || !near) return SK_EMEMORY;
    TRY(find_twins(check));
    for (uint32_t i = 0; i < count; i++) hashes[i] = check->files[i].twin == i ? check->files[i].hash : NULL;
    TRY(phash_pairs(hashes, count, near));
    for (uint32_t i = 0; i < count; i++) check->files[i].near = near[i];
    return SK_OK;
}

enum relation { TWO_LABELS, TWO_PARTS, TOGETHER };

static enum relation relation_of(const struct check_file *a, const struct check_file *b) {
    return a->class_index != b->class_index ? TWO_LABELS : a->part != b->part ? TWO_PARTS : TOGETHER;
}

static void say_pairs(struct check *check, bool same_bytes, enum relation relation) {
    for (uint32_t i = 0; i < check->file_count; i++) {
        const struct check_file *file = &check->files[i];
        uint32_t first = same_bytes ? file->twin : file->near;
        if (first == i || relation_of(&check->files[first], file) != relation) continue;
        const char *path = check_full_path(check, check->files[first].path);
        check->failed = check->failed || !path;
        check_add(check, file->path, "%s %s", same_bytes ? "the same as" : "looks the same as", path ? path : "");
    }
}

void check_two_labels(struct check *check) {
    say_pairs(check, true, TWO_LABELS);
}

void check_leaked(struct check *check) {
    say_pairs(check, true, TWO_PARTS);
}

void check_twins(struct check *check) {
    say_pairs(check, true, TOGETHER);
}

void check_near_two_labels(struct check *check) {
    say_pairs(check, false, TWO_LABELS);
}

void check_near_leaked(struct check *check) {
    say_pairs(check, false, TWO_PARTS);
}

void check_near(struct check *check) {
    say_pairs(check, false, TOGETHER);
}
