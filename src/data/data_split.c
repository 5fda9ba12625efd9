/* data_split.c — divides every class of train into train, val and test, by the seed; near-duplicates stay together.
 *
 * Each class is shuffled by its own Philox sequence (RNG_SPLIT, sample = class), so adding a class moves no picture of
 * another. The first ones become val, the next test; a picture takes those that look like it along. All parts keep the
 * source's order. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/team.h"
#include "base/text.h"
#include "data/format.h"
#include "data/phash.h"

enum { SPLIT, LIMIT }; /* steps of RNG_SPLIT: which part; which pictures at all */
enum { LEFT_OUT = DATA_PARTS, OPEN };

struct split {
    struct dataset *dataset;
    const struct data_source *train;
    double share[DATA_PARTS]; /* sums to 1; 0: this part is not split off */
    uint32_t *start;          /* pictures by class: ordered[start[c]] … start[c + 1] - 1 */
    uint32_t *ordered;
    uint8_t *part;   /* [picture] */
    uint32_t *group; /* [picture] first picture of its group, or NULL: all are alone */
    uint32_t *next;  /* [picture] the next one of its group, or itself at the end */
};

static sk_status order_by_class(struct split *s) {
    struct arena *arena = &s->dataset->arena;
    size_t classes = (size_t)s->dataset->class_count;
    const struct data_source *train = s->train;
    s->start = arena_array(arena, classes + 2, sizeof *s->start);
    s->ordered = arena_array(arena, train->count, sizeof *s->ordered);
    s->part = arena_alloc(arena, train->count);
    if (!s->start || !s->ordered || !s->part) return SK_EMEMORY;
    for (uint32_t i = 0; i < train->count; i++) s->start[train->labels[i] + 2]++;
    for (size_t c = 2; c < classes + 2; c++) s->start[c] += s->start[c - 1];
    for (uint32_t i = 0; i < train->count; i++) s->ordered[s->start[train->labels[i] + 1]++] = i;
    memset(s->part, OPEN, train->count);
    return SK_OK;
}

static void shuffle_class(struct split *s, int c, uint64_t step) {
    struct rng rng = rng_at(s->dataset->options.seed, RNG_SPLIT, step, (uint64_t)c);
    rng_shuffle(&rng, s->ordered + s->start[c], s->start[c + 1] - s->start[c]);
}

/* At most per_class of each class stay; the others are in no part. */
static void limit_classes(struct split *s) {
    uint32_t most = s->dataset->options.per_class;
    for (int c = 0; most && c < s->dataset->class_count; c++) {
        if (s->start[c + 1] - s->start[c] <= most) continue;
        shuffle_class(s, c, LIMIT);
        for (uint32_t i = s->start[c] + most; i < s->start[c + 1]; i++) s->part[s->ordered[i]] = LEFT_OUT;
    }
}

/* ---- near-duplicates ---- */

struct hashing {
    const struct dataset *dataset;
    struct scratch *scratch; /* [member] */
    struct phash *hash;
    const struct phash **known; /* [picture] NULL: unreadable, or left out */
    atomic_bool no_memory;
};

static void hash_picture(void *arg, int64_t index, int member) {
    struct hashing *h = arg;
    struct picture picture;
    if (!h->known[index]) return;
    const struct dataset *d = h->dataset;
    struct scratch *scratch = &h->scratch[member];
    sk_status status = data_read_source(d, DATA_TRAIN, (uint32_t)index, scratch, &picture);
    if (status == SK_OK) status = phash_of(&picture, scratch, &h->hash[index]);
    if (status == SK_EMEMORY) atomic_store(&h->no_memory, true);
    if (status != SK_OK) h->known[index] = NULL; /* not readable: whoever trains on it will be told */
}

static sk_status hash_all(struct hashing *h, struct arena *arena, uint32_t count) {
    struct team *team;
    int threads = cpu_cores();
    h->scratch = arena_array(arena, (size_t)threads, sizeof *h->scratch);
    if (!h->scratch) return SK_EMEMORY;
    TRY(team_new(&team, threads));
    team_for(team, count, hash_picture, h);
    team_free(team);
    for (int i = 0; i < threads; i++) scratch_free(&h->scratch[i]);
    FAIL_IF(atomic_load(&h->no_memory), SK_EMEMORY, "there is no memory to look for near-duplicates in %s",
            h->dataset->path);
    return SK_OK;
}

