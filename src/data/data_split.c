/* data_split.c — takes a share of every class of train as val, by the seed.
 *
 * Each class is shuffled by its own Philox sequence (RNG_SPLIT, sample = class), so adding a class moves no
 * picture of another. Both parts keep the source's order.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/rng.h"
#include "data/format.h"

/* Mark the val pictures of one class. members: the class's pictures in order. */
static void mark_class(const struct dataset *dataset, int class_index, uint32_t *members, uint32_t count,
                       uint32_t val_count, uint8_t *is_val) {
    struct rng rng = rng_at(dataset->options.seed, RNG_SPLIT, 0, (uint64_t)class_index);
    rng_shuffle(&rng, members, count);
    for (uint32_t i = 0; i < val_count; i++) is_val[members[i]] = 1;
}

sk_status data_split(struct dataset *dataset, double fraction) {
    const struct data_source *train = &dataset->source[DATA_TRAIN];
    size_t classes = (size_t)dataset->class_count;
    FAIL_IF(train->count == 0, SK_EDATA, "%s: no train part to split a val part from", dataset->path);
    /* Pictures ordered by class: start[c] … start[c + 1]. */
    uint32_t *start = arena_array(&dataset->arena, classes + 2, sizeof *start);
    uint32_t *ordered = arena_array(&dataset->arena, train->count, sizeof *ordered);
    uint8_t *is_val = arena_alloc(&dataset->arena, train->count);
    if (!start || !ordered || !is_val) return SK_EMEMORY;
    for (uint32_t i = 0; i < train->count; i++) start[train->labels[i] + 2]++;
    for (size_t c = 2; c < classes + 2; c++) start[c] += start[c - 1];
    for (uint32_t i = 0; i < train->count; i++) ordered[start[train->labels[i] + 1]++] = i;

    uint32_t val_total = 0;
    for (size_t c = 0; c < classes; c++) {
        uint32_t count = start[c + 1] - start[c];
        if (count == 0) continue; /* IDX files may lack a class */
        FAIL_IF(count < 2, SK_EDATA,
                "%s: class \"%s\" has 1 picture; at least 2 are needed to split train and val: add pictures or give "
                "a val folder",
                dataset->path, dataset->class_names[c]);
        double share = nearbyint(count * fraction);
        uint32_t val_count = share < 1 ? 1 : share > count - 1 ? count - 1 : (uint32_t)share;
        mark_class(dataset, (int)c, ordered + start[c], count, val_count, is_val);
        val_total += val_count;
    }
    struct data_list *to_train = &dataset->list[DATA_TRAIN], *to_val = &dataset->list[DATA_VAL];
    *to_train = (struct data_list){.source = DATA_TRAIN};
    *to_val = (struct data_list){.source = DATA_TRAIN};
    to_train->samples = arena_array(&dataset->arena, train->count - val_total, sizeof(uint32_t));
    to_val->samples = arena_array(&dataset->arena, val_total, sizeof(uint32_t));
    if (!to_train->samples || !to_val->samples) return SK_EMEMORY;
    for (uint32_t i = 0; i < train->count; i++) {
        struct data_list *list = is_val[i] ? to_val : to_train;
        list->samples[list->count++] = i;
    }
    dataset->split = true;
    return SK_OK;
}
