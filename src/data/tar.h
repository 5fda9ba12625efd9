/* tar.h — one tar archive's samples into an index: for shards, and for ImageNet's own archives.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_TAR_H
#define SK_DATA_TAR_H

#include "data/shards.h"
#include "data/tar_walk.h"

enum tar_label { TAR_LABEL_NONE, TAR_LABEL_NUMBER, TAR_LABEL_WORD, TAR_LABEL_FOLDER };

/* Zero-initialise, then build and words.arena (and no_labels). Large: not for the stack. */
struct tar_reader {
    struct index_build *build;
    struct class_words words; /* of labels that are words: provisional numbers */
    size_t given;             /* how many of them were there before */
    const char *clash;        /* what to say where numbers mean two classes, or NULL */
    bool no_labels;           /* samples have none: 0 is written */
    enum tar_label kind;      /* how all samples say their class */
    int32_t label_count;      /* the greatest number and one */
    /* the shard in hand: */
    const char *shard, *inner; /* inner: the archive within */
    enum data_part part;
    uint64_t base; /* of the inner archive in the shard */
    bool in_group;
    /* the sample in hand: */
    char key[TAR_NAME_MAX];
    int32_t label; /* -1: not known yet */
    bool has_picture;
    struct tar_file picture;
    struct arena json;
};

bool tar_is_name(const char *name);

/* Add every sample of the archive at `path`, as a group called `shard`. */
sk_status tar_read_shard(struct tar_reader *reader, const char *path, const char *shard, enum data_part part);
void tar_reader_free(struct tar_reader *reader);

#endif