static sk_status find_groups(struct split *s, struct arena *arena) {
    uint32_t count = s->train->count;
    struct hashing h = {.dataset = s->dataset};
    h.hash = arena_array(arena, count, sizeof *h.hash);
    h.known = arena_array(arena, count, sizeof *h.known);
    s->group = arena_array(&s->dataset->arena, count, sizeof *s->group);
    s->next = arena_array(&s->dataset->arena, count, sizeof *s->next);
    if (!h.hash || !h.known || !s->group || !s->next) return SK_EMEMORY;
    for (uint32_t i = 0; i < count; i++) h.known[i] = s->part[i] == OPEN ? &h.hash[i] : NULL;
    TRY(hash_all(&h, arena, count));
    TRY(phash_group(h.known, count, s->group));
    for (uint32_t i = 0; i < count; i++) { /* a ring, which begins and ends at the first */
        s->next[i] = i;
        if (s->group[i] == i) continue;
        s->next[i] = s->next[s->group[i]], s->next[s->group[i]] = i;
        s->dataset->near_duplicates++;
    }
    return SK_OK;
}

/* ---- dividing ---- */

static uint32_t group_size(const struct split *s, uint32_t picture) {
    uint32_t size = 1;
    for (uint32_t i = s->next ? s->next[picture] : picture; i != picture; i = s->next[i]) size++;
    return size;
}

/* A picture and those that look like it; counts[part] follows for pictures of class c. */
static void put(struct split *s, uint32_t picture, enum data_part part, int c, uint32_t counts[DATA_PARTS]) {
    uint32_t i = picture;
    do {
        if (s->part[i] == OPEN) {
            s->part[i] = (uint8_t)part;
            counts[part] += s->train->labels[i] == c;
        }
        i = s->next ? s->next[i] : picture;
    } while (i != picture);
}

static uint32_t wanted(const struct split *s, enum data_part part, uint32_t count) {
    double share = nearbyint(count * s->share[part]);
    return s->share[part] == 0 ? 0 : share < 1 ? 1 : (uint32_t)share;
}

static sk_status divide_class(struct split *s, int c) {
    uint32_t counts[DATA_PARTS] = {0}, count = 0, want[DATA_PARTS];
    for (uint32_t i = s->start[c]; i < s->start[c + 1]; i++) {
        if (s->part[s->ordered[i]] != LEFT_OUT) count++;
        if (s->part[s->ordered[i]] < DATA_PARTS) counts[s->part[s->ordered[i]]]++; /* another class's took it along */
    }
    if (count == 0) return SK_OK; /* IDX files may lack a class */
    want[DATA_VAL] = wanted(s, DATA_VAL, count), want[DATA_TEST] = wanted(s, DATA_TEST, count);
    while (want[DATA_VAL] + want[DATA_TEST] > count - 1)
        want[want[DATA_VAL] >= want[DATA_TEST] ? DATA_VAL : DATA_TEST]--;
    shuffle_class(s, c, SPLIT);
    for (uint32_t i = s->start[c]; i < s->start[c + 1]; i++) {
        uint32_t picture = s->ordered[i], size = s->part[picture] == OPEN ? group_size(s, picture) : 0;
        if (!size) continue;
        enum data_part part = DATA_TRAIN;
        if (counts[DATA_VAL] + size <= want[DATA_VAL])
            part = DATA_VAL;
        else if (counts[DATA_TEST] + size <= want[DATA_TEST])
            part = DATA_TEST;
        put(s, picture, part, c, counts);
    }
    for (int part = 0; part < DATA_PARTS; part++)
        FAIL_IF(s->share[part] > 0 && counts[part] == 0, SK_EDATA,
                "%s: class \"%s\" has %u pictures, but so many of them look alike that none is left for %s: "
                "near-duplicates stay in one part. Add different pictures, or set data.near_duplicates=ignore",
                s->dataset->path, s->dataset->class_names[c], count, data_part_name((enum data_part)part));
    return SK_OK;
}

/* Cross-validation. Where a picture goes follows from its place alone, and not from which fold is asked for: every picture
 * is in val in exactly one of the folds; those that look like it go along. */
