/* shards.h — the files of a sharded source: by folder, file or pattern, with the part that each name says.
 *
 * A SPEC is a folder, whose shards lie in it or in its train, val and test; a file; or a pattern with {000..146}
 * and {train,val}, several of them joined by "::", as WebDataset writes them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_SHARDS_H
#define SK_DATA_SHARDS_H

#include <stdbool.h>
#include <stddef.h>

#include "data/format.h"

enum { SHARDS_MAX = 100000 };

/* A packed folder's own index, and the names of its classes, one a line. */
#define SHARDS_INDEX   "index.siskin"
#define SHARDS_CLASSES "classes.txt"

struct shard {
    char *path; /* below the root */
    enum data_part part;
    struct file_stamp stamp;
};

struct shard_list {
    struct shard *item;
    size_t count, capacity;
    const char *root; /* "" where a pattern names whole paths */
    char **beside;    /* files that name classes, below the root, where shards_beside looked for any */
    size_t beside_count, beside_capacity;
};

/* True for names that are shards of a format. */
typedef bool shard_name(const char *name);

/* All shards that exist, part by part in the order of their names; at least one. A file of a pattern that is not there
 * is an error. */
sk_status shards_find(struct arena *arena, const char *path, shard_name *is_shard, struct shard_list *list);
/* True where a path looks like shards of that kind: for a format's detect. */
bool shards_detect(const char *path, shard_name *is_shard);
/* The part that a file's name says: "imagenet2012-train.tfrecord-…"; train where it says nothing. */
enum data_part shards_part(const char *name);
/* A pattern's paths; one where it has no braces. */
sk_status shards_expand(struct arena *arena, const char *pattern, char ***paths, size_t *count);

char *shards_path(struct arena *arena, const struct shard_list *list, const char *path);

/* How a format of shards is opened. */
struct shard_source {
    const char *format; /* in the kept index' name */
    shard_name *is_shard;
    const char *beside[4];                             /* files beside the shards that name classes; NULL ends them */
    sk_status (*check)(const struct shard_list *list); /* what the names alone tell; may be NULL */
    /* Read the shards where no kept index is true any more. */
    sk_status (*build)(struct dataset *dataset, const struct shard_list *list, struct index_build *build);
};
sk_status shards_open(struct dataset *dataset, const char *path, const struct shard_source *source);

/* The index that is kept of these shards and of the files beside them, where it is still true. */
sk_status shards_load(struct dataset *dataset, const struct shard_list *list, const struct index_place *place,
                      bool *found);
/* Stamps of the shards, in the order of the list, and of the files beside them. */
sk_status shards_stamp(struct index_build *build, struct arena *arena, const struct shard_list *list);

/* A sample's bytes into SCRATCH_FILE, and its name. */
sk_status shards_fetch(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded);

/* ---- classes that samples name ---- */

/* Numbers by first appearance; class_words_sort gives each its place in byte-wise order. Zero-initialise. */
struct class_words {
    struct arena *arena;
    char **word;
    size_t count, capacity;
    uint32_t *slot; /* open addressing: 1 + number; a power of two */
    size_t slots;
};
sk_status class_words_add(struct class_words *words, const char *word, int32_t *number);
/* -1: unknown. */
int32_t class_words_find(const struct class_words *words, const char *word);
sk_status class_words_sort(struct class_words *words, int32_t **rank);

/* A file of names, one a line, in order; *found false where there is none. */
sk_status class_words_read(struct class_words *words, const char *path, bool *found);

/* In the root and in every folder with shards: the first of names[count] that is there goes on list->beside. */
sk_status shards_beside(struct arena *arena, struct shard_list *list, const char *const names[], size_t count);
/* The first of them that is called so, below the root; or NULL. */
const char *shards_beside_named(const struct shard_list *list, const char *name);
/* Read the first of them that is called so. *clash: what to say where another one of them differs; NULL: none does. */
sk_status shards_class_words(struct class_words *words, const struct shard_list *list, const char *name,
                             const char **clash);

/* What a build's provisional labels become: label[i] = rank[label[i]]. */
sk_status shards_relabel(struct index_build *build, const int32_t *rank);

#endif
