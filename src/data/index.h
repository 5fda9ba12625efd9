/* index.h — where every picture of a large source lies: group, name, label and, in shards, offset and size.
 *
 * All names are one block of text, everything else flat arrays, so that an index is a file that is mapped as it is:
 * 1.3 million pictures in folders cost 40 MB, shared by all processes, and no time. A group is a folder or a shard;
 * pictures stand group by group. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_INDEX_H
#define SK_DATA_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/text.h"
#include "data/data.h"

/* One part's pictures. Numbers of names are places in the text. */
struct index_part {
    uint32_t count, groups;
    const uint32_t *first;  /* (groups + 1) each group's first picture, then count */
    const uint32_t *group;  /* (groups) its name: a path, "" for the source's own folder */
    const uint32_t *name;   /* (count) within the group */
    const int32_t *label;   /* (count) */
    const uint64_t *offset; /* (count) in the shard; NULL: each is a file of its own */
    const uint32_t *size;   /* (count) bytes there */
    const char *text;
};

/* A file or folder that the index was made from, as it was then. */
struct index_stamp {
    uint32_t path;  /* relative to the source's folder */
    uint32_t print; /* of the file's first and last bytes; 0: not taken */
    uint64_t size;
    int64_t changed_ns; /* INT64_MIN: the print counts instead */
};

struct index {
    struct file_bytes bytes; /* that everything points into; index_free it */
    const char *text;
    const char *key; /* what it is an index of */
    uint32_t class_count, stamp_count;
    const uint32_t *class_name; /* (class_count) */
    const struct index_stamp *stamp;
    struct index_part part[DATA_PARTS];
};

/* Check all of it and point into the bytes, which begin at a multiple of 8. Any bytes may be given. */
sk_status index_parse(const uint8_t *bytes, size_t size, const char *what, struct index *index);
void index_free(struct index *index);

/* The group of a picture, and its name "group/name" into text[size]; the same as a path below `root`, where it fits. */
uint32_t index_group_of(const struct index_part *part, uint32_t sample);
void index_name(const struct index_part *part, uint32_t sample, char *text, size_t size);

/* ---- making one ---- */

enum index_section { INDEX_FIRST, INDEX_GROUP, INDEX_NAME, INDEX_LABEL, INDEX_OFFSET, INDEX_SIZE, INDEX_ARRAYS };

/* Zero-initialise; the first failure is kept and told by index_finish. */
struct index_build {
    struct text text, classes, stamps;
    struct text part[DATA_PARTS][INDEX_ARRAYS];
    bool too_long;
};

void index_class(struct index_build *build, const char *name);
void index_stamp_add(struct index_build *build, const char *path,
                     struct index_stamp stamp); /* its `path` is filled in */
/* The next pictures of the part belong to this group. */
void index_group(struct index_build *build, enum data_part part, const char *name);
void index_add(struct index_build *build, enum data_part part, const char *name, int32_t label);
/* The same in a shard. */
void index_add_at(struct index_build *build, enum data_part part, const char *name, int32_t label, uint64_t offset,
                  uint32_t size);
uint32_t index_build_count(const struct index_build *build, enum data_part part);
/* The label of a picture that was added, for those who learn it later. */
void index_relabel(struct index_build *build, enum data_part part, uint32_t sample, int32_t label);

/* SK_EMEMORY where something could not be added: before a count means anything. */
sk_status index_build_check(const struct index_build *build, const char *what);

/* Make the index in memory; the build is freed whatever happens. */
sk_status index_finish(struct index_build *build, const char *key, const char *what, struct index *index);
void index_build_free(struct index_build *build);

/* ---- keeping it ---- */

/* Pictures from which on the index is kept where nothing else is said: fewer are read again as fast. */
enum { INDEX_WORTH_KEEPING = 50000 };

/* Where the index of `format` at `path` is kept for options->index_cache; NULL: nowhere. *always: whatever its size. */
struct index_place {
    char *file;
    const char *key;
    bool always;
};
sk_status index_place(struct arena *arena, const char *setting, const char *format, const char *path,
                      struct index_place *place);

/* A kept index that is still true; *found is false where there is none, or it is another's, damaged or out of date. */
sk_status index_load(const struct index_place *place, const char *root, struct index *index, bool *found);
/* Keep it, where it is worth it and nothing it was made from changed a moment ago; a failure to write is no failure. */
void index_keep(const struct index_place *place, const struct index *index);

/* Write the index of `root` into it, to be carried along: files are known again by size and print. */
sk_status index_carry(const struct index *index, const char *root, const char *file);

/* True where nothing that the index was made from has changed; paths are below root. */
bool index_is_fresh(const struct index *index, const char *root);
/* Of a file's size and its first and last bytes; never 0. */
sk_status index_print(const char *path, uint64_t size, uint32_t *print);

#endif