static sk_status fold_class(struct split *s, int c) {
    uint32_t first = s->start[c], count = 0, at = 0, counts[DATA_PARTS] = {0};
    uint64_t fold = (uint64_t)s->dataset->options.fold - 1, folds = (uint64_t)s->dataset->options.folds;
    for (uint32_t i = first; i < s->start[c + 1]; i++) count += s->part[s->ordered[i]] != LEFT_OUT;
    shuffle_class(s, c, SPLIT);
    for (uint32_t i = first; i < s->start[c + 1]; i++) {
        uint32_t picture = s->ordered[i];
        if (s->part[picture] == LEFT_OUT) continue;
        /* classes with a rest begin at different folds, so that no fold has all the rests */
        uint64_t mine = (at++ * folds / count + (uint64_t)c) % folds;
        if (s->part[picture] == OPEN) put(s, picture, mine == fold ? DATA_VAL : DATA_TRAIN, c, counts);
    }
    return SK_OK;
}

/* Every class must have a picture for each part: all that have not are named. */
static sk_status check_counts(const struct split *s) {
    uint32_t parts = 0, few = 0;
    struct text text = {0};
    for (int part = 0; part < DATA_PARTS; part++) parts += s->share[part] > 0;
    for (int c = 0; c < s->dataset->class_count; c++) {
        uint32_t count = 0;
        for (uint32_t i = s->start[c]; i < s->start[c + 1]; i++) count += s->part[s->ordered[i]] == OPEN;
        if (count == 0 || count >= parts) continue;
        if (few++ < 8)
            text_addf(&text, "%sclass \"%s\" has %u picture%s", few > 1 ? ", " : "", s->dataset->class_names[c], count,
                      count > 1 ? "s" : "");
    }
    sk_status status = text_check(&text);
    if (status == SK_OK && few > 0)
        status = status_fail(SK_EDATA, "%s: %s%s; at least %u are needed to split %s: add pictures%s", s->dataset->path,
                             text.data, few > 8 ? ", and others" : "", parts,
                             s->share[DATA_VAL] == 0 ? "train and test"
                             : parts == 2            ? "train and val"
                                                     : "train, val and test",
                             parts == 2 && s->share[DATA_VAL] > 0 ? " or give a val folder"
                                                                  : " or take the class's folder away");
    text_free(&text);
    return status;
}

/* The lists of the parts that train was divided into. */
static sk_status make_lists(struct split *s) {
    for (int part = 0; part < DATA_PARTS; part++) {
        if (s->share[part] == 0) continue;
        struct data_list *list = &s->dataset->list[part];
        uint32_t count = 0;
        for (uint32_t i = 0; i < s->train->count; i++) count += s->part[i] == part;
        *list = (struct data_list){.source = DATA_TRAIN};
        list->samples = arena_array(&s->dataset->arena, count, sizeof(uint32_t));
        if (!list->samples) return SK_EMEMORY;
        for (uint32_t i = 0; i < s->train->count; i++)
            if (s->part[i] == part) list->samples[list->count++] = i;
    }
    return SK_OK;
}

sk_status data_split(struct dataset *dataset, const double share[DATA_PARTS]) {
    struct split s = {.dataset = dataset, .train = &dataset->source[DATA_TRAIN]};
    double all = share[DATA_TRAIN] + share[DATA_VAL] + share[DATA_TEST];
    FAIL_IF(s.train->count == 0, SK_EDATA, "%s: no train part to split a val part from", dataset->path);
    for (int part = 0; part < DATA_PARTS; part++) s.share[part] = share[part] / all;
    TRY(order_by_class(&s));
    limit_classes(&s);
    bool divided = share[DATA_VAL] > 0 || share[DATA_TEST] > 0;
    if (divided) {
        TRY(check_counts(&s));
        struct arena arena = {0};
        bool looks = dataset->options.near_duplicates && dataset->format->fetch;
        sk_status status = looks ? find_groups(&s, &arena) : SK_OK;
        arena_free(&arena);
        TRY(status);
        for (int c = 0; c < dataset->class_count; c++)
            TRY(dataset->options.folds > 1 ? fold_class(&s, c) : divide_class(&s, c));
        dataset->split = true;
    } else {
        for (uint32_t i = 0; i < s.train->count; i++)
            if (s.part[i] == OPEN) s.part[i] = DATA_TRAIN;
    }
    return make_lists(&s);
}
