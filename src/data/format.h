/* format.h — what one source format offers, and the dataset it fills in.
 *
 * A format is one file and one row of formats.def. Its open() checks everything about the source and fills
 * the sources; the split into parts is done for all formats alike afterwards.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_FORMAT_H
#define SK_DATA_FORMAT_H

#include <stdbool.h>

#include "base/arena.h"
#include "data/data.h"
#include "data/index.h"

enum { DATA_CLASSES_MAX = 100000 };
#define DATA_SAMPLES_MAX 100000000U

/* The pictures as the source keeps them, before any split; count = 0 where it has no such part. */
struct data_source {
    uint32_t count;
    int32_t *labels; /* (count) */
    /* either all pixels in memory: */
    const uint8_t *pixels; /* (count,H,W,C) */
    struct region memory;  /* that holds them */
    /* or a file's bytes each, alone or in a shard: */
    const struct index_part *index; /* of dataset->index; NULL: in memory */
};

/* A list into one source. */
struct data_list {
    enum data_part source;
    uint32_t count;
    uint32_t *samples; /* (count); NULL = all of the source in order */
};

struct dataset {
    struct arena arena;
    const struct data_format *format;
    const char *path;
    const char *root; /* the folder that the index's paths are below; "": they are whole */
    struct data_options options;
    int class_count;
    char **class_names;
    int shift;            /* classes without pictures before these; the numbers of this struct do not know them */
    char **shifted_names; /* (shift) */
    int height, width, channels;
    bool split; /* train was divided */
    uint32_t near_duplicates;
    struct index index; /* where the pictures of all sources lie, if not in memory */
    struct data_source source[DATA_PARTS];
    struct data_list list[DATA_PARTS];
};

struct data_format {
    const char *what; /* for sentences: "IDX files" */
    /* True where the folder looks like this format; reads names only. */
    bool (*detect)(const char *path);
    sk_status (*open)(struct dataset *dataset, const char *path);
    /* The bytes of a picture's file into SCRATCH_FILE; NULL = the pixels are in memory. */
    sk_status (*fetch)(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded);
    bool patterns; /* a SPEC may be a file, or a pattern of files, too */
};

#define FORMAT(name) extern const struct data_format data_format_##name;
#include "data/formats.def"
#undef FORMAT

/* The format and the folder of a SPEC (data.h); reads names only. */
sk_status data_find(const char *spec, const struct data_format **format, const char **path);

/* Take the index over as the dataset's sources and classes; it is the dataset's from then on. */
sk_status data_take_index(struct dataset *dataset, struct index *index);

/* What a format's open ends in: the index of a build (listed with `status`), kept and taken over. Frees the build. */
sk_status data_take_build(struct dataset *dataset, struct index_build *build, const struct index_place *place,
                          sk_status status);

/* Read sample i of a source whose pictures are encoded. */
sk_status data_read_source(const struct dataset *dataset, enum data_part source, uint32_t sample,
                           struct scratch *scratch, struct picture *picture);

/* Divide every class of train by these shares (0: that part is left as it is); data_split.c. */
sk_status data_split(struct dataset *dataset, const double share[DATA_PARTS]);
/* Take the parts from lists; split_lists.c. */
sk_status data_read_lists(struct dataset *dataset, const char *folder);

/* Fill class_names from `names` (copied) or, where NULL, with the numbers. */
sk_status data_name_classes(struct dataset *dataset, const char *const *names, int count);

#endif
